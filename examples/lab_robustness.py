"""How much worse is a model when words are swapped, left out or typed wrongly; training against moved embeddings; text with entities.

The job `robustness` does all of it: `metagpt lab robustness --model BASE --data train.csv --test test.csv --adversary fgm --baseline`.

Prints:
    clean 1.00
    swap   1.00 [+0.00, +0.00]
    typo   worse, surely: True
    training set of 60 became more than 150: True
    ['Marie', 'Curie', 'met', 'Ada'] ('B-PER', 'I-PER', 'O', 'B-PER')
    trained against Fgm: accuracy above 0.9: True
    trained against FreeLb: accuracy above 0.9: True
"""

# mypy: disallow-untyped-calls=False

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers.utils import logging

from metagpt.hub.data import Example, TextData
from metagpt.lab import Fgm, FreeLb, MetaGPTConfig, MetaGPTModel, MetaGPTTokenizer, augment, finetune, perturb, robustness_report

WORDS = {"card": ["card", "chip", "pin"], "transfer": ["transfer", "wire", "iban"]}
REST = ["where", "is", "my", "the", "late", "please", "help"]


class Keywords:
    """A model of your own: anything with `predict` is reported on."""

    def predict(self, inputs: Sequence[Example]) -> list[str]:
        return ["card" if set(each.text.split()) & set(WORDS["card"]) else "transfer" for each in inputs]


def make_base(folder: Path) -> Path:
    """A small encoder without knowledge."""
    vocabulary = ["[END]", "[PAD]", "[UNK]", *REST, *WORDS["card"], *WORDS["transfer"]]
    told = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    told.pre_tokenizer = pre_tokenizers.Whitespace()
    MetaGPTTokenizer(tokenizer_object=told, eos_token="[END]", pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    words = len(vocabulary)
    shape: dict[str, Any] = {"vocab_size": words, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "pad_token_id": 1}
    torch.manual_seed(7)
    MetaGPTModel(MetaGPTConfig(is_causal=False, **shape)).save_pretrained(folder)
    return folder


def main() -> None:
    logging.disable_progress_bar()
    chance = random.Random(7)
    labels = [chance.choice(list(WORDS)) for _ in range(60)]
    texts = TextData(Example(text=" ".join([*chance.choices(REST, k=4), chance.choice(WORDS[label])]), label=label) for label in labels)

    report = robustness_report(Keywords(), texts, ["swap", "typo"], strength=0.6)
    swap, typo = report["swap"].difference, report["typo"].difference
    print(f"clean {report.clean:.2f}")
    print(f"swap   {swap.second:.2f} [{swap.interval.low:+.2f}, {swap.interval.high:+.2f}]")
    print("typo   worse, surely:", typo.interval.high < 0 and typo.p_value < 0.05)

    print("training set of 60 became more than 150:", len(augment(texts, ["swap", "delete", "typo"], seed=1)) > 150)

    people = TextData(
        Example(text=" ".join(words), label=tags, fields={"tokens": words})
        for words, tags in (
            (["Ada", "met", "Marie", "Curie"], ("B-PER", "O", "B-PER", "I-PER")),
            (["Nobody", "came"], ("O", "O")),
        )
    )
    first = perturb(people, "mention", strength=1.0)[0]
    print(first.fields["tokens"], first.label)

    with tempfile.TemporaryDirectory() as folder:
        base = make_base(Path(folder))
        for adversary in (Fgm(epsilon=0.2), FreeLb(epsilon=0.2, rate=0.1)):
            model = finetune(base, texts, adversary=adversary, validation_share=0, max_epochs=12, learning_rate=1e-2, device="cpu")
            print(f"trained against {type(adversary).__name__}: accuracy above 0.9: {model.evaluate(texts)['accuracy'] > 0.9}")


if __name__ == "__main__":
    main()
