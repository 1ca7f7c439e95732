"""The job "robustness": adversarial training and augmentation, and the drop of the model under perturbation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metagpt.hub.data import TextData, load_data
from metagpt.lab.finetuning import FinetunedModel, finetune
from metagpt.lab.finetuning.base import find_base
from metagpt.lab.finetuning.settings import FinetuneSettings
from metagpt.lab.jobs import RunFolder
from metagpt.lab.robustness.augmenting import augment
from metagpt.lab.robustness.drops import RobustnessReport, robustness_report
from metagpt.lab.robustness.perturbations import check_kinds, read_synonyms
from metagpt.lab.robustness.settings import RobustnessSettings
from metagpt.lab.saving import fresh

__all__ = ["Settings", "run"]

Settings = RobustnessSettings


def run(settings: RobustnessSettings, folder: RunFolder) -> Mapping[str, Any]:
    """Train if there is a training set, then report; a training that was cut goes on from its checkpoint.

    Returns:
        The clean score and the change under each perturbation, of the trained model and of the baseline.
    """
    synonyms = None if settings.synonyms is None else read_synonyms(settings.synonyms)
    test = _load(settings, settings.test)
    check_kinds(settings.perturb, test, synonyms, strength=settings.strength)
    if settings.data is None:
        model = FinetunedModel.load(find_base(settings.model).source, device=settings.device)
        return _reported(model, test, settings, synonyms, folder, "robustness").as_json()
    train = _load(settings, settings.data)
    check_kinds(settings.augment, train, synonyms, strength=settings.strength)
    chosen = settings.model_dump(include=set(FinetuneSettings.model_fields), exclude_unset=True)
    results: dict[str, Any] = {}
    if settings.baseline:
        plain = finetune(settings.model, train, test=test, checkpoint=folder.checkpoint / "baseline", **chosen)
        results["baseline"] = _reported(plain, test, settings, synonyms, folder, "baseline").as_json()
    if settings.augment:
        train = augment(train, settings.augment, copies=settings.copies, strength=settings.strength, seed=settings.seed, synonyms=synonyms)
    trained = finetune(
        settings.model, train, test=test, checkpoint=folder.checkpoint / "robust", adversary=settings.make_adversary(),
        on_log=lambda values: folder.log(**values), **chosen,
    )  # fmt: skip
    results |= _reported(trained, test, settings, synonyms, folder, "robustness").as_json()
    where = fresh(folder.path / "model")
    results["model"] = str(trained.save(where))
    if settings.hub_name is not None:
        results["pushed"] = trained.push(settings.hub_name, parents=[f"run:{folder.path.name}"]).reference
    return results


def _reported(
    model: FinetunedModel,
    test: TextData,
    settings: RobustnessSettings,
    synonyms: Mapping[str, list[str]] | None,
    folder: RunFolder,
    name: str,
) -> RobustnessReport:
    report = robustness_report(
        model, test, settings.perturb or None, strength=settings.strength, seed=settings.seed, synonyms=synonyms,
        task=model.task.evaluation, title=f"{name.capitalize()} on {test.name}",
    )  # fmt: skip
    report.save(folder.path, name=name)
    return report


def _load(settings: RobustnessSettings, source: str) -> TextData:
    return load_data(
        source, text=settings.text, label=settings.label, numbers=settings.task == "regression",
        format=settings.format,  # type: ignore[arg-type]  # load_data checks the word
    )  # fmt: skip
