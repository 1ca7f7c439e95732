# The hooks and decorators of transformers have no types:
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
"""Making the architecture known to the Auto classes of transformers, and to peft."""

import functools

__all__ = ["register"]


@functools.cache
def register() -> None:
    """Register configuration, model, heads and tokenizer; `from_pretrained` of the Auto classes finds them from then on."""
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
    )

    from metagpt.lab.architecture.config import MetaGPTConfig
    from metagpt.lab.architecture.heads import MetaGPTForCausalLM, MetaGPTForSequenceClassification, MetaGPTForTokenClassification
    from metagpt.lab.architecture.model import MetaGPTModel
    from metagpt.lab.architecture.peft_tables import tell_peft
    from metagpt.lab.architecture.tokenizer import MetaGPTTokenizer

    AutoConfig.register(MetaGPTConfig.model_type, MetaGPTConfig, exist_ok=True)
    for auto, kind in (
        (AutoModel, MetaGPTModel),
        (AutoModelForCausalLM, MetaGPTForCausalLM),
        (AutoModelForSequenceClassification, MetaGPTForSequenceClassification),
        (AutoModelForTokenClassification, MetaGPTForTokenClassification),
    ):
        auto.register(MetaGPTConfig, kind, exist_ok=True)
    AutoTokenizer.register(MetaGPTConfig, tokenizer_class=MetaGPTTokenizer, exist_ok=True)
    tell_peft(MetaGPTConfig.model_type)
