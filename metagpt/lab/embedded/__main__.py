"""`python -m metagpt.lab.embedded`: corpus, tokenizer, train, evaluate, serve, export."""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

DEFAULT_FOLDER = Path(".training/embedded")
WEIGHTS = Path(__file__).parents[2] / "models" / "embedded_weights"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; each has its own `--help`."""
    options = _parser().parse_args(arguments)
    result: int = options.command(options)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m metagpt.lab.embedded", description="Make the embedded model: corpus, tokenizer, training, evaluation, export."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    corpus = commands.add_parser("corpus", help="print samples of the training corpus")
    corpus.add_argument("--count", type=int, default=20, help="how many examples (default 20)")
    corpus.add_argument("--call", default="", help="only this call, as product_manager.specify")
    corpus.add_argument("--seed", type=int, default=7, help="same seed, same examples (default 7)")
    corpus.set_defaults(command=_corpus)

    tokenizer = commands.add_parser("tokenizer", help="train the tokenizer on the corpus")
    tokenizer.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder to save it in (default .training/embedded)")
    tokenizer.add_argument("--size", type=int, default=2560, help="number of tokens (default 2560)")
    tokenizer.add_argument("--count", type=int, default=40_000, help="examples to train on (default 40000)")
    tokenizer.add_argument("--seed", type=int, default=7)
    tokenizer.set_defaults(command=_tokenizer)

    train = commands.add_parser("train", help="train the model, or go on where a training in the folder stopped")
    train.add_argument(
        "--out", type=Path, default=DEFAULT_FOLDER, help="folder of tokenizer, checkpoint and log (default .training/embedded)"
    )
    train.add_argument("--seed", type=int, default=7)
    length = train.add_mutually_exclusive_group()
    length.add_argument("--tokens", type=int, default=30_000_000, help="positions to train on (default 30 million)")
    length.add_argument("--minutes", type=float, help="measure the speed for a few steps and choose the tokens to fill this time")
    train.add_argument("--workers", type=int, default=2, help="processes of one thread each (default 2)")
    train.add_argument("--rows", type=int, default=16, help="rows of 256 tokens in a worker's batch (default 16)")
    train.add_argument("--layers", type=int, default=5)
    train.add_argument("--width", type=int, default=256, help="of the residual stream; heads are 64 wide (default 256)")
    train.add_argument("--hidden", type=int, default=688, help="of the feed-forward part (default 688)")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser("evaluate", help="score the model by running its programs")
    evaluate.add_argument("--model", type=Path, default=WEIGHTS, help="folder of weights and tokenizer (default: the shipped ones)")
    evaluate.add_argument("--out", type=Path, default=DEFAULT_FOLDER / "evaluation", help="folder for scores.json and scores.md")
    evaluate.add_argument("--sets", nargs="*", default=[], help="names of sets; all but the test goals if none is given")
    evaluate.add_argument("--count", type=int, default=100, help="goals of each generated set (default 100)")
    evaluate.add_argument("--candidates", type=int, default=16, help="specs sampled for each goal (default 16)")
    evaluate.add_argument("--temperature", type=float, default=0.7)
    evaluate.add_argument("--seed", type=int, default=7)
    evaluate.set_defaults(command=_evaluate)

    serve = commands.add_parser("serve", help="score the model in service: the software team works on the goals")
    serve.add_argument("--model", default="embedded", help="model reference (default embedded)")
    serve.add_argument("--out", type=Path, default=DEFAULT_FOLDER / "evaluation", help="folder for served.json and served.md")
    serve.add_argument("--sets", nargs="+", required=True, help="names of sets, as validation test_outside")
    serve.add_argument("--count", type=int, default=50, help="goals of each generated set (default 50)")
    serve.add_argument("--seed", type=int, default=7)
    serve.set_defaults(command=_serve)

    export = commands.add_parser("export", help="write the averaged weights of a checkpoint as a folder to ship")
    export.add_argument("--out", type=Path, default=WEIGHTS, help="folder to write (default: the shipped weights)")
    export.add_argument("--training", type=Path, default=DEFAULT_FOLDER, help="folder of the training (default .training/embedded)")
    export.add_argument("--scores", type=Path, help="scores.md or served.md of an evaluation, for the card")
    export.set_defaults(command=_export)
    return parser


def _corpus(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.corpus import examples

    stream = examples(random.Random(options.seed))
    shown = 0
    while shown < options.count:
        example = next(stream)
        if options.call in example.call:
            sys.stdout.write(f"{example.prompt}\n  {example.answer}\n\n")
            shown += 1
    return 0


def _tokenizer(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.tokens import train_tokenizer

    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(options.out, size=options.size, count=options.count, seed=options.seed)
    sys.stdout.write(f"{len(tokenizer)} tokens in {options.out}\n")
    return 0


def _train(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.training import TrainingConfig, measured_tokens, train

    shape = {"layers": options.layers, "width": options.width, "heads": options.width // 64, "hidden": options.hidden}
    config = TrainingConfig(
        folder=options.out, seed=options.seed, num_tokens=options.tokens, num_workers=options.workers, rows=options.rows, **shape
    )
    if options.minutes is not None:
        config = measured_tokens(config, options.minutes)
    train(config)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.evaluation import EvaluationConfig, evaluate

    config = EvaluationConfig(
        model=options.model,
        out=options.out,
        sets=tuple(options.sets),
        count=options.count,
        candidates=options.candidates,
        temperature=options.temperature,
        seed=options.seed,
    )
    sys.stdout.write(evaluate(config))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.in_service import serve_sets

    sys.stdout.write(serve_sets(options.sets, model=options.model, out=options.out, count=options.count, seed=options.seed))
    return 0


def _export(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.export import export

    export(options.training, options.out, scores=options.scores)
    sys.stdout.write(f"written: {options.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
