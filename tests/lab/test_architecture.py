# transformers types its models for its own classes alone:
# mypy: disable-error-code="no-untyped-call,call-arg,union-attr,misc,arg-type,attr-defined,operator,index,no-any-return"
"""The MetaGPT Transformer against torch's and transformers' own, and what transformers' tools do with it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from metagpt.errors import LabError
from metagpt.lab import (
    MetaGPTConfig,
    MetaGPTForCausalLM,
    MetaGPTForRegression,
    MetaGPTForSequenceClassification,
    MetaGPTForTokenClassification,
    MetaGPTModel,
    MetaGPTTokenizer,
)
from metagpt.lab.architecture.positions import rotate, rotations, sinusoids

SHAPE: dict[str, Any] = {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
SHAKESPEARE = Path(__file__).parents[3] / "shared" / "data" / "tinyshakespeare" / "input.txt"
KINDS = [{"positions": "rotary"}, {"positions": "sinusoidal"}, {"positions": "rotary", "norm": "rms", "gated": True, "bias": False}]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(7)


def causal(**settings: Any) -> MetaGPTForCausalLM:
    return MetaGPTForCausalLM(MetaGPTConfig(**{**SHAPE, "eos_token_id": 0, "pad_token_id": 1, **settings})).eval()


def tokens(rows: int = 2, length: int = 9) -> Tensor:
    return torch.randint(2, SHAPE["vocab_size"], (rows, length))


# by hand


def test_sinusoids_are_those_of_the_paper() -> None:
    waves = sinusoids(torch.tensor([[0, 3]]), 4)
    by_hand = [[0, 1, 0, 1], [math.sin(3), math.cos(3), math.sin(3 / 100), math.cos(3 / 100)]]
    torch.testing.assert_close(waves[0], torch.tensor(by_hand))


def test_rotation_by_a_right_angle_turns_the_pairs() -> None:
    cosines, sines = rotations(torch.tensor([[1]]), 4, base=1.0)  # every pair by one radian
    turned = rotate(torch.tensor([[[[1.0, 0.0, 0.0, 1.0]]]]), cosines, sines).flatten()
    torch.testing.assert_close(turned, torch.tensor([math.cos(1), -math.sin(1), math.sin(1), math.cos(1)]))


def test_rotary_scores_depend_on_distance_alone() -> None:
    queries, keys = torch.randn(1, 2, 6, 8), torch.randn(1, 2, 6, 8)
    near, far = (rotations(torch.arange(start, start + 6)[None], 8) for start in (0, 50))
    scores = [rotate(queries, *turned) @ rotate(keys, *turned).mT for turned in (near, far)]
    torch.testing.assert_close(scores[0], scores[1], atol=1e-5, rtol=1e-5)


def test_a_forward_pass_worked_by_hand() -> None:
    """One head of width 2, one token, weights of the identity: attention passes the normed token on, gelu(x) is added to it."""
    config = MetaGPTConfig(
        vocab_size=2, hidden_size=2, num_hidden_layers=1, num_attention_heads=1, intermediate_size=2, bias=False, norm="rms", norm_eps=0.0
    )
    model = MetaGPTModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.eye(2) if parameter.dim() == 2 else torch.ones(2))
        model.embed_tokens.weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        found = model(torch.tensor([[0]])).last_hidden_state[0, 0]
    x = [3.0, 4.0]

    def normed(v: list[float]) -> list[float]:
        root = math.sqrt(sum(each * each for each in v) / 2)
        return [each / root for each in v]

    x = [a + b for a, b in zip(x, normed(x), strict=True)]
    gelu = [each * 0.5 * (1 + math.erf(each / math.sqrt(2))) for each in normed(x)]
    expected = normed([a + b for a, b in zip(x, gelu, strict=True)])
    torch.testing.assert_close(found, torch.tensor(expected))


# against references with the same weights


def test_it_computes_what_torchs_encoder_does_with_the_same_weights() -> None:
    config = MetaGPTConfig(**SHAPE, positions="sinusoidal", is_causal=False)
    model = MetaGPTModel(config).eval()
    layer = nn.TransformerEncoderLayer(32, 4, 48, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    reference = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(32), enable_nested_tensor=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for ours, theirs in zip(model.layers, reference.layers, strict=True):
            attention, into, out = ours.attention, theirs.self_attn, theirs.self_attn.out_proj
            projections = (attention.q_proj, attention.k_proj, attention.v_proj)
            into.in_proj_weight.copy_(torch.cat([each.weight for each in projections]))
            into.in_proj_bias.copy_(torch.cat([each.bias for each in projections]))
            for source, target in (
                (attention.o_proj, out), (ours.feed_forward.up_proj, theirs.linear1), (ours.feed_forward.down_proj, theirs.linear2),
                (ours.attention_norm, theirs.norm1), (ours.feed_forward_norm, theirs.norm2),
            ):  # fmt: skip
                target.load_state_dict(source.state_dict())
        reference.norm.load_state_dict(model.norm.state_dict())
        ids, mask = tokens(3, 7), torch.ones(3, 7)
        mask[1, 5:] = 0
        embedded = model.embed_tokens(ids) * 32**0.5 + sinusoids(torch.arange(7)[None], 32)
        expected = reference(embedded, src_key_padding_mask=mask == 0)
        found = model(ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-5)


def test_it_computes_what_llama_does_with_the_same_weights() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = causal(norm="rms", gated=True, bias=False, hidden_act="silu", norm_eps=1e-6, tie_word_embeddings=False)
    reference = LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=4, tie_word_embeddings=False, rms_norm_eps=1e-6)).eval()
    names = {
        "attention.": "self_attn.", "feed_forward_norm.": "post_attention_layernorm.", "feed_forward.": "mlp.",
        "attention_norm.": "input_layernorm.",
    }  # fmt: skip
    renamed = {}
    for name, weights in model.state_dict().items():
        ours = next((each for each in names if f".{each}" in name), "")
        renamed[name.replace(f".{ours}", f".{names[ours]}") if ours else name] = weights + torch.randn_like(weights) * 0.1
    reference.load_state_dict(renamed)
    back = {ours: renamed[theirs] for ours, theirs in zip(model.state_dict(), renamed, strict=True)}
    model.load_state_dict(back)
    ids, mask = tokens(3, 11), torch.ones(3, 11, dtype=torch.long)
    mask[0, :4] = 0  # left padding
    with torch.no_grad():
        found, expected = model(ids, attention_mask=mask).logits, reference(ids, attention_mask=mask).logits
        torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-5)
        assert model(ids, labels=ids).loss.item() == pytest.approx(reference(ids, labels=ids).loss.item(), abs=1e-5)


@pytest.mark.parametrize("settings", [*KINDS, {"positions": "sinusoidal", "is_causal": False}])
def test_plain_attention_computes_what_torchs_fused_one_does(settings: dict[str, Any]) -> None:
    models = [MetaGPTModel(MetaGPTConfig(**SHAPE, **settings, attn_implementation=kind)).eval() for kind in ("eager", "sdpa")]
    models[1].load_state_dict(models[0].state_dict())
    ids, mask = tokens(), torch.ones(2, 9, dtype=torch.long)
    mask[0, 7:] = 0
    with torch.no_grad():
        plain, fused = (model(ids, attention_mask=mask).last_hidden_state for model in models)
        shown = models[0](ids, output_attentions=True, output_hidden_states=True)
    torch.testing.assert_close(plain[mask.bool()], fused[mask.bool()], atol=1e-5, rtol=1e-5)
    assert len(shown.hidden_states) == 3
    assert [tuple(each.shape) for each in shown.attentions] == [(2, 4, 9, 9)] * 2
    assert bool((shown.attentions[0][:, :, 0, 1:] > 0).all()) == (not settings.get("is_causal", True))


def test_a_causal_model_sees_nothing_of_what_comes() -> None:
    model, ids = causal(), tokens()
    changed = ids.clone()
    changed[:, 5:] = 2
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits[:, :5], model(changed).logits[:, :5])


# generation


@pytest.mark.parametrize("settings", KINDS)
def test_generation_with_and_without_cache_gives_the_same_tokens(settings: dict[str, Any]) -> None:
    model = causal(**settings)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)  # far from uniform, so that a wrong place would show
    ids, mask = tokens(3, 6), torch.ones(3, 6, dtype=torch.long)
    mask[1, :3] = 0
    ids[1, :3] = 1
    how = {"attention_mask": mask, "max_new_tokens": 14, "do_sample": False, "eos_token_id": None}
    cached, plain = (model.generate(ids, use_cache=use, **how) for use in (True, False))
    assert cached.tolist() == plain.tolist()
    alone = model.generate(ids[1:2, 3:], max_new_tokens=14, do_sample=False, eos_token_id=None)
    assert cached[1, 3:].tolist() == alone[0].tolist()  # padding changes nothing


def test_beams_and_sampling_generate() -> None:
    model, ids = causal(), tokens(1, 4)
    assert model.generate(ids, max_new_tokens=5, num_beams=3, eos_token_id=None).shape == (1, 9)
    assert model.generate(ids, max_new_tokens=5, do_sample=True, num_return_sequences=2, eos_token_id=None).shape == (2, 9)


# saving, heads, and the tools of others


def test_saved_and_loaded_it_is_the_same_through_its_class_and_the_auto_classes(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

    model, text = causal(), "To be, or not to be: that is the question."
    tokenizer = MetaGPTTokenizer.from_texts([text] * 3, vocab_size=280)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    ids = tokens()
    for kind in (MetaGPTForCausalLM, AutoModelForCausalLM):
        loaded = kind.from_pretrained(tmp_path)
        assert isinstance(loaded, MetaGPTForCausalLM)
        assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
        torch.testing.assert_close(loaded.eval()(ids).logits, model(ids).logits, atol=1e-6, rtol=1e-6)
    assert isinstance(AutoModel.from_pretrained(tmp_path), MetaGPTModel)
    assert AutoConfig.from_pretrained(tmp_path).to_diff_dict() == model.config.to_diff_dict()
    same = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(same, MetaGPTTokenizer)
    assert same(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_each_head_is_saved_and_loaded_through_its_auto_class(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

    config = MetaGPTConfig(**SHAPE, pad_token_id=1, num_labels=3, positions="sinusoidal", is_causal=False)
    for kind, auto in (
        (MetaGPTForSequenceClassification, AutoModelForSequenceClassification),
        (MetaGPTForTokenClassification, AutoModelForTokenClassification),
        (MetaGPTForRegression, AutoModelForSequenceClassification),
    ):
        model, ids = kind(config).eval(), tokens()
        model.save_pretrained(tmp_path / kind.__name__)
        loaded = auto.from_pretrained(tmp_path / kind.__name__).eval()
        torch.testing.assert_close(loaded(ids).logits, model(ids).logits, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("is_causal", [True, False])
def test_padding_on_either_side_changes_no_score_of_a_text(is_causal: bool) -> None:
    config = MetaGPTConfig(**SHAPE, pad_token_id=1, num_labels=3, is_causal=is_causal)
    model, ids = MetaGPTForSequenceClassification(config).eval(), tokens(1, 6)
    alone = model(ids).logits
    padding = torch.ones(1, 3, dtype=torch.long)
    for padded, mask in (
        (torch.cat([ids, padding], 1), [1] * 6 + [0] * 3),
        (torch.cat([padding, ids], 1), [0] * 3 + [1] * 6),
    ):
        torch.testing.assert_close(model(padded, attention_mask=torch.tensor([mask])).logits, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model(torch.cat([ids, padding], 1)).logits if is_causal else alone, alone, atol=1e-5, rtol=1e-5)


def test_losses_of_the_heads_are_cross_entropy_and_squared_error() -> None:
    ids, config = tokens(3, 5), MetaGPTConfig(**SHAPE, num_labels=4)
    sequence, token, regression = (
        kind(config).eval() for kind in (MetaGPTForSequenceClassification, MetaGPTForTokenClassification, MetaGPTForRegression)
    )
    classes = torch.tensor([0, 3, 1])
    found = sequence(ids, labels=classes)
    torch.testing.assert_close(found.loss, nn.functional.cross_entropy(found.logits, classes))
    tags = torch.randint(0, 4, (3, 5))
    tags[0, 2:] = -100
    found = token(ids, labels=tags)
    torch.testing.assert_close(found.loss, nn.functional.cross_entropy(found.logits.flatten(0, 1), tags.flatten()))
    numbers = torch.tensor([0.5, -1.0, 2.0])
    found = regression(ids, labels=numbers)
    assert found.logits.shape == (3, 1)
    torch.testing.assert_close(found.loss, ((found.logits[:, 0] - numbers) ** 2).mean())
    assert config.problem_type != "regression"  # the caller's configuration is left alone


def test_checkpointed_gradients_are_the_same() -> None:
    model, ids = causal(), tokens()
    model.train()
    gradients = []
    for checkpointed in (False, True):
        if checkpointed:
            model.activation_checkpointing_enable()
        model.zero_grad()
        model(ids, labels=ids).loss.backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None])
    for plain, checkpointed_grad in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, checkpointed_grad)


def test_what_writes_into_the_residual_stream_begins_smaller() -> None:
    model = causal(hidden_size=128, num_hidden_layers=8)
    block = model.model.layers[0]
    assert block.attention.q_proj.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.attention.o_proj.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert block.feed_forward.down_proj.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


@pytest.mark.filterwarnings("ignore:.*will be removed in v6:FutureWarning")  # peft 0.21 asks transformers by an old name
def test_lora_trains_its_factors_alone_merges_and_is_saved(tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    base, ids = causal(), tokens()
    before = base(ids).logits.detach().clone()
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "up_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    torch.testing.assert_close(model(ids).logits, before)
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-2)
    losses = []
    for _ in range(4):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    model.eval()
    adapted = model(ids).logits.detach()
    model.save_pretrained(tmp_path)
    merged = model.merge_and_unload()
    torch.testing.assert_close(merged(ids).logits, adapted, atol=1e-5, rtol=1e-5)
    torch.manual_seed(7)
    again = PeftModel.from_pretrained(causal(), tmp_path).eval()
    torch.testing.assert_close(again(ids).logits, adapted, atol=1e-5, rtol=1e-5)


def peft_settings(name: str) -> Any:
    import peft

    kinds = {
        "lora": lambda: peft.LoraConfig(r=4, task_type="CAUSAL_LM"),
        "adalora": lambda: peft.AdaLoraConfig(task_type="CAUSAL_LM", total_step=10),
        "ia3": lambda: peft.IA3Config(task_type="CAUSAL_LM"),
        "norms": lambda: peft.LNTuningConfig(task_type="CAUSAL_LM"),
        "prefix": lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    }
    return kinds[name]()


@pytest.mark.filterwarnings("ignore:.*will be removed in v6:FutureWarning")  # peft 0.21 asks transformers by an old name
@pytest.mark.filterwarnings("ignore:Unsupported layer type:UserWarning")  # torch's RMSNorm, which it trains all the same
@pytest.mark.parametrize("method", ["lora", "adalora", "ia3", "norms", "prefix"])
def test_peft_adapts_it_without_being_told_which_modules(method: str) -> None:
    from peft import get_peft_model

    torch.manual_seed(7)
    model = get_peft_model(causal(**KINDS[2]), peft_settings(method))
    trained = {name: each.detach().clone() for name, each in model.named_parameters() if each.requires_grad}
    frozen = {name: each.detach().clone() for name, each in model.named_parameters() if not each.requires_grad}
    assert trained
    ids = tokens()
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-2)
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    now = dict(model.named_parameters())
    assert model(input_ids=ids, labels=ids).loss < loss
    assert any(not torch.equal(now[name], before) for name, before in trained.items())
    assert all(torch.equal(now[name], before) for name, before in frozen.items())


@pytest.mark.parametrize("first", ["import peft, metagpt.lab as lab", "import metagpt.lab as lab; lab.MetaGPTForCausalLM; import peft"])
def test_peft_knows_it_whether_it_is_imported_before_or_after(first: str) -> None:
    told = (
        f"{first}; import sys; lab.MetaGPTForCausalLM; from peft.utils import constants as known;"
        " print(known.TRANSFORMERS_MODELS_TO_ADALORA_TARGET_MODULES_MAPPING['metagpt'],"
        " peft.tuners.ia3.model.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING['metagpt'])"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout == "['q_proj', 'v_proj'] ['down_proj']\n", done.stderr


def test_the_architecture_is_loaded_without_peft() -> None:
    told = "import sys, metagpt.lab as lab; lab.MetaGPTForCausalLM; print('peft' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of trl and peft about each other and transformers
def test_trl_fine_tunes_it_with_the_adapter_that_it_is_given(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    texts = [f"{number} green bottles" for number in range(8)]
    tokenizer = MetaGPTTokenizer.from_texts(texts)
    model = causal(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=4, learning_rate=1e-2, report_to=[], save_strategy="no",
            use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False, bf16=False, logging_steps=1, gradient_checkpointing=False,
        ),
        train_dataset=Dataset.from_dict({"text": texts}),
        processing_class=tokenizer,
        peft_config=peft_settings("lora"),
    )  # fmt: skip
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert {name.rpartition("lora_")[1] for name, each in trainer.model.named_parameters() if each.requires_grad} == {"lora_"}


def test_the_trainer_of_transformers_trains_a_head(tmp_path: Path) -> None:
    from transformers import Trainer, TrainingArguments

    config = MetaGPTConfig(**SHAPE, pad_token_id=1, num_labels=2)
    rows = [{"input_ids": [10 + label, 5, 6, 7], "attention_mask": [1, 1, 1, 1], "labels": label} for label in (0, 1)] * 8
    trainer = Trainer(
        model=MetaGPTForSequenceClassification(config),
        args=TrainingArguments(
            output_dir=str(tmp_path), max_steps=12, per_device_train_batch_size=4, gradient_accumulation_steps=2, learning_rate=5e-3,
            report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False,
        ),
        train_dataset=rows,
    )  # fmt: skip
    before = trainer.evaluate(rows)["eval_loss"]
    trainer.train()
    assert trainer.evaluate(rows)["eval_loss"] < before / 2


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hidden_size": 30}, "hidden_size=30 with num_attention_heads=4"),
        ({"hidden_size": 36, "num_attention_heads": 4}, "odd width 9"),
        ({"hidden_size": 33, "num_attention_heads": 3, "positions": "sinusoidal"}, "odd hidden_size=33"),
        ({"positions": "learned"}, "positions"),
    ],
)
def test_a_shape_that_cannot_work_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(Exception, match=told):
        MetaGPTConfig(**{**SHAPE, **settings})


def test_a_model_that_sees_both_ways_does_not_generate() -> None:
    with pytest.raises(ValueError, match="is_causal=False; expected True"):
        MetaGPTForCausalLM(MetaGPTConfig(**SHAPE, is_causal=False))


# tokenizers


def test_byte_pairs_say_every_text_and_characters_say_those_they_saw() -> None:
    text = "O Romeo, Romeo! wherefore art thou Romeo?\n" * 4
    pairs, characters = MetaGPTTokenizer.from_texts([text], vocab_size=300), MetaGPTTokenizer.from_texts([text])
    unseen = "naïve ☃ — it 's , ok\n\n"
    assert pairs.decode(pairs(unseen)["input_ids"]) == unseen
    assert len(pairs(text)["input_ids"]) < len(text) / 2
    assert characters.decode(characters(text)["input_ids"]) == text
    assert len(characters(text)["input_ids"]) == len(text)
    assert characters("☃")["input_ids"] == [characters.unk_token_id]
    assert len(characters) == len(set(text)) + 3


def test_a_tokenizer_that_cannot_be_learned_is_refused() -> None:
    with pytest.raises(LabError, match="vocab_size=100; expected 258 or more"):
        MetaGPTTokenizer.from_texts(["a"], vocab_size=100)
    with pytest.raises(LabError, match="no characters"):
        MetaGPTTokenizer.from_texts([])


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="the shared data is not here")
def test_the_characters_of_shakespeare_are_65() -> None:
    assert len(MetaGPTTokenizer.from_texts([SHAKESPEARE.read_text()])) == 65 + 3


# found by those who did not import it


@pytest.mark.slow
def test_local_models_of_this_architecture_answer_without_importing_the_lab(tmp_path: Path) -> None:
    model = causal(vocab_size=320)
    tokenizer = MetaGPTTokenizer.from_texts(["Once upon a time there was a king. " * 9], vocab_size=280)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    code = (
        "import asyncio, sys\n"
        "from metagpt.models.interface import ChatMessage, ModelOptions, ModelRequest\n"
        "from metagpt.plugins import open_model\n"
        "async def ask():\n"
        f"    model = open_model('local:' + {str(tmp_path)!r}, {{'device': 'cpu'}})\n"
        "    request = ModelRequest(call='x.y', chat=(ChatMessage('user', 'Once'),), options=ModelOptions(max_tokens=5, temperature=0))\n"
        "    async for item in model.stream(request):\n"
        "        last = item\n"
        "    await model.close()\n"
        "    return last\n"
        "print(asyncio.run(ask()).usage.output_tokens)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.strip() in {"1", "2", "3", "4", "5"}, done.stderr
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "metagpt"
