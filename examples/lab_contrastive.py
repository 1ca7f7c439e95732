"""The two contrastive losses by hand, and a classifier trained by each on three texts of a class.

Prints:
    NT-Xent of two texts whose views agree and that are opposite is below a millionth: True
    NT-Xent of two texts that no one can tell apart: 1.0986, the log of 3
    supervised: 4 of 4 right
    nt_xent: 4 of 4 right
"""

import math
from typing import Literal, get_args

import torch

from metagpt.hub.data import Example, TextData
from metagpt.lab import ContrastiveTrainer
from metagpt.lab.contrastive import ContrastiveConfig, nt_xent

Loss = Literal["supervised", "nt_xent"]
TRAIN = {
    "sports": ["The striker scored twice.", "She won the marathon.", "The coach left the football club."],
    "economy": ["Inflation rose again.", "The central bank raised rates.", "Exports and profits grew."],
}
TEST = {
    "sports": ["The team won the cup on penalties.", "The tennis player reached the final."],
    "economy": ["The stock market closed lower.", "Consumer prices went up."],
}


def data(texts: dict[str, list[str]]) -> TextData:
    return TextData(Example(text=text, label=label) for label, found in texts.items() for text in found)


def main() -> None:
    apart, alike = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = nt_xent(apart, apart, temperature=0.07)
    print("NT-Xent of two texts whose views agree and that are opposite is below a millionth:", bool(loss < 1e-6))
    loss = nt_xent(alike, alike, temperature=0.07)
    print(f"NT-Xent of two texts that no one can tell apart: {loss:.4f}, the log of {math.exp(loss):.0f}")

    test = data(TEST)
    for name in get_args(Loss):
        model = ContrastiveTrainer(models="minilm", config=ContrastiveConfig(loss=name, max_epochs=4), device="cpu").fit(data(TRAIN))
        right = sum(found == wanted for found, wanted in zip(model.predict(test), test.labels, strict=True))
        print(f"{name}: {right} of {len(test)} right")


if __name__ == "__main__":
    main()
