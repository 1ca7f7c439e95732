"""Tokens per second of a local model on a GPU, by concurrent requests, beside plain `generate`, `generate_batch` and the card's bandwidth.

    python -m benchmarks.local_gpu [--tokens 128] [--device cuda]

The bound by bandwidth: a step must read all weights once, so no more than requests x bandwidth / bytes of weights. The bandwidth
is measured, by copying on the card.
"""

# mypy: disallow-untyped-calls=False
# (transformers leaves some constructors unannotated)

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig, PreTrainedModel

from benchmarks.random_weights import SMALL, random_model
from metagpt.models.interface import ChatMessage, ModelOptions, ModelReply, ModelRequest
from metagpt.models.local import LocalModel, open_local

__all__ = ["HALF_BILLION", "gpu_report"]

CONCURRENT = (1, 8, 32, 128)
HALF_BILLION = LlamaConfig(
    vocab_size=65_536,
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_key_value_heads=4,
    max_position_embeddings=4096,
    bos_token_id=None,
    eos_token_id=None,
)
"""About half a billion parameters."""


def gpu_report(
    *, tokens: int = 128, device: str = "cuda", shape: LlamaConfig = HALF_BILLION, concurrent: tuple[int, ...] = CONCURRENT
) -> str:
    """The table, or a line that says why there is none."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        return f"GPU: torch {torch.__version__} finds none here; tokens per second by concurrent requests are measured where there is one."
    dtype = torch.bfloat16
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_model(Path(scratch), shape, dtype, device)
        ours = asyncio.run(_ours(folder, device, tokens, concurrent))
        reference = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device).eval()
    size = sum(part.nbytes for part in reference.parameters())
    works: dict[str, Callable[[list[list[int]]], int]] = {"generate": lambda prompts: _generate(reference, prompts, tokens)}
    if device.startswith("cuda"):  # on a CPU it takes minutes
        works["generate_batch"] = lambda prompts: _generate_batch(reference, prompts, tokens)
    columns = {"metagpt": ours} | {name: _rates(work, concurrent, device) for name, work in works.items()}
    bandwidth = _bandwidth(device)
    columns["bound"] = [f"{number * bandwidth / size:,.0f}" for number in concurrent]
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    title = (
        f"{name}: {reference.num_parameters() / 1e9:.2f} B parameters in {dtype}, {tokens} tokens an answer, {bandwidth / 1e9:,.0f} GB/s"
    )
    lines = ["".join(f"{text:>18}" for text in ("requests at once", *columns))]
    lines += [
        "".join(f"{text:>18}" for text in (concurrent[row], *(column[row] for column in columns.values())))
        for row in range(len(concurrent))
    ]
    return "\n".join([title, *lines])


async def _ours(folder: Path, device: str, tokens: int, concurrent: tuple[int, ...]) -> list[str]:
    model = open_local(str(folder), {"device": device, "dtype": "bfloat16", "max_batch": max(concurrent), "prefix_tokens": 0})
    await _ask(model, 0, tokens)  # loads the weights
    rates = []
    for number in concurrent:
        await asyncio.gather(*(_ask(model, each, 4) for each in range(number)))
        started = time.perf_counter()
        spent = await asyncio.gather(*(_ask(model, each, tokens) for each in range(number)))
        rates.append(f"{sum(spent) / (time.perf_counter() - started):,.0f}")
    await model.close()
    return rates


async def _ask(model: LocalModel, number: int, tokens: int) -> int:
    words = random.Random(number).choices(["sum", "the", "list", "of", "numbers"], k=40)
    options = ModelOptions(max_tokens=tokens, temperature=0)
    request = ModelRequest(call="benchmark", chat=(ChatMessage("user", " ".join(words)),), options=options)
    async for item in model.stream(request):
        if isinstance(item, ModelReply) and item.usage:
            return item.usage.output_tokens
    return 0


def _rates(work: Callable[[list[list[int]]], int], concurrent: tuple[int, ...], device: str) -> list[str]:
    rates = []
    for number in concurrent:
        prompts = [random.Random(each).choices(range(200), k=150) for each in range(number)]
        try:
            work(prompts)  # warms up
            _finish(device)
            started = time.perf_counter()
            num_tokens = work(prompts)
            _finish(device)
        except Exception as error:
            rates.append(type(error).__name__)
            continue
        rates.append(f"{num_tokens / (time.perf_counter() - started):,.0f}")
    return rates


def _generate(model: PreTrainedModel, prompts: list[list[int]], tokens: int) -> int:
    inputs = torch.tensor(prompts, device=model.device)
    output = model.generate(inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=tokens, do_sample=False, pad_token_id=0)
    return int((output.shape[1] - inputs.shape[1]) * output.shape[0])


def _generate_batch(model: PreTrainedModel, prompts: list[list[int]], tokens: int) -> int:
    how = GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0)
    return sum(len(output.generated_tokens) for output in model.generate_batch(prompts, generation_config=how).values())


def _bandwidth(device: str) -> float:
    """Bytes per second, read and written, of a copy on the card."""
    source = torch.empty(2**28 if device.startswith("cuda") else 2**24, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    _finish(device)
    started = time.perf_counter()
    for _ in range(10):
        target.copy_(source)
    _finish(device)
    return 20 * source.nbytes / (time.perf_counter() - started)


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=128, help="most tokens of one answer")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu for a small shape that only shows that it runs")
    arguments = parser.parse_args()
    is_cpu = arguments.device == "cpu"
    shape, concurrent = (SMALL, CONCURRENT[:2]) if is_cpu else (HALF_BILLION, CONCURRENT)
    print(gpu_report(tokens=arguments.tokens, device=arguments.device, shape=shape, concurrent=concurrent))


if __name__ == "__main__":
    main()
