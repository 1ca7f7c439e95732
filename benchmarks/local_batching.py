"""Eight roles of a local model at once, one by one, and by plain `generate`: what batching, shared prefixes and adapters are worth.

    python -m benchmarks.local_batching [--model FOLDER] [--tokens 40] [--threads 1]

CPU time, so that what else the machine does hardly counts. Without --model, a random Llama of 7 million parameters is made: speed
does not depend on what the weights say.
Where there is a GPU, the table of `benchmarks.local_gpu` follows; where there is none, a line that says so.
"""

# mypy: disallow-untyped-calls=False
# (transformers leaves some constructors unannotated)

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.local_gpu import gpu_report
from benchmarks.random_weights import random_adapter, random_model
from metagpt.models.interface import ChatMessage, ModelOptions, ModelReply, ModelRequest
from metagpt.models.local import LocalModel, open_local
from metagpt.models.local.prompts import chat_turns, plain_text

NUM_ADAPTERS = 3
PERSONA = (
    "You are an engineer. " + "You write short programs that sum, sort, count and check the numbers of a list, and you test them. " * 4
)
NUM_REQUESTS = 8
NUM_CANDIDATES = 16
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 60, "maxLength": 60}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def main() -> None:
    """Print the tables."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or random_model(Path(scratch) / "base")
        adapters = [random_adapter(folder, Path(scratch) / f"adapter{number}", seed=number) for number in range(NUM_ADAPTERS)]
        rows = asyncio.run(_ours(folder, adapters, arguments.tokens)) + _generate(folder, arguments.tokens)
    print(
        f"{folder.name}: {arguments.tokens} tokens an answer, {torch.get_num_threads()} threads of {os.cpu_count()},"
        f" torch {torch.__version__}"
    )
    one_by_one = rows[0].tokens / rows[0].seconds
    print(f"{'':48}{'CPU s':>10}{'tokens/s':>10}{'x one by one':>14}")
    for row in rows:
        print(f"{row.name:48}{row.seconds:10.2f}{row.tokens / row.seconds:10.0f}{row.tokens / row.seconds / one_by_one:14.2f}")
    print()
    print(gpu_report())


@dataclass(frozen=True)
class Measured:
    """One line of the table."""

    name: str
    seconds: float
    tokens: int


async def _ours(folder: Path, adapters: list[Path], tokens: int) -> list[Measured]:
    settings: dict[str, object] = {"device": "cpu", "dtype": "float32"}
    model = open_local(str(folder), settings)
    plain = open_local(str(folder), {**settings, "prefix_tokens": 0})
    adapted = [open_local(f"{folder}+adapter={adapter}", settings) for adapter in adapters]
    requests = [_request(number, tokens) for number in range(NUM_REQUESTS)]
    for each in (model, *adapted):  # loads weights and adapters
        await _ask(each, _request(NUM_REQUESTS, tokens))

    async def one_by_one() -> int:
        return sum([await _ask(plain, request) for request in requests])

    def at_once(*models: LocalModel) -> Callable[[], Awaitable[int]]:
        async def ask_all() -> int:
            return sum(await asyncio.gather(*(_ask(models[number % len(models)], each) for number, each in enumerate(requests))))

        return ask_all

    many = _request(0, tokens, n=NUM_CANDIDATES, temperature=0.8)
    bound = ModelRequest(call=many.call, chat=many.chat, options=many.options, schema=PERSON)
    await _ask(model, bound)  # compiles the schema
    rows = [
        await _measured(f"metagpt, {NUM_REQUESTS} roles one by one", one_by_one),
        await _measured(f"metagpt, {NUM_REQUESTS} roles at once", at_once(plain)),
        await _measured("metagpt, the same with a persona known already", at_once(model)),
        await _measured(f"metagpt, the same with {NUM_ADAPTERS} adapters", at_once(model, *adapted)),
        await _measured(f"metagpt, 1 request, {NUM_CANDIDATES} candidates", lambda: _ask(model, many)),
        await _measured("metagpt, the same under a JSON schema", lambda: _ask(model, bound)),
    ]
    for each in (model, plain, *adapted):
        await each.close()
    return rows


async def _measured(name: str, work: Callable[[], Awaitable[int]]) -> Measured:
    started = time.process_time()
    tokens = await work()
    return Measured(name, time.process_time() - started, tokens)


async def _ask(model: LocalModel, request: ModelRequest) -> int:
    """Tokens of the answer."""
    async for item in model.stream(request):
        if isinstance(item, ModelReply) and item.usage:
            return item.usage.output_tokens
    return 0


def _generate(folder: Path, tokens: int) -> list[Measured]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [plain_text(chat_turns(_request(number, tokens))) for number in range(NUM_REQUESTS)]
    prompts = [tokenizer(text, return_tensors="pt") for text in texts]
    tokenizer.pad_token, tokenizer.padding_side = tokenizer.eos_token, "left"
    batch = tokenizer(texts, return_tensors="pt", padding=True)

    def new_tokens(inputs: dict[str, torch.Tensor], **options: object) -> int:
        output = model.generate(**inputs, max_new_tokens=tokens, pad_token_id=tokenizer.eos_token_id, **options)
        return int((output.shape[1] - inputs["input_ids"].shape[1]) * output.shape[0])

    works: dict[str, Callable[[], int]] = {
        f"generate, {NUM_REQUESTS} one by one": lambda: sum(new_tokens(prompt, do_sample=False) for prompt in prompts),
        f"generate, one padded batch of {NUM_REQUESTS}": lambda: new_tokens(batch, do_sample=False),
        f"generate, 1 prompt, {NUM_CANDIDATES} sequences": lambda: new_tokens(
            prompts[0], do_sample=True, temperature=0.8, num_return_sequences=NUM_CANDIDATES
        ),
    }
    new_tokens(prompts[0], do_sample=False)  # warms up
    return [_timed(name, work) for name, work in works.items()]


def _timed(name: str, work: Callable[[], int]) -> Measured:
    started = time.process_time()
    tokens = work()
    return Measured(name, time.process_time() - started, tokens)


def _request(number: int, tokens: int, *, n: int = 1, temperature: float = 0.0) -> ModelRequest:
    words = random.Random(number).choices(["sum", "the", "list", "of", "numbers", "and", "sort", "text"], k=20 + 5 * number)
    options = ModelOptions(max_tokens=tokens, temperature=temperature, n=n, seed=number)
    return ModelRequest(call="benchmark", chat=(ChatMessage("system", PERSONA), ChatMessage("user", " ".join(words))), options=options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model folder; without it a random one is made")
    parser.add_argument("--tokens", type=int, default=40, help="most tokens of one answer")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; a small model gains from more only on an idle machine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
