"""Compress a classifier: whole numbers of eight or four bits, and a student of half its layers; each with size and score before and after.

The classifier is a small one made here; yours is the folder of a fine-tuned model, `hub:NAME`, or `embedded`.

Prints:
    int8: below 35 % of the size: True; within a point: True
    loaded again, it says the same: True
    int4: smaller still: True; within 5 points: True
    magnitude: smaller on the disk: False
    structured: 4 of 8 heads, 128 of 256 neurons; faster layers, smaller file: True
    student of 1 layer: as good as its teacher within 5 points: True
"""

# mypy: disallow-untyped-calls=False

import random
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from transformers.utils import logging

from metagpt.hub.data import Example, TextData
from metagpt.lab import compress, distill, finetune, load_compressed

WORDS = {"card": ["card", "chip", "pin"], "transfer": ["transfer", "wire", "iban"]}
REST = ["where", "is", "my", "the", "late", "please", "help", "new"]


def sentences(number: int, seed: int) -> TextData:
    chance = random.Random(seed)
    labels = [chance.choice(list(WORDS)) for _ in range(number)]
    return TextData(
        [Example(text=" ".join([*chance.choices(REST, k=5), chance.choice(WORDS[label])]), label=label) for label in labels], name="bank"
    )


def make_base(folder: Path) -> Path:
    vocabulary = ["[PAD]", "[UNK]", *REST, *WORDS["card"], *WORDS["transfer"], *(f"[unused{number}]" for number in range(112))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=128, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, initializer_range=0.05
    )
    BertModel(config).save_pretrained(folder)
    return folder


def main(folder: Path) -> None:
    logging.disable_progress_bar()
    train, test = sentences(200, seed=1), sentences(100, seed=2)
    classifier = finetune(make_base(folder / "base"), train, validation_share=0, max_epochs=4, learning_rate=3e-3, warmup=0.2)
    accuracy = classifier.evaluate(test)["accuracy"]

    small = compress(classifier, folder / "int8", test, method="int8", rounds=1)
    again = load_compressed(folder / "int8").finetuned
    assert again is not None
    close = abs(again.evaluate(test)["accuracy"] - accuracy) <= 0.01
    print(f"int8: below 35 % of the size: {small.size_share < 0.35}; within a point: {close}")
    print("loaded again, it says the same:", again.predict(test) == classifier.predict(test))

    smaller = compress(classifier, folder / "int4", test, method="int4", rounds=1)
    assert smaller.subject.finetuned is not None
    near = abs(smaller.subject.finetuned.evaluate(test)["accuracy"] - accuracy) <= 0.05
    print(f"int4: smaller still: {smaller.size_share < small.size_share}; within 5 points: {near}")

    zeros = compress(classifier, folder / "zeros", test, method="magnitude", share=0.5, rounds=1)
    print("magnitude: smaller on the disk:", zeros.size_share < 0.99)

    pruned = compress(classifier, folder / "pruned", test, method="structured", heads=0.5, neurons=0.5, rounds=1)
    heads, neurons = (f"{pruned.found[f'{kind}_after']} of {pruned.found[f'{kind}_before']} {kind}" for kind in ("heads", "neurons"))
    print(f"structured: {heads}, {neurons}; faster layers, smaller file: {pruned.size_share < 0.9}")

    taught = distill(classifier, folder / "student", train, test, layers=1, steps=60, learning_rate=1e-3, rounds=1, baseline=False)
    assert taught.subject.finetuned is not None
    print(
        "student of 1 layer: as good as its teacher within 5 points:", taught.subject.finetuned.evaluate(test)["accuracy"] > accuracy - 0.05
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
