# The hooks and decorators of transformers have no types:
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
"""The Transformer without a head: from tokens to a vector each.

Shapes: B rows, T tokens, D width of the model.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.initialization import normal_
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from metagpt.lab.architecture.config import MetaGPTConfig
from metagpt.lab.architecture.layers import Attention, Block, IntoResidual, new_norm
from metagpt.lab.architecture.positions import rotations, sinusoids

__all__ = ["MetaGPTModel", "MetaGPTPreTrainedModel"]


class MetaGPTPreTrainedModel(PreTrainedModel):
    """What all models of the architecture share: how weights begin, and what transformers may do with them."""

    config: MetaGPTConfig
    config_class = MetaGPTConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["Block"]  # noqa: RUF012  # transformers reads and never changes these tables
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": Block, "attentions": Attention}  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As transformers does it; but what writes into the residual stream begins smaller, so that depth does not add variance.

        Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3.
        """
        super()._init_weights(module)
        if isinstance(module, IntoResidual):
            normal_(module.weight, mean=0.0, std=self.config.initializer_range / (2 * self.config.num_hidden_layers) ** 0.5)


class MetaGPTModel(MetaGPTPreTrainedModel):
    """Token embedding, positions, blocks, and a last norm."""

    def __init__(self, config: MetaGPTConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = nn.ModuleList(Block(config, number) for number in range(config.num_hidden_layers))
        self.norm = new_norm(config)
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Compute a vector for each token.

        Args:
            input_ids: Tokens, B x T; or give `inputs_embeds`, B x T x D.
            attention_mask: 1 for tokens and 0 for padding, B x (T and past); or a ready mask, B x 1 x T x S.
            position_ids: Places counted from 0, B x T; by default the order of the tokens after those in the cache.
            past_key_values: Keys and values of earlier tokens; it takes those of these tokens, too.
            inputs_embeds: Embeddings instead of tokens.
            use_cache: Whether to return `past_key_values`, new if none are given.
            kwargs: `output_hidden_states`, `output_attentions`, and what the attention implementation takes.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("MetaGPTModel: found both or neither of input_ids and inputs_embeds; expected one. Pass one of them.")
        embedded_BTD = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache and past_key_values is None and self.config.is_causal:
            past_key_values = DynamicCache(config=self.config)
        if position_ids is None:
            seen = 0 if past_key_values is None else past_key_values.get_seq_length()
            position_ids = torch.arange(seen, seen + embedded_BTD.shape[1], device=embedded_BTD.device)[None]
        mask = create_causal_mask(  # sees both ways where the configuration says so
            config=self.config,
            inputs_embeds=embedded_BTD,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            position_ids=position_ids,
        )
        hidden_BTD, turned = self._placed(embedded_BTD, position_ids)
        for layer in self.layers:
            hidden_BTD = layer(hidden_BTD, attention_mask=mask, rotations=turned, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden_BTD), past_key_values=past_key_values)

    def _placed(self, embedded_BTD: Tensor, places_BT: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Embeddings that know their places, or rotations to tell attention of them.

        Embeddings are multiplied by √D before sinusoids are added, as in section 3.4 of their source.
        """
        config, dtype = self.config, embedded_BTD.dtype
        if config.positions == "sinusoidal":
            waves_BTD = sinusoids(places_BT, config.hidden_size, base=config.rotary_base).to(dtype)
            return self.dropout(embedded_BTD * config.hidden_size**0.5 + waves_BTD), None
        cosines, sines = rotations(places_BT, config.head_dim, base=config.rotary_base)
        return self.dropout(embedded_BTD), (cosines.to(dtype), sines.to(dtype))
