"""From text to tokens: byte-level pairs or single characters, learned from the text to be modelled."""

from collections.abc import Iterable
from typing import Any, Self

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import TokenizersBackend

from metagpt.errors import LabError

__all__ = ["MetaGPTTokenizer"]

END, PAD, UNKNOWN = "<|end|>", "<|pad|>", "<|unknown|>"


class MetaGPTTokenizer(TokenizersBackend):
    """The tokenizer of MetaGPT Transformers; `from_texts` learns one."""

    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012  # a table that transformers reads

    @classmethod
    def from_texts(cls, texts: Iterable[str], *, vocab_size: int | None = None, **settings: Any) -> Self:  # Any: transformers' own settings
        """Learn a tokenizer.

        Args:
            texts: What it will have to say.
            vocab_size: Size of a byte-level pair encoding, special tokens counted, 258 or more: it can say every text. None: a token for
                each character of the texts; others become one token for the unknown.
            settings: Of transformers' tokenizers, as `model_max_length` or `chat_template`.

        Raises:
            LabError: no text, or too small a vocabulary.
        """
        learned = _characters(texts) if vocab_size is None else _byte_pairs(texts, vocab_size)
        unknown = {"unk_token": UNKNOWN} if vocab_size is None else {}
        return cls(tokenizer_object=learned, eos_token=END, pad_token=PAD, clean_up_tokenization_spaces=False, **unknown, **settings)


def _byte_pairs(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Byte pair encoding over bytes. Source: Sennrich et al. 2016, arXiv:1508.07909; over bytes: Radford et al. 2019, section 2.2."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    least = len(alphabet) + 2
    if vocab_size < least:
        raise LabError(f"MetaGPTTokenizer: found vocab_size={vocab_size}; expected {least} or more, one for each byte. Raise it.")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=[END, PAD], initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _characters(texts: Iterable[str]) -> Tokenizer:
    seen: set[str] = set()
    for text in texts:
        seen.update(text)
    if not seen:
        raise LabError("MetaGPTTokenizer: found no characters; expected some text to learn from. Check the data.")
    vocabulary = {token: number for number, token in enumerate([END, PAD, UNKNOWN, *sorted(seen)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer
