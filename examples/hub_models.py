"""A hub keeps models in versions with aliases, and names the ones that suit a task.

Every hub begins with the models that are installed. Scores are cosine similarities of the task and the models' cards.

Prints:
    all-minilm-l6-v2@1 0.54
    embedded@1 0.37
    news@production is version 2
    after a rollback it is version 1
    vote(news@1, news@2) says ['sports', 'economy']
    pulled: README.md config.json model.safetensors
    refused: old.bin: found the ending '.bin', which can run code when it is read
    removed news@2; 0 faults
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy
from safetensors.numpy import save_file

from metagpt import HubError, ModelHub, TaskDescription
from metagpt.hub import Card
from metagpt.hub.composition import Vote

TASK = TaskDescription("Classify a short news text as politics, economy, sports or entertainment.")


class Keywords:
    """A classifier of your own: anything with `predict` can be composed."""

    def __init__(self, sports: str) -> None:
        self.sports = sports

    def predict(self, texts: Sequence[str]) -> list[str]:
        return ["sports" if self.sports in text else "economy" for text in texts]

    def save_pretrained(self, folder: str) -> None:
        (Path(folder) / "config.json").write_text(json.dumps({"sports": self.sports}))
        save_file({"weight": numpy.ones(3)}, Path(folder) / "model.safetensors")


def main(folder: Path) -> None:
    hub = ModelHub(folder / "hub")
    for model in hub.select_models(TASK, top_n=3):
        print(model.reference, f"{model.score:.2f}")
    members = [Keywords("goal"), Keywords("ball")]
    for member in members:
        hub.push(member, "news", card=Card(summary="Tells sports from economy.", task="text-classification"), alias="production")
    print("news@production is version", hub.get("news@production").version)
    print("after a rollback it is version", hub.rollback("news", "production").version)
    print("vote(news@1, news@2) says", Vote(members).predict(["a goal with the ball", "tax"]))

    pulled = Path(hub.pull("news@production", folder / "pulled"))  # a folder that Hugging Face libraries take
    print("pulled:", *sorted(file.name for file in pulled.iterdir()))
    (pulled / "old.bin").write_bytes(b"pickled, maybe")
    try:
        hub.push(pulled, "news")
    except HubError as error:
        print("refused:", str(error).partition(";")[0])
    print(f"removed {hub.remove('news@2').reference}; {len(hub.verify())} faults")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
