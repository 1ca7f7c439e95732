"""A small MetaGPT Transformer with a tokenizer of its own: it generates and tags words, is saved, and loaded again; and one question.

`generate_response` asks any model by its reference, as `openai:NAME` or `local:PATH`. The embedded model only writes small programs.

Prints:
    21 characters known
    the cache changes nothing: True
    loaded through AutoModelForCausalLM: MetaGPTForCausalLM, the same text: True
    a tag for each character, the same once it is loaded: True True
    What is MetaGPT? -> Ask a general model for anything else
"""

# mypy: disallow-untyped-calls=False
# (transformers leaves some methods unannotated)

import tempfile
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from metagpt import generate_response
from metagpt.lab import MetaGPTConfig, MetaGPTForCausalLM, MetaGPTForTokenClassification, MetaGPTTokenizer


def main() -> None:
    logging.disable_progress_bar()
    torch.manual_seed(7)
    tokenizer = MetaGPTTokenizer.from_texts(["the teams of role agents work, write and wait"], model_max_length=64)
    shape: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "pad_token_id": 1}
    model = MetaGPTForCausalLM(MetaGPTConfig(vocab_size=len(tokenizer), **shape)).eval()
    print(len(tokenizer), "characters known")

    prompt = tokenizer("the role of ", return_tensors="pt")
    texts = [tokenizer.decode(model.generate(**prompt, max_new_tokens=20, do_sample=False, use_cache=use)[0]) for use in (True, False)]
    print("the cache changes nothing:", texts[0] == texts[1])

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        loaded, reader = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    again = reader.decode(loaded.generate(**prompt, max_new_tokens=20, do_sample=False)[0])
    print(f"loaded through AutoModelForCausalLM: {type(loaded).__name__}, the same text: {again == texts[0]}")

    tagging: dict[str, Any] = {**shape, "is_causal": False, "num_labels": 3}
    tagger = MetaGPTForTokenClassification(MetaGPTConfig(vocab_size=len(tokenizer), **tagging)).eval()
    tags = tagger(**prompt).logits.argmax(-1)
    with tempfile.TemporaryDirectory() as folder:
        tagger.save_pretrained(folder)
        same = MetaGPTForTokenClassification.from_pretrained(folder).eval()
    print(
        "a tag for each character, the same once it is loaded:", tags.shape[1] == 12, bool((same(**prompt).logits.argmax(-1) == tags).all())
    )

    answer = generate_response("What is MetaGPT?", model="embedded")
    print("What is MetaGPT? ->", "Ask a general model for anything else" if "Ask a general model for anything else" in answer else answer)


if __name__ == "__main__":
    main()
