"""A language model from nothing: pretrained on a text, cut on the way, resumed to the same losses, and asked for a text.

On a real text: metagpt lab pretrain --data shakespeare.txt --steps 2000

Prints:
    an ignorant model has 3.5 nats per character, this one less: True
    cut after step 25 and resumed, all 40 losses are the same: True
    it goes on with "9 bottles": True
    its perplexity is higher on words in another order: True
"""

import math
import tempfile
from pathlib import Path
from typing import Any

import torch

from metagpt.lab import PretrainSettings, pretrain
from metagpt.lab.evaluation import model_perplexity
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.training import train

SHAPE: dict[str, Any] = {
    "layers": 2,
    "width": 32,
    "heads": 2,
    "length": 32,
    "rows": 8,
    "steps": 40,
    "warmup": 4,
    "learning_rate": 0.01,
    "device": "cpu",
}


class Cut(Exception):  # noqa: N818
    """Stands for a kill, a full disk, a power failure."""


class CutFolder(RunFolder):
    def log(self, **values):  # type: ignore[no-untyped-def]
        super().log(**values)
        if values["step"] == 25:
            raise Cut


def losses(folder: Path) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in RunFolder(folder).logged() if "loss" in line}


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        text = Path(place) / "song.txt"
        text.write_text("".join(f"{number} green bottles of beer on the wall, take one down.\n" for number in range(99, 0, -1)))
        whole = pretrain(text, out=Path(place) / "whole", **SHAPE)
        chance = math.log(whole.results["vocabulary"])
        print(f"an ignorant model has {chance:.1f} nats per character, this one less:", whole.results["validation_loss"] < 2.5)

        settings = PretrainSettings(data=str(text), save_every=10, **SHAPE)
        cut = RunFolder.create("pretrain", {"job": "pretrain", **settings.model_dump(mode="json")}, path=Path(place) / "cut")
        try:
            train(0, settings, CutFolder(cut.path))
        except Cut:
            resumed = pretrain(resume=cut.path)
        same = losses(resumed.folder) == losses(whole.folder)
        print("cut after step 25 and resumed, all 40 losses are the same:", same)

        model, tokenizer = resumed.load()
        made = model.generate(**tokenizer("9 bottles", return_tensors="pt"), max_new_tokens=16, do_sample=False)
        print('it goes on with "9 bottles":', tokenizer.decode(made[0]).startswith("9 bottles"))
        line = "9 green bottles of beer on the wall"
        known, mixed = (model_perplexity(model, tokenizer, [each]).value for each in (line, " ".join(sorted(line.split()))))
        print("its perplexity is higher on words in another order:", mixed > known)


if __name__ == "__main__":
    main()
