"""The embedded model in use: specs sampled for goals, a program for each spec, all in batches."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from metagpt.lab.embedded.corpus import specify_prompt
from metagpt.models.compact import compact_prompt

__all__ = ["SmallModel", "Spec", "read_spec"]


@dataclass(frozen=True)
class Spec:
    """What the product manager says of a goal."""

    in_scope: bool
    summary: str = ""
    signature: str = ""
    examples: tuple[tuple[Any, Any], ...] = ()

    @property
    def takes(self) -> str:
        """The type of the argument, as it stands in the signature."""
        return self.signature.partition(": ")[2].partition(") ->")[0]


def read_spec(text: str) -> Spec | None:
    """The spec in a model's answer; None where it is not one."""
    try:
        found = json.loads(text)
        if not found["in_scope"]:
            return Spec(False)
        examples = tuple((argument, result) for argument, result in found["examples"])
        return Spec(True, str(found["summary"]), str(found["signature"]), examples)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


@dataclass
class SmallModel:
    """Weights and tokenizer of a folder; answers calls in batches."""

    folder: Path
    batch: int = 96
    _programs: dict[tuple[str, str], str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder, padding_side="left")
        self.model: Any = AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32)  # ready to generate: dropout is 0

    def specs(self, goals: Sequence[str], *, candidates: int, temperature: float, seed: int) -> list[list[Spec | None]]:
        """For each goal the greedy spec and `candidates - 1` sampled ones."""
        prompts = [specify_prompt(goal) for goal in goals]
        torch.manual_seed(seed)
        greedy = self.answers(prompts)
        sampled = self.answers(prompts, samples=candidates - 1, temperature=temperature) if candidates > 1 else []
        found = []
        for number in range(len(goals)):
            texts = [greedy[number], *sampled[number * (candidates - 1) : (number + 1) * (candidates - 1)]]
            found.append([read_spec(text) for text in texts])
        return found

    def programs(self, specs: Sequence[Spec]) -> list[str]:
        """The greedy program of each spec; a spec met before is not asked again."""
        keys = [(spec.signature, spec.summary) for spec in specs]
        new = [key for key in dict.fromkeys(keys) if key not in self._programs]
        prompts = [compact_prompt("engineer.write_program", {"signature": signature, "summary": summary}) for signature, summary in new]
        self._programs.update(zip(new, self.answers(prompts, max_tokens=320), strict=True))
        return [self._programs[key] for key in keys]

    def answers(self, prompts: Sequence[str], *, samples: int = 1, temperature: float = 0.0, max_tokens: int = 160) -> list[str]:
        """`samples` answers to each prompt, those of one prompt together."""
        found: list[str] = []
        step = max(1, self.batch // samples)
        for start in range(0, len(prompts), step):
            found.extend(self._answers(prompts[start : start + step], samples, temperature, max_tokens))
        return found

    @torch.inference_mode()
    def _answers(self, prompts: Sequence[str], samples: int, temperature: float, max_tokens: int) -> list[str]:
        """Each prompt is read once, however many samples it gets; rows that have ended leave the batch."""
        tokens = self.tokenizer(list(prompts), return_tensors="pt", padding=True, add_special_tokens=False)
        mask = tokens["attention_mask"]
        read = self.model(input_ids=tokens["input_ids"], attention_mask=mask, position_ids=_places(mask), use_cache=True, logits_to_keep=1)
        cache, logits = read.past_key_values, read.logits[:, -1].repeat_interleave(samples, dim=0)
        cache.batch_repeat_interleave(samples)
        mask = mask.repeat_interleave(samples, dim=0)
        made: list[list[int]] = [[] for _ in range(len(prompts) * samples)]
        rows = torch.arange(len(made))
        for _ in range(max_tokens):
            chosen = _drawn(logits, temperature)
            going = chosen != self.tokenizer.eos_token_id
            for row, token, goes in zip(rows.tolist(), chosen.tolist(), going.tolist(), strict=True):
                if goes:
                    made[row].append(token)
            if not bool(going.all()):
                kept = going.nonzero().flatten()
                cache.batch_select_indices(kept)
                rows, mask, chosen = rows[kept], mask[kept], chosen[kept]
            if len(rows) == 0:
                break
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            places = _places(mask)[:, -1:]
            logits = self.model(input_ids=chosen[:, None], attention_mask=mask, position_ids=places, past_key_values=cache).logits[:, -1]
        texts: list[str] = self.tokenizer.batch_decode(made, skip_special_tokens=True)
        return texts


def _places(mask: Tensor) -> Tensor:
    """Position of each token among those that are no padding."""
    return (mask.cumsum(dim=1) - 1).clamp(min=0)


def _drawn(logits: Tensor, temperature: float) -> Tensor:
    if temperature == 0:
        return logits.argmax(dim=-1)
    return torch.multinomial(torch.softmax(logits.float() / temperature, dim=-1), 1).flatten()
