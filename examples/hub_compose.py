"""Several models as one: in sequence, side by side, by votes, by their mean or by learned trust, nested at will, and kept in the hub.

Members are whatever predicts; in the hub, entries. On the command line: `metagpt hub compose NAME RECIPE.toml`.

Prints:
    vote: ['sports', 'economy']
    mean: [0.45, 0.55]
    stacking trusts the second: economy
    parallel: {'bold': 'sports', 'timid': 'economy'}
    hybrid: ['bold says sports, both say sports']
    team@1: parallel(one=bold@1, all=vote(bold@1, mean(bold@1, timid@1)))
    team@1 was made from bold@1, timid@1
    bold@1 is part of team@1
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy
from numpy.typing import NDArray
from safetensors.numpy import save_file

from metagpt import HubError, ModelHub
from metagpt.hub.composition import Mean, Parallel, Sequential, Stacking, Vote, compose


class Topics:
    """A classifier of your own: the probability of sports is that of the first word that it knows."""

    classes_ = ("sports", "economy")

    def __init__(self, **sports: float) -> None:
        self.sports = sports

    def predict_proba(self, texts: Sequence[str]) -> NDArray[numpy.float64]:
        found = [next((self.sports[word] for word in text.split() if word in self.sports), 0.4) for text in texts]
        return numpy.array([[each, 1 - each] for each in found])

    def predict(self, texts: Sequence[str]) -> list[str]:
        return ["sports" if row[0] > 0.5 else "economy" for row in self.predict_proba(texts)]

    def save_pretrained(self, folder: str) -> None:
        (Path(folder) / "config.json").write_text(json.dumps(self.sports))
        save_file({"weight": numpy.ones(3)}, Path(folder) / "model.safetensors")


class Report:
    """Makes one text of what several said."""

    def predict(self, answers: Sequence[Mapping[str, str]]) -> list[str]:
        return [f"bold says {said['bold']}, both say {said['both']}" for said in answers]


def main(folder: Path) -> None:
    bold, timid = Topics(goal=0.9, bank=0.8), Topics(goal=0.2, bank=0.1)
    print("vote:", Vote([bold, timid], weights=[2, 1]).predict(["a goal", "a tax"]))
    mean = Mean([bold, timid])
    print("mean:", [round(float(each), 2) for each in mean.predict_proba(["a goal"])[0]])
    held_out = ["a bank", "a tax", "the bank", "no goal", "ball", "goal"]  # on which no member was trained
    stacking = Stacking([bold, timid]).fit([*held_out], ["economy", "sports", "economy", "economy", "sports", "economy"])
    print("stacking trusts the second:", stacking.predict(["the goal"])[0])

    print("parallel:", Parallel({"bold": bold, "timid": timid}).predict(["a goal"])[0])
    print("hybrid:", Sequential([Parallel({"bold": bold, "both": mean}), Report()]).predict(["a goal"]))

    hub = ModelHub(folder)
    for name, member in (("bold", bold), ("timid", timid)):
        hub.push(member, name)
    nested = {"kind": "vote", "members": ["bold", {"kind": "mean", "members": ["bold", "timid"]}]}
    team = compose(hub, "team", {"kind": "parallel", "members": {"one": "bold", "all": nested}})
    print(f"{team.reference}: {hub.card(team).summary.removeprefix('A composition: ').removesuffix('.')}")
    print(team.reference, "was made from", ", ".join(team.parents))
    try:
        hub.remove("bold@1")
    except HubError as error:
        print(str(error).removeprefix("remove: ").partition(";")[0])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
