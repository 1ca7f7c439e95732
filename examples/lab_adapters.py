"""Few parameters instead of all: LoRA, prefix, IA3 and bottleneck adapters beside full fine-tuning; and a generator that answers.

Prints:
    full       100 % of the parameters trained
    lora       less than 5 %
    prefix     less than 5 %
    ia3        less than 5 %
    bottleneck less than 5 %
    every one tells sports from economy: True
    translation: ['eins', 'zwei']
"""

import tempfile
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from transformers.utils import logging

from metagpt.hub.data import Example, TextData
from metagpt.lab import MetaGPTConfig, MetaGPTForCausalLM, MetaGPTTokenizer, finetune

Method = Literal["full", "lora", "prefix", "ia3", "bottleneck"]
RATES: dict[str, float] = {"full": 5e-4, "lora": 1e-2, "prefix": 3e-2, "ia3": 5e-2, "bottleneck": 1e-2}
NUMBERS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier"}


def topics(first: int, last: int) -> TextData:
    rows = [(f"The team won match {n}", "sports") for n in range(first, last)]
    rows += [(f"The bank raised rates by {n} points", "economy") for n in range(first, last) if n % 2]
    return TextData(Example(text=text, label=label) for text, label in rows)


def classify(method: Method) -> bool:
    model = finetune(
        "hub:all-minilm-l6-v2", topics(0, 12), method=method, learning_rate=RATES[method], max_steps=12, batch_size=8, max_length=16,
        width=16, class_weights="balanced", label_smoothing=0.05, weight_decay=0.01, validation_share=0, device="cpu",
    )  # fmt: skip
    share = model.record.trained / model.record.parameters
    print(f"{method:10} {'100 % of the parameters trained' if share == 1 else 'less than 5 %' if share < 0.05 else share}")
    return bool(model.evaluate(topics(50, 54))["accuracy"] == 1)


def translate(folder: Path) -> list[str]:
    """A small model without knowledge learns four pairs by heart; a real one would start from a pretrained base."""
    tokenizer = MetaGPTTokenizer.from_texts([*NUMBERS, *NUMBERS.values(), "Translate:\n "])
    shape: dict[str, Any] = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "eos_token_id": 0, "pad_token_id": 1}
    torch.manual_seed(7)
    MetaGPTForCausalLM(MetaGPTConfig(vocab_size=len(tokenizer), **shape)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pairs = TextData(Example(text=text, label=label) for text, label in NUMBERS.items())
    model = finetune(
        folder, pairs, task="translation", template="Translate: {text}\n", max_steps=80, learning_rate=3e-3, validation_share=0,
        max_new_tokens=8, batch_size=4, max_epochs=100, device="cpu",
    )  # fmt: skip
    return list(model.predict(["one", "two"]))


def main(folder: Path) -> None:
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # of transformers
    right = [classify(method) for method in get_args(Method)]
    print("every one tells sports from economy:", all(right))
    print("translation:", translate(folder))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
