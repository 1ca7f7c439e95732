"""Small models for tests of compression and robustness: an encoder over a few words and a decoder over bytes, made in a moment."""

from __future__ import annotations

import random
from pathlib import Path

import torch

from metagpt.hub.data import Example, TextData

SUBJECTS = {
    "card": ["card", "plastic", "chip", "pin", "visa"],
    "transfer": ["transfer", "payment", "wire", "iban", "deposit"],
    "cash": ["cash", "atm", "notes", "coins", "money"],
}
FILLERS = ["the", "my", "where", "is", "a", "did", "not", "arrive", "when", "will", "it", "please", "help", "lost", "late", "now", "today"]
MODIFIERS = ["broken", "missing", "slow", "wrong"]


def sentences(number: int, *, seed: int, name: str = "toy") -> TextData:
    """Sentences whose class is that of the one word in them that has a class."""
    rng = random.Random(seed)
    examples = []
    for _ in range(number):
        label = rng.choice(list(SUBJECTS))
        words = rng.choices(FILLERS, k=rng.randint(4, 9)) + [rng.choice(MODIFIERS)]
        words.insert(rng.randrange(len(words) + 1), rng.choice(SUBJECTS[label]))
        examples.append(Example(text=" ".join(words), label=label))
    return TextData(examples, name=name)


def make_encoder(folder: Path, *, layers: int = 4, width: int = 64, heads: int = 4, neurons: int = 256) -> Path:
    """A BERT of random weights, with a tokenizer that knows the words above letter by letter too."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = [f"##{chr(97 + number)}" for number in range(26)] + [chr(97 + number) for number in range(26)]
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *letters,
        *FILLERS[:4],
        *FILLERS[5:],
        *MODIFIERS,
        *(w for ws in SUBJECTS.values() for w in ws),
    ]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    vocabulary |= {f"[unused{number}]": number for number in range(len(vocabulary), 128)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", model_max_length=64
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=neurons,
        max_position_embeddings=64, type_vocab_size=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.05,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def make_decoder(folder: Path, *, layers: int = 2) -> Path:
    """A Llama of random weights over bytes, whose output layer is its embedding."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate([*letters, "<end>"])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257, hidden_size=64, intermediate_size=128, num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, eos_token_id=256, pad_token_id=256, bos_token_id=None, tie_word_embeddings=True, initializer_range=0.1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
