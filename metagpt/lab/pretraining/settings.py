"""What a pretraining may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from metagpt.lab.jobs import JobSettings
from metagpt.lab.pretraining.generated import corpus_names

__all__ = ["PretrainSettings"]

_LEARNED = frozenset(("characters", "bytes", "corpus"))


class PretrainSettings(JobSettings):
    """Settings of the job "pretrain"; its defaults take two minutes on one processor core for a million characters."""

    data: str = Field(
        description="A text file, a folder of *.txt files, what load_data reads (csv, jsonl, hub:NAME), or a generated corpus by name."
    )
    texts: str = Field("text", description="Column of the texts, or of the prompts that answers follow.")
    answers: str | None = Field(
        None,
        description="Column of answers: examples are packed, each sees itself alone, and the loss counts answers. Generated: always so.",
    )
    validation_share: float = Field(0.1, gt=0, lt=1, description="Part of the text that is held out; the end of a single text.")
    tokenizer: str = Field(
        "characters",
        description="characters, bytes (learned byte pairs), corpus (a generated one's own), or the folder of a saved tokenizer.",
    )
    vocab_size: int = Field(2048, ge=258, description="Tokens that byte pairs are learned for.")
    base: str | None = Field(None, description="A saved causal language model to go on training, with its tokenizer, instead of a new one.")

    architecture: Literal["metagpt", "llama"] = Field("metagpt", description="Of a new model; llama: rotary, RMS norms, gated, no biases.")
    layers: int = Field(4, ge=1, description="Blocks of a new model.")
    width: int = Field(128, ge=2, description="Its hidden size.")
    heads: int = Field(4, ge=1, description="Attention heads; the width is a multiple of it.")
    hidden: int | None = Field(None, ge=1, description="Width of the feed-forward layers; 4 widths if left out, 8/3 where gated.")
    positions: Literal["rotary", "sinusoidal"] = Field("rotary", description="How tokens know their places.")
    norm: Literal["layer", "rms"] = Field("layer", description="What normalizes before each layer.")
    gated: bool = Field(True, description="Gated feed-forward layers (SwiGLU) instead of plain ones (GELU).")
    bias: bool = Field(False, description="Biases in linear layers and norms.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of activations dropped while training.")
    context: int | None = Field(None, ge=2, description="Longest text that a new model is made for; a window if left out.")

    length: int = Field(64, ge=2, description="Tokens of a training window.")
    rows: int = Field(12, ge=1, description="Windows of a batch, for each worker.")
    accumulate: int = Field(1, ge=1, description="Batches whose gradients make one step.")
    steps: int = Field(2000, ge=1, description="Optimizer steps.")
    optimizer: Literal["adamw", "muon"] = Field("adamw", description="muon: orthogonal updates for matrices, AdamW for the rest.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak rate of AdamW.")
    muon_rate: float = Field(0.02, gt=0, description="Peak rate of Muon.")
    schedule: Literal["linear", "cosine", "wsd"] = Field(
        "linear", description="How the rate falls after the warmup; wsd: level first, then in a line."
    )
    decay_share: float = Field(0.34, gt=0, le=1, description="Of wsd: part of all steps over which the rate falls.")
    warmup: int = Field(100, ge=0, description="Steps over which the rate rises.")
    floor: float = Field(0.0, ge=0, le=1, description="Share of the peak rate that is left at the end.")
    weight_decay: float = Field(0.1, ge=0, description="Of matrices; vectors have none.")
    beta2: float = Field(0.99, gt=0, lt=1, description="Decay of AdamW's second moment, beside Muon too.")
    average: float = Field(
        0.0, ge=0, lt=1, description="Decay of a running mean of the weights, which is then validated and saved, as 0.99; 0: none."
    )
    clip: float = Field(1.0, gt=0, description="Norm that gradients are scaled down to.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="bfloat16: matrix products in 16 bits, weights in 32; auto: where the device has instructions for them."
    )
    compiled: bool = Field(False, description="Compile the model: faster after a minute; needs a C++ compiler.")
    checkpointing: bool = Field(False, description="Compute activations twice instead of keeping them: less memory, a third more time.")
    workers: int = Field(1, ge=1, description="Processes that train together, each with a GPU of its own, or all on the CPU.")

    validate_every: int = Field(250, ge=1, description="Steps between validations.")
    validation_tokens: int = Field(20_000, ge=1, description="Tokens that a validation on the way reads; the last one reads all.")
    save_every: int = Field(200, ge=1, description="Steps between checkpoints: so many are made anew at most after a cut.")
    sample_every: int = Field(500, ge=1, description="Steps between samples of text.")
    sample_tokens: int = Field(120, ge=0, description="Length of a sample; 0: none.")
    prompt: str = Field("\n", description="What samples begin with.")
    name: str | None = Field(None, description="Push the model to the hub under this name.")

    @field_validator("data")
    @classmethod
    def _is_there(cls, data: str) -> str:
        if not data.startswith(("hub:", "hf:")) and data not in corpus_names() and not Path(data).expanduser().exists():
            known = ", ".join(sorted(corpus_names()))
            raise ValueError(f"there is no such file or folder ({Path(data).absolute()}), nor a generated corpus of that name ({known})")
        return data

    @field_validator("base")
    @classmethod
    def _is_model(cls, base: str | None) -> str | None:
        if base is not None and not (Path(base).expanduser() / "config.json").is_file():
            raise ValueError("there is no such folder with a config.json")
        return base

    @field_validator("tokenizer")
    @classmethod
    def _is_tokenizer(cls, tokenizer: str) -> str:
        if tokenizer not in _LEARNED and not (Path(tokenizer).expanduser() / "tokenizer.json").is_file():
            raise ValueError("expected characters, bytes, corpus, or a folder with a tokenizer.json")
        return tokenizer

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        if self.architecture == "llama" and (self.positions != "rotary" or not self.gated or self.bias or self.dropout):
            raise ValueError("architecture llama has rotary positions, gated layers, no biases and no dropout; leave these settings out")
        if self.tokenizer == "corpus" and not self.is_generated:
            raise ValueError(f"tokenizer corpus belongs to a generated corpus, and {self.data!r} is none; take characters or bytes")
        if self.is_generated and self.answers is not None:
            raise ValueError(f"the generated corpus {self.data!r} has no columns; leave answers out")
        return self

    @property
    def is_generated(self) -> bool:
        """Whether the data are a corpus that is made as it is read; of a file of the same name write ./NAME."""
        return self.data in corpus_names()

    @property
    def is_packed(self) -> bool:
        """Whether prompts with answers are trained on."""
        return self.is_generated or self.answers is not None

    @property
    def has_learned_tokenizer(self) -> bool:
        """Whether the tokenizer is made from the data."""
        return self.base is None and self.tokenizer in _LEARNED

    @property
    def tokens_per_step(self) -> int:
        """Tokens that all workers see in one step."""
        return self.rows * self.length * self.accumulate * self.workers
