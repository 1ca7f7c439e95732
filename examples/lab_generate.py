"""A small MetaGPT Transformer with a tokenizer of its own: generated from with and without cache, saved, and loaded again.

`generate_response` asks any model by its reference; here a scripted one stands for `openai:NAME` or `local:PATH`.

Prints:
    21 characters known
    the cache changes nothing: True
    loaded through AutoModelForCausalLM: MetaGPTForCausalLM, the same text: True
    MetaGPT is a framework for teams of role agents.
"""

# mypy: disallow-untyped-calls=False
# (transformers leaves some methods unannotated)

import tempfile

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from metagpt import generate_response
from metagpt.lab import MetaGPTConfig, MetaGPTForCausalLM, MetaGPTTokenizer
from metagpt.testing import FunctionModel


def main() -> None:
    logging.disable_progress_bar()
    torch.manual_seed(7)
    tokenizer = MetaGPTTokenizer.from_texts(["the teams of role agents work, write and wait"], model_max_length=64)
    config = MetaGPTConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, eos_token_id=None, pad_token_id=1
    )
    model = MetaGPTForCausalLM(config).eval()
    print(len(tokenizer), "characters known")

    prompt = tokenizer("the role of ", return_tensors="pt")
    texts = [tokenizer.decode(model.generate(**prompt, max_new_tokens=20, do_sample=False, use_cache=use)[0]) for use in (True, False)]
    print("the cache changes nothing:", texts[0] == texts[1])

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        loaded = AutoModelForCausalLM.from_pretrained(folder).eval()
    again = tokenizer.decode(loaded.generate(**prompt, max_new_tokens=20, do_sample=False)[0])
    print(f"loaded through AutoModelForCausalLM: {type(loaded).__name__}, the same text: {again == texts[0]}")

    scripted = FunctionModel(lambda request: "MetaGPT is a framework for teams of role agents.")
    print(generate_response("What is MetaGPT?", model=scripted))


if __name__ == "__main__":
    main()
