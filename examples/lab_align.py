"""A small language model learns from what is preferred (DPO), then from tests that its programs pass in the sandbox (GRPO).

On real runs: `metagpt data from-runs` makes the pairs and the tests, `metagpt lab align --method grpo --model embedded --data ...`.

Prints:
    DPO from 16 pairs: the right program became likelier than the wrong one: True
    GRPO: the mean share of tests passed rose by more than a quarter: True
    asked for double, it writes: def double(x): return 2 * x
"""

# mypy: disallow-untyped-calls=False
# (transformers leaves some methods unannotated)

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from metagpt.lab import MetaGPTConfig, MetaGPTForCausalLM, MetaGPTTokenizer, align

PROGRAMS = {
    "double": ("def double(x): return 2 * x", "def double(x): return x + 2"),
    "half": ("def half(x): return x / 2", "def half(x): return x - 2"),
}
"""The right and the wrong one."""
TESTS = {"double": [[[1], 2], [[5], 10]], "half": [[[2], 1], [[8], 4]]}


def make_base(folder: Path) -> str:
    """A model without knowledge, for which every prompt and every program is one token."""
    told = Tokenizer(models.BPE(vocab={"<|end|>": 0, "<|pad|>": 1}, merges=[]))
    told.decoder = decoders.Fuse()
    pieces = [*PROGRAMS, *(program for pair in PROGRAMS.values() for program in pair), "I do not know."]
    told.add_tokens([AddedToken(piece, normalized=False) for piece in pieces])
    tokenizer = MetaGPTTokenizer(tokenizer_object=told, eos_token="<|end|>", pad_token="<|pad|>")
    torch.manual_seed(7)
    config = MetaGPTConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, eos_token_id=0, pad_token_id=1
    )
    MetaGPTForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def write(file: Path, rows: list[dict[str, Any]]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def likelier(folder: str) -> float:
    """By how much the right program for `double` is likelier than the wrong one, in nats."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    said = model(**tokenizer("double", return_tensors="pt")).logits[0, -1].log_softmax(-1)
    right, wrong = (said[tokenizer.convert_tokens_to_ids(program)] for program in PROGRAMS["double"])
    return float((right - wrong).item())


def main(folder: Path) -> None:
    logging.disable_progress_bar()
    base = make_base(folder / "base")
    quick: dict[str, Any] = {"device": "cpu", "learning_rate": 1e-2}

    pairs = [{"text": name, "chosen": right, "rejected": wrong} for name, (right, wrong) in PROGRAMS.items()] * 8
    preferred = align("dpo", model=base, data=write(folder / "pairs.jsonl", pairs), out=folder / "dpo", max_steps=3, batch=4, **quick)
    better = likelier(preferred["model"]) > likelier(base)
    print(f"DPO from {len(pairs)} pairs: the right program became likelier than the wrong one:", better)

    tasks = [{"text": name, "function": name, "tests": json.dumps(tests)} for name, tests in TESTS.items()]
    tuned = align(
        "grpo", model=base, data=write(folder / "tasks.jsonl", tasks), out=folder / "grpo", max_steps=16, generations=16, batch=32,
        max_tokens=1, temperature=1.0, form_weight=0, **quick,
    )  # fmt: skip
    print("GRPO: the mean share of tests passed rose by more than a quarter:", tuned["last_reward"] > tuned["first_reward"] + 0.25)
    tokenizer = AutoTokenizer.from_pretrained(tuned["model"])
    model: Any = AutoModelForCausalLM.from_pretrained(tuned["model"])
    answer = model.generate(**tokenizer("double", return_tensors="pt"), max_new_tokens=1, do_sample=False)
    print("asked for double, it writes:", tokenizer.decode(answer[0, 1:]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
