"""Eight requests of a local model at once, one by one, and by plain `generate`; sixteen candidates of one request.

    python benchmarks/local_batching.py [--model FOLDER] [--tokens 40] [--threads 1]

Without --model, a random Llama of 7 million parameters is made: speed does not depend on what the weights say.
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
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from metagpt.models.interface import ChatMessage, ModelOptions, ModelReply, ModelRequest
from metagpt.models.local import LocalModel, open_local

NUM_REQUESTS = 8
NUM_CANDIDATES = 16
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 60, "maxLength": 60}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or _random_model(Path(scratch))
        tokens = arguments.tokens
        rows = asyncio.run(_ours(folder, tokens))
        rows += _generate(folder, tokens)
    print(f"{folder.name}: {tokens} tokens an answer, {torch.get_num_threads()} threads of {os.cpu_count()}, torch {torch.__version__}")
    print(f"{'':44}{'seconds':>10}{'tokens/s':>10}")
    for name, seconds, num_tokens in rows:
        print(f"{name:44}{seconds:10.2f}{num_tokens / seconds:10.0f}")


async def _ours(folder: Path, tokens: int) -> list[tuple[str, float, int]]:
    model = open_local(str(folder), {"device": "cpu", "dtype": "float32"})
    requests = [_request(number, tokens) for number in range(NUM_REQUESTS)]
    await _ask(model, requests[0])  # loads the weights
    rows = []
    started = time.perf_counter()
    spent = [await _ask(model, request) for request in requests]
    rows.append((f"metagpt, {NUM_REQUESTS} requests one by one", time.perf_counter() - started, sum(spent)))
    started = time.perf_counter()
    spent = await asyncio.gather(*(_ask(model, request) for request in requests))
    rows.append((f"metagpt, {NUM_REQUESTS} requests at once", time.perf_counter() - started, sum(spent)))
    many = _request(0, tokens, n=NUM_CANDIDATES, temperature=0.8)
    started = time.perf_counter()
    spent_many = await _ask(model, many)
    rows.append((f"metagpt, 1 request, {NUM_CANDIDATES} candidates", time.perf_counter() - started, spent_many))
    bound = ModelRequest(call=many.call, chat=many.chat, options=many.options, schema=PERSON)
    await _ask(model, bound)  # compiles the schema
    started = time.perf_counter()
    spent_bound = await _ask(model, bound)
    rows.append(("metagpt, the same under a JSON schema", time.perf_counter() - started, spent_bound))
    await model.close()
    return rows


async def _ask(model: LocalModel, request: ModelRequest) -> int:
    """Tokens of the answer."""
    async for item in model.stream(request):
        if isinstance(item, ModelReply) and item.usage:
            return item.usage.output_tokens
    return 0


def _generate(folder: Path, tokens: int) -> list[tuple[str, float, int]]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [f"User: {_request(number, tokens).chat[0].text}\n\nAssistant:" for number in range(NUM_REQUESTS)]
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
    return [(name, *_timed(work)) for name, work in works.items()]


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    started = time.perf_counter()
    num_tokens = work()
    return time.perf_counter() - started, num_tokens


def _request(number: int, tokens: int, *, n: int = 1, temperature: float = 0.0) -> ModelRequest:
    words = random.Random(number).choices(["sum", "the", "list", "of", "numbers", "and", "sort", "text"], k=20 + 5 * number)
    options = ModelOptions(max_tokens=tokens, temperature=temperature, n=n, seed=number)
    return ModelRequest(call="benchmark", chat=(ChatMessage("user", " ".join(words)),), options=options)


def _random_model(folder: Path) -> Path:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    pairs = [first + second for first in sorted(alphabet) for second in sorted(alphabet)]
    vocabulary = {piece: number for number, piece in enumerate([*sorted(alphabet), *pairs[: 2047 - len(alphabet)], "<|end|>"])}
    bpe = Tokenizer(models.BPE(vocabulary, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=2048,
        hidden_size=320,
        intermediate_size=864,
        num_hidden_layers=5,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=1024,
        eos_token_id=vocabulary["<|end|>"],
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model folder; without it a random one is made")
    parser.add_argument("--tokens", type=int, default=40, help="most tokens of one answer")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; a small model gains from more only on an idle machine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
