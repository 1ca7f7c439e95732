# The hooks of transformers have no types:
# mypy: disable-error-code="no-untyped-call"
"""The shape of a MetaGPT Transformer."""

from typing import Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

__all__ = ["MetaGPTConfig"]


@strict
class MetaGPTConfig(PreTrainedConfig):
    """A Transformer whose blocks normalize before they compute; 10.6 million parameters by default.

    With `norm="rms", gated=True, bias=False` and rotary positions it computes what Llama does; with `norm="layer",
    is_causal=False` and sinusoidal positions, what a pre-norm `torch.nn.TransformerEncoder` does.
    """

    model_type = "metagpt"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    vocab_size: int = 2048
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 6
    """`hidden_size` is a multiple of it; with rotary positions an even one."""
    intermediate_size: int | None = None
    """Width of the feed-forward layers; None: four times `hidden_size`, or 8/3 times where gated, so that both have as many weights."""
    max_position_embeddings: int = 1024
    """Longest text in tokens that the model is made for. Neither kind of positions has weights, so longer ones compute, less well."""
    positions: Literal["rotary", "sinusoidal"] = "rotary"
    rotary_base: float = 10000.0
    """Also the base of the sinusoids."""
    hidden_act: str = "gelu"
    """Activation of the feed-forward layers, by its name in transformers."""
    gated: bool = False
    """Whether the activation multiplies a second projection (Shazeer 2020, arXiv:2002.05202) instead of standing alone."""
    norm: Literal["layer", "rms"] = "layer"
    norm_eps: float = 1e-5
    bias: bool = True
    """Whether linear layers and layer norms have biases."""
    is_causal: bool = True
    """False: every token sees the whole text, for encoders; such a model cannot generate."""
    hidden_dropout: float = 0.0
    """After the embedding and after attention and feed-forward, before the residual is added."""
    attention_dropout: float = 0.0
    classifier_dropout: float = 0.0
    initializer_range: float = 0.02
    """Standard deviation of new weights; those that write into the residual stream get it divided by (2 · layers) ** 0.5."""
    use_cache: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:  # Any: whatever else config.json holds
        if self.intermediate_size is None:
            self.intermediate_size = int(self.hidden_size * 8 / 3 + 7) // 8 * 8 if self.gated else 4 * self.hidden_size
        if not self.is_causal:
            self.use_cache = False
        super().__post_init__(**kwargs)

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def validate_architecture(self) -> None:
        """Called by `@strict` once all fields are set.

        Raises:
            ValueError: the widths do not fit each other; transformers' own kind of error for configurations.
        """
        heads, width = self.num_attention_heads, self.hidden_size
        if min(heads, width, self.num_hidden_layers, self.vocab_size) < 1 or width % heads:
            raise ValueError(
                f"MetaGPTConfig: found hidden_size={width} with num_attention_heads={heads}; expected a multiple of it, and sizes of 1 or"
                " more. Change one of them."
            )
        if width // heads % 2 and self.positions == "rotary":
            raise ValueError(
                f"MetaGPTConfig: found heads of odd width {width // heads}; rotary positions turn pairs. Take fewer heads, or"
                " positions='sinusoidal'."
            )
        if width % 2 and self.positions == "sinusoidal":
            raise ValueError(f"MetaGPTConfig: found the odd hidden_size={width}; sinusoidal positions come in pairs. Make it even.")
