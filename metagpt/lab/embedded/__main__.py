"""`python -m metagpt.lab.embedded`: make, or its parts corpus, train, weigh, export; and evaluate, serve."""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCORES = Path(".metagpt/embedded")
WEIGHTS = Path(__file__).parents[2] / "models" / "embedded_weights"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; each has its own `--help`."""
    options = _parser().parse_args(arguments)
    result: int = options.command(options)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m metagpt.lab.embedded", description="Make the embedded model: corpus, training, evaluation, export."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    make = commands.add_parser(
        "make", help="make the whole model from nothing: both trainings, the folder to ship, the weights of the signs"
    )
    make.add_argument("--out", type=Path, required=True, help="folder of it all; one that was cut is gone on with")
    make.add_argument("--device", help="cpu, cuda or mps (default cpu)")
    for name, of in (
        ("seed", "same seed, same losses (default 7)"),
        ("workers", "processes that train together (default 2 for the first model, 1 for the second)"),
        ("rows", "rows of 256 tokens in a worker's batch (default 16)"),
    ):
        make.add_argument(f"--{name}", type=int, help=of)
    make.set_defaults(command=_make)

    corpus = commands.add_parser("corpus", help="print samples of the training corpus")
    corpus.add_argument("--count", type=int, default=20, help="how many examples (default 20)")
    corpus.add_argument("--call", default="", help="only this call, as product_manager.specify")
    corpus.add_argument("--seed", type=int, default=7, help="same seed, same examples (default 7)")
    corpus.set_defaults(command=_corpus)

    train = commands.add_parser("train", help="train the model: a short form of metagpt lab run metagpt/lab/embedded/recipe.toml")
    place = train.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, help="the run's new folder (default: one below .metagpt/lab)")
    place.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the run of this folder, which was cut")
    train.add_argument("--seed", type=int, help="same seed, same losses (default 7)")
    train.add_argument("--tokens", type=int, help="positions to train on (default 74.5 million)")
    train.add_argument("--base", type=Path, help="folder of earlier weights to go on from; their tokenizer and shape are kept")
    for name, of in (
        ("workers", "processes that train together (default 2)"),
        ("rows", "rows of 256 tokens in a worker's batch (default 16)"),
        ("layers", "blocks of the model (default 5)"),
        ("width", "of the residual stream; heads are 64 wide (default 256)"),
        ("hidden", "of the feed-forward part (default 688)"),
    ):
        train.add_argument(f"--{name}", type=int, help=of)
    train.set_defaults(command=_train)

    evaluate = commands.add_parser("evaluate", help="score the model by running its programs")
    evaluate.add_argument("--model", type=Path, default=WEIGHTS, help="folder of weights and tokenizer (default: the shipped ones)")
    evaluate.add_argument("--out", type=Path, default=SCORES, help="folder for scores.json and scores.md")
    evaluate.add_argument("--sets", nargs="*", default=[], help="names of sets; all but the test goals if none is given")
    evaluate.add_argument("--count", type=int, default=100, help="goals of each generated set (default 100)")
    evaluate.add_argument("--candidates", type=int, default=16, help="specs sampled for each goal (default 16)")
    evaluate.add_argument("--temperature", type=float, default=0.7)
    evaluate.add_argument("--seed", type=int, default=7)
    evaluate.set_defaults(command=_evaluate)

    weigh = commands.add_parser("weigh", help="fit the weights of the signs by which readings are chosen")
    weigh.add_argument("--model", type=Path, default=WEIGHTS, help="folder with both models, which gets them (default: the shipped ones)")
    weigh.add_argument("--count", type=int, default=60, help="goals of each generated set (default 60)")
    weigh.add_argument("--seed", type=int, default=21)
    weigh.set_defaults(command=_weigh)

    serve = commands.add_parser("serve", help="score the model in service: the software team works on the goals")
    serve.add_argument("--model", default="embedded", help="model reference (default embedded)")
    serve.add_argument("--out", type=Path, default=SCORES, help="folder for served.json and served.md")
    serve.add_argument("--sets", nargs="+", required=True, help="names of sets, as validation test_outside")
    serve.add_argument("--count", type=int, default=50, help="goals of each generated set (default 50)")
    serve.add_argument("--seed", type=int, default=7)
    serve.set_defaults(command=_serve)

    export = commands.add_parser("export", help="write the averaged weights of a run as a folder to ship")
    export.add_argument("--out", type=Path, default=WEIGHTS, help="folder to write (default: the shipped weights)")
    export.add_argument("--training", type=Path, required=True, metavar="FOLDER", help="folder of the run, done or going on")
    export.add_argument("--retelling", type=Path, metavar="FOLDER", help="folder of the run of retelling.toml")
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


def _make(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.making import make

    named = {name: getattr(options, name) for name in ("seed", "device", "workers", "rows")}
    model = make(options.out, changed={name: value for name, value in named.items() if value is not None})
    sys.stdout.write(f"written: {model}\n")
    return 0


def _train(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.making import READER
    from metagpt.lab.jobs import read_recipe, run_recipe

    recipe = read_recipe(READER).overridden(_changed(options))
    if options.tokens is not None:
        settings: Any = recipe.settings()
        recipe = recipe.overridden({"steps": max(1, options.tokens // settings.tokens_per_step)})
    folder, results = run_recipe(recipe, out=options.out, resume=options.resume)
    sys.stdout.write(f"validation loss {results['validation_loss']:.4f}, written: {folder.path}\n")
    return 0


def _changed(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that flags change."""
    found = {name: getattr(options, name) for name in ("seed", "workers", "rows", "layers", "width", "hidden")}
    found["heads"] = None if options.width is None else max(1, options.width // 64)
    found["base"] = None if options.base is None else str(options.base)
    return {name: value for name, value in found.items() if value is not None}


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


def _weigh(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.weights_of_signs import fit, gather
    from metagpt.models.local.sign_weights import write_sign_weights

    found = fit(list(gather(options.model, count=options.count, seed=options.seed)))
    write_sign_weights(options.model, found)
    sys.stdout.write(f"{found}\n")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.in_service import serve_sets

    sys.stdout.write(serve_sets(options.sets, model=options.model, out=options.out, count=options.count, seed=options.seed))
    return 0


def _export(options: argparse.Namespace) -> int:
    from metagpt.lab.embedded.export import export

    export(options.training, options.out, retelling=options.retelling, scores=options.scores)
    sys.stdout.write(f"written: {options.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
