"""Few-shot classification on BANKING77 and CLINC150: the frozen encoder, SetFit and our contrastive training, on the same shots.

    python -m benchmarks.lab_few_shot [--sets banking77 clinc150] [--shots 5 10] [--seeds 5] [--device cpu] [--iterations 20] [--log FILE]

All contenders have the same encoder, MiniLM, the same examples, threads and 16-bit products; the test sets are the publishers' whole ones.
Seconds are of training and predicting, without loading, by the clock and of the processor. SetFit runs in an environment of its own,
at its paper's settings (Tunstall et al. 2022): 20 pairs of each kind for every text, one epoch, batches of 16; --iterations makes
fewer, and the contender is then named after them. On one core its paper's settings take five hours: cells that the log holds are not
measured again, so the table can be made in parts.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.environments import ROOT, child_environ, environment_of
from metagpt.hub.builtin import minilm_folder
from metagpt.hub.data import Example, TextData, few_shot
from metagpt.lab.contrastive import ContrastiveTrainer
from metagpt.lab.contrastive.encoder import TrainedEncoder

DATA = Path(__file__).parents[2] / "shared" / "data"
YARDSTICK = {("banking77", 5): 75.7, ("banking77", 10): 81.5, ("clinc150", 5): 86.0, ("clinc150", 10): 88.9}
"""Accuracy of the nearest centroid of frozen MiniLM, in percent."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training and its test."""

    data: str
    shots: int
    contender: str
    seed: int
    accuracy: float
    """Percent."""
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Race:
    """What a contender did."""

    predictions: list[str]
    wall_s: float
    cpu_s: float


def main() -> None:
    """Print a line for every cell and contender as it is done, then the means."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    known = _logged(arguments.log)
    print("| set | shots | contender | seed | accuracy % | s | CPU s |\n|---|---|---|---|---|---|---|")
    cells = [
        known.get((name, shots, _called(contender, arguments), seed)) or _measured(name, shots, contender, seed, arguments)
        for name in arguments.sets
        for shots in arguments.shots
        for seed in range(arguments.seeds)
        for contender in arguments.contenders
    ]
    print("\n| set | shots | contender | accuracy % (mean ± sd) | s a seed | CPU s a seed | seeds | yardstick |")
    print("|---|---|---|---|---|---|---|---|")
    for key in dict.fromkeys((cell.data, cell.shots, cell.contender) for cell in cells):
        of_key = [cell for cell in cells if (cell.data, cell.shots, cell.contender) == key]
        scores = [cell.accuracy for cell in of_key]
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        wall, cpu = (statistics.mean(getattr(cell, each) for cell in of_key) for each in ("wall_s", "cpu_s"))
        told = f"{statistics.mean(scores):.2f} ± {spread:.2f} | {wall:.1f} | {cpu:.1f} | {len(of_key)} | {YARDSTICK.get(key[:2], '-')}"
        print(f"| {key[0]} | {key[1]} | {key[2]} | {told} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sets", nargs="+", choices=("banking77", "clinc150"), default=["banking77", "clinc150"])
    parser.add_argument("--shots", nargs="+", type=int, default=[5, 10])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--classes", type=int, help="only the first so many, for a quick look")
    parser.add_argument("--contenders", nargs="+", choices=("centroid", "metagpt", "setfit"), default=["centroid", "metagpt", "setfit"])
    parser.add_argument("--iterations", type=int, default=20, help="of SetFit: pairs of each kind for every text")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--log", type=Path, help="keep the cells here as JSON lines, and leave out those that it holds")
    return parser.parse_args()


def _called(contender: str, arguments: argparse.Namespace) -> str:
    return f"setfit, {arguments.iterations} iterations" if contender == "setfit" else contender


def _logged(log: Path | None) -> dict[tuple[str, int, str, int], Cell]:
    if log is None or not log.is_file():
        return {}
    cells = [Cell(**json.loads(line)) for line in log.read_text().splitlines()]
    return {(cell.data, cell.shots, cell.contender, cell.seed): cell for cell in cells}


def _measured(name: str, shots: int, contender: str, seed: int, arguments: argparse.Namespace) -> Cell:
    train, test = READERS[name]()
    if arguments.classes:
        kept = set(train.classes[: arguments.classes])
        train, test = (TextData([example for example in data if example.label in kept], name=data.name) for data in (train, test))
    race = CONTENDERS[contender](few_shot(train, shots, seed=seed), test, seed, arguments)
    right = sum(found == wanted for found, wanted in zip(race.predictions, test.labels, strict=True))
    cell = Cell(
        data=name, shots=shots, contender=_called(contender, arguments), seed=seed, accuracy=100 * right / len(test), wall_s=race.wall_s,
        cpu_s=race.cpu_s,
    )  # fmt: skip
    print(f"| {name} | {shots} | {cell.contender} | {seed} | {cell.accuracy:.2f} | {cell.wall_s:.1f} | {cell.cpu_s:.1f} |", flush=True)
    if arguments.log is not None:
        with arguments.log.open("a") as log:
            log.write(json.dumps(asdict(cell)) + "\n")
    return cell


def _centroid(train: TextData, test: TextData, seed: int, arguments: argparse.Namespace) -> Race:
    encoder = TrainedEncoder(_encoder(), device=arguments.device)
    started = time.perf_counter(), time.process_time()
    vectors, classes = encoder.encode(encoder.tokenize(train.texts)), train.classes
    members = torch.tensor([[label == each for label in train.labels] for each in classes], dtype=torch.float32)
    centroids = torch.nn.functional.normalize(members @ vectors, dim=-1)
    nearest = (encoder.encode(encoder.tokenize(test.texts)) @ centroids.T).argmax(-1)
    return Race([classes[place] for place in nearest.tolist()], time.perf_counter() - started[0], time.process_time() - started[1])


def _ours(train: TextData, test: TextData, seed: int, arguments: argparse.Namespace) -> Race:
    started = time.perf_counter(), time.process_time()
    model = ContrastiveTrainer(models="minilm", device=arguments.device).fit(train)
    predictions = model.predict(test)
    return Race(predictions, time.perf_counter() - started[0], time.process_time() - started[1])  # with loading, a part of a second


def _setfit(train: TextData, test: TextData, seed: int, arguments: argparse.Namespace) -> Race:
    environment = environment_of("setfit")
    if environment.python is None:
        raise SystemExit(f"setfit: {environment.problem}")
    classes = train.classes
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.json"
        cell = {
            "texts": train.texts, "targets": [classes.index(label) for label in train.labels], "tests": test.texts, "seed": seed,
            "encoder": str(_encoder()), "iterations": arguments.iterations, "device": arguments.device, "threads": arguments.threads,
            "scratch": scratch, "answer": str(answer),
        }  # fmt: skip
        command = [str(environment.python), "-m", "benchmarks.setfit_child"]
        subprocess.run(command, input=json.dumps(cell), text=True, check=True, cwd=ROOT, env=child_environ(), stdout=subprocess.DEVNULL)
        said = json.loads(answer.read_text())
    return Race([classes[place] for place in said["predictions"]], said["wall_s"], said["cpu_s"])


def _encoder() -> Path:
    folder = minilm_folder()
    assert folder is not None, "the extra `memory` carries it"
    return folder


def _banking() -> tuple[TextData, TextData]:
    def read(part: str) -> TextData:
        with (DATA / "banking77" / f"{part}.csv").open(newline="") as file:
            return TextData([Example(text=row["text"], label=row["category"]) for row in csv.DictReader(file)], name=f"banking77/{part}")

    return read("train"), read("test")


def _clinc() -> tuple[TextData, TextData]:
    rows = json.loads((DATA / "clinc150" / "data_full.json").read_text())
    train, test = (
        TextData([Example(text=text, label=label) for text, label in rows[part]], name=f"clinc150/{part}") for part in ("train", "test")
    )
    return train, test


Contender = Callable[[TextData, TextData, int, argparse.Namespace], Race]
CONTENDERS: Mapping[str, Contender] = {"centroid": _centroid, "metagpt": _ours, "setfit": _setfit}
READERS: Mapping[str, Callable[[], tuple[TextData, TextData]]] = {"banking77": _banking, "clinc150": _clinc}


if __name__ == "__main__":
    main()
