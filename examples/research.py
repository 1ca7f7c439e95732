"""A folder of documents is read up by question, side by side, and the report cites only what stands there.

A list of questions opens a branch each; the author hears all findings at once. A quote is checked by code: one that stands
nowhere is asked for again, and what rests on none is left out. `Team.load("research", documents="papers")` reads yours.

Prints:
    asked again: clay.md: Stoneware is fired at 1400 degrees
    Stoneware is fired at about 1250 degrees [1], and a sharp lip keeps a spout from dripping [2].
    [1] clay.md: fired at about 1250 degrees
    [2] spouts.md: A sharp lip lets the tea fall free
    unanswered: What does a teapot cost?
"""

import tempfile
from pathlib import Path

from metagpt import Team
from metagpt.models.interface import ModelRequest
from metagpt.testing import FunctionModel

DOCUMENTS = Path(__file__).parent / "documents"
QUESTIONS = ["How hot is stoneware fired?", "Why does a spout drip?", "What does a teapot cost?"]


def answer(request: ModelRequest) -> object:
    """What a model might say; it makes up a figure first, and gets told."""
    prompt = request.chat[-1].text
    if request.call == "planner.plan":
        return {"answer": QUESTIONS}
    if request.call == "author.write":
        return "Stoneware is fired at about 1250 degrees [1], and a sharp lip keeps a spout from dripping [2]."
    if "How hot" in prompt:
        quote = "fired at about 1250 degrees" if "stand in none" in prompt else "Stoneware is fired at 1400 degrees"
        return {"answer": "At about 1250 degrees.", "citations": [{"document": "clay.md", "quote": quote}]}
    if "Why does" in prompt:
        quote = "A sharp lip lets the tea fall free"
        return {"answer": "Its lip is round.", "citations": [{"document": "spouts.md", "quote": quote}]}
    return {"answer": "", "citations": []}


if __name__ == "__main__":
    model = FunctionModel(answer)
    with tempfile.TemporaryDirectory() as folder:
        team = Team.load("research", documents=DOCUMENTS, model=model, workspace=folder)
        report = team.run_sync("How is a good teapot made?").output
    again = next(request.chat[-1].text for request in model.requests if "stand in none" in request.chat[-1].text)
    print("asked again:", again.splitlines()[-1].removeprefix("- "))
    print(report.text)
    for source in report.sources:
        print(f"[{source.number}] {source.document}: {source.quote}")
    print("unanswered:", ", ".join(report.unanswered))
