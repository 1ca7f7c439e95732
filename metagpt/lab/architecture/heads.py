# The hooks and decorators of transformers have no types:
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
"""What the Transformer is used for: generating text, classifying texts or their tokens, predicting numbers.

Shapes: B rows, T tokens, D width of the model, L labels, V vocabulary.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast, SequenceClassifierOutputWithPast, TokenClassifierOutput
from transformers.utils.generic import can_return_tuple

from metagpt.lab.architecture.config import MetaGPTConfig
from metagpt.lab.architecture.model import MetaGPTModel, MetaGPTPreTrainedModel

__all__ = ["MetaGPTForCausalLM", "MetaGPTForRegression", "MetaGPTForSequenceClassification", "MetaGPTForTokenClassification"]


class MetaGPTForCausalLM(MetaGPTPreTrainedModel, GenerationMixin):
    """A language model: the next token's logits, from the embedding's own weights where these are tied."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012  # a table that transformers reads

    def __init__(self, config: MetaGPTConfig) -> None:
        super().__init__(config)
        if not config.is_causal:
            raise ValueError(
                "MetaGPTForCausalLM: found is_causal=False; expected True, for a model that sees what comes cannot predict it."
            )
        self.model = MetaGPTModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Predict the next token after each.

        Args:
            input_ids: See `MetaGPTModel.forward`, as for the others.
            attention_mask: As above.
            position_ids: As above.
            past_key_values: As above.
            inputs_embeds: As above.
            labels: Tokens to be predicted, B x T, the same as `input_ids` where all count; -100 does not. They are shifted here.
            use_cache: As above.
            logits_to_keep: Compute logits of so many last tokens alone, or of the places given; 0: of all.
            kwargs: As above; `num_items_in_batch` divides the summed loss, and `shift_labels` are labels shifted before.
        """
        output = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits_BTV = self.lm_head(output.last_hidden_state[:, kept])
        loss = None
        if labels is not None or kwargs.get("shift_labels") is not None:
            loss = self.loss_function(logits=logits_BTV, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits_BTV,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )


class MetaGPTForSequenceClassification(MetaGPTPreTrainedModel):
    """A label for a text: read off its last token by a causal model, off the mean of its tokens by one that sees both ways."""

    accepts_loss_kwargs = False  # its losses are means: Trainer must divide them over accumulated batches

    def __init__(self, config: MetaGPTConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels or 1
        self.model = MetaGPTModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.score = nn.Linear(config.hidden_size, self.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutputWithPast:
        """Score each label, B x L.

        Args:
            input_ids: See `MetaGPTModel.forward`, as for the others.
            attention_mask: As above; without it, tokens equal to `pad_token_id` are taken for padding.
            position_ids: As above.
            inputs_embeds: As above.
            labels: B of classes; B x L of zeros and ones for several labels at once; numbers for regression.
            kwargs: As above.
        """
        kwargs["use_cache"] = False
        output = self.model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, inputs_embeds=inputs_embeds, **kwargs
        )
        pooled_BD = self._pooled(output.last_hidden_state, self._counted(input_ids, attention_mask))
        logits_BL = self.score(self.dropout(pooled_BD))
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits_BL, config=self.config)
        return SequenceClassifierOutputWithPast(
            loss=loss, logits=logits_BL, hidden_states=output.hidden_states, attentions=output.attentions
        )

    def _counted(self, input_ids: Tensor | None, attention_mask: Tensor | None) -> Tensor | None:
        """True for tokens, False for padding, B x T; None where all count."""
        if attention_mask is not None and attention_mask.dim() == 2:
            return attention_mask.bool()
        if input_ids is not None and self.config.pad_token_id is not None:
            return input_ids != self.config.pad_token_id
        return None

    def _pooled(self, hidden_BTD: Tensor, counted_BT: Tensor | None) -> Tensor:
        if counted_BT is None:
            return hidden_BTD[:, -1] if self.config.is_causal else hidden_BTD.mean(dim=1)
        counted_BT = counted_BT[:, -hidden_BTD.shape[1] :]
        if not self.config.is_causal:
            weights_BT1 = counted_BT[..., None].to(hidden_BTD.dtype)
            return (hidden_BTD * weights_BT1).sum(dim=1) / weights_BT1.sum(dim=1).clamp(min=1)
        places_T = torch.arange(counted_BT.shape[1], device=hidden_BTD.device)
        last_B = (places_T * counted_BT).argmax(dim=1)
        return hidden_BTD[torch.arange(len(last_B), device=hidden_BTD.device), last_B]


class MetaGPTForRegression(MetaGPTForSequenceClassification):
    """Numbers for a text: one, or `num_labels` of a configuration whose `problem_type` is "regression"; trained on the squared error.

    Saved, it is also what `AutoModelForSequenceClassification` loads.
    """

    def __init__(self, config: MetaGPTConfig) -> None:
        if config.problem_type != "regression":
            config = copy.deepcopy(config)
            config.problem_type, config.num_labels = "regression", 1
        super().__init__(config)
        self.loss_type = "ForSequenceClassification"


class MetaGPTForTokenClassification(MetaGPTPreTrainedModel):
    """A label for each token, as of named entities."""

    def __init__(self, config: MetaGPTConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels or 1
        self.model = MetaGPTModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.score = nn.Linear(config.hidden_size, self.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> TokenClassifierOutput:
        """Score each label of each token, B x T x L.

        Args:
            input_ids: See `MetaGPTModel.forward`, as for the others.
            attention_mask: As above.
            position_ids: As above.
            inputs_embeds: As above.
            labels: Classes, B x T; -100 does not count.
            kwargs: As above; `num_items_in_batch` divides the summed loss.
        """
        items = {"num_items_in_batch": kwargs.pop("num_items_in_batch", None)}
        kwargs["use_cache"] = False
        output = self.model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, inputs_embeds=inputs_embeds, **kwargs
        )
        logits_BTL = self.score(self.dropout(output.last_hidden_state))
        loss = None if labels is None else self.loss_function(logits_BTL, labels, self.config, **items)
        return TokenClassifierOutput(loss=loss, logits=logits_BTL, hidden_states=output.hidden_states, attentions=output.attentions)
