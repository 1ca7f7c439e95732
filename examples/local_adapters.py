"""One model in this process, two roles, each with a LoRA adapter of its own: `local:BASE+adapter=FOLDER`.

The base is in memory once, and one batch answers both. Base and adapters are made here, untrained; yours come from a hub or peft.

Prints:
    engines: 1
    each role answered as it does alone: True
    the roles answered alike: False
"""

# mypy: disallow-untyped-calls=False

import asyncio
import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from metagpt import Goal, Message, ModelOptions, Role, Team, on
from metagpt.models.local.pool import num_engines
from metagpt.plugins import open_model


class Said(Message):
    role: str
    text: str


class Speaker(Role):
    """You speak."""

    @on(Goal)
    async def speak(self, goal: Goal) -> Said:
        text = await self.ask(str, "{{ goal.text }}", goal=goal, options=ModelOptions(temperature=0, max_tokens=20))
        return Said(role=self.name, text=text)


def make_base(folder: Path) -> str:
    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(letters, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=256, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, initializer_range=0.3,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    logging.disable_progress_bar()
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


def make_adapter(folder: Path, seed: int) -> str:
    folder.mkdir()
    torch.manual_seed(seed)
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    save_file(
        {f"{layer}.lora_A.weight": torch.randn(4, 32), f"{layer}.lora_B.weight": torch.randn(32, 4)}, folder / "adapter_model.safetensors"
    )
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}))
    return str(folder)


async def ask(references: dict[str, str]) -> dict[str, str]:
    opened = {name: open_model(reference, {"device": "cpu"}) for name, reference in references.items()}
    run = await Team([Speaker(name=name, model=model) for name, model in opened.items()], final=Said).run("How are you?")
    if len(opened) > 1:
        print("engines:", num_engines())
    for model in opened.values():
        await model.close()
    return {said.role: said.text for said in run.messages if isinstance(said, Said)}


async def main(scratch: Path) -> None:
    base = make_base(scratch / "base")
    roles = {name: f"local:{base}+adapter={make_adapter(scratch / name, seed)}" for seed, name in enumerate(["optimist", "pessimist"])}
    together = await ask(roles)
    alone = [await ask({name: reference}) for name, reference in roles.items()]
    print("each role answered as it does alone:", together == alone[0] | alone[1])
    print("the roles answered alike:", together["optimist"] == together["pessimist"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(Path(scratch)))
