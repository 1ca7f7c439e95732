"""DPO and GRPO, by the trainers of TRL.

Sources: DPO: Rafailov et al. 2023, arXiv:2305.18290, eq. 7; the loss on chosen answers beside it: Pang et al. 2024,
arXiv:2404.19733; GRPO: Shao et al. 2024, arXiv:2402.03300, eq. 3, with the loss of TRL's default, whose length bias is removed
(Liu et al. 2025, arXiv:2503.20783).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import set_seed

from metagpt.errors import LabError
from metagpt.lab.alignment.guard import LossGuard, run_trainer
from metagpt.lab.alignment.reward_plugins import open_reward
from metagpt.lab.alignment.rewards import FormReward, LengthReward, TestsReward
from metagpt.lab.alignment.rows import Row, columns
from metagpt.lab.alignment.settings import Tuning
from metagpt.lab.alignment.weights import load_model, load_tokenizer, quiet, training_options, with_lora
from metagpt.lab.jobs import RunFolder

__all__ = ["tune_by_preferences", "tune_by_rewards"]

_DPO_BETA = 0.1


def tune_by_preferences(base: Path, rows: Sequence[Row], settings: Tuning, folder: RunFolder) -> tuple[Any, dict[str, float]]:
    """The model after DPO on the pairs, and its last figures.

    Raises:
        LabError: a loss that is no number.
    """
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    set_seed(settings.seed)
    with quiet():
        model = _policy(base, settings)
        trainer = DPOTrainer(
            model=model,
            ref_model=None if settings.lora else load_model(base),  # with factors, the weights without them are the reference
            args=DPOConfig(
                **training_options(settings, folder.checkpoint, settings.rate("dpo")),
                beta=_DPO_BETA if settings.beta is None else settings.beta,
                max_length=None,
                loss_type=["sigmoid", "sft"] if settings.chosen_weight else ["sigmoid"],
                loss_weights=[1.0, settings.chosen_weight] if settings.chosen_weight else None,
            ),
            train_dataset=columns(rows),
            processing_class=load_tokenizer(base),
            callbacks=[LossGuard("align dpo", folder, settings.rate("dpo"))],
        )
        return trainer.model, run_trainer(trainer, folder.checkpoint)


def tune_by_rewards(base: Path, rows: Sequence[Row], settings: Tuning, folder: RunFolder) -> tuple[Any, dict[str, float]]:
    """The model after GRPO on the prompts, and its last figures with the mean reward of the first and last step.

    Raises:
        ConfigError: `reward` names no plugin.
        LabError: no reward has a weight, a batch that is no multiple of the generations, or a loss that is no number.
    """
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    rewards = _rewards(settings, base)
    if settings.batch % settings.generations:
        raise LabError(
            f"align grpo: found batch {settings.batch} with {settings.generations} generations; expected a multiple. Change one of them."
        )
    set_seed(settings.seed)
    with quiet():
        model = _policy(base, settings)
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=[reward for reward, _ in rewards],
            args=GRPOConfig(
                **training_options(settings, folder.checkpoint, settings.rate("grpo")),
                beta=settings.beta or 0.0,
                num_generations=settings.generations,
                max_completion_length=settings.max_tokens,
                temperature=settings.temperature,
                reward_weights=[weight for _, weight in rewards],
            ),
            train_dataset=columns(rows),
            processing_class=load_tokenizer(base),
            callbacks=[LossGuard("align grpo", folder, settings.rate("grpo"))],
        )
        figures = run_trainer(trainer, folder.checkpoint)
    earned = [float(line["reward"]) for line in trainer.state.log_history if "reward" in line]
    return trainer.model, {**figures, "first_reward": earned[0], "last_reward": earned[-1]}


def _policy(base: Path, settings: Tuning) -> Any:
    model = load_model(base)
    return with_lora(model, rank=settings.lora_rank, alpha=settings.lora_alpha, seed=settings.seed) if settings.lora else model


def _rewards(settings: Tuning, base: Path) -> list[tuple[Any, float]]:
    known = [
        *([(open_reward(settings.reward, base), settings.reward_weight)] if settings.reward else []),
        (TestsReward(), settings.tests_weight),
        (FormReward(settings.form_pattern), settings.form_weight),
        (LengthReward(settings.length_target), settings.length_weight),
    ]
    chosen = [(reward, weight) for reward, weight in known if weight > 0]
    if not chosen:
        raise LabError(
            "align grpo: found no reward with a weight; expected one or more. Set reward, tests_weight, form_weight or length_weight."
        )
    return chosen
