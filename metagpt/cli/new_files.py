"""The files of a new project; NAME stands for its name."""

from __future__ import annotations

__all__ = ["FILES"]

_PYPROJECT = """\
[project]
name = "NAME"
version = "0.1.0"
description = "A team of role agents."
requires-python = ">=3.11"
dependencies = ["metagpt>=1.0"]

[dependency-groups]
dev = ["pytest>=8"]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
"""

_README = """\
# NAME

A team of two roles: a writer pitches a product in one line, a critic agrees or asks for another line.

    metagpt run "a teapot that never drips" --team team.py:team     # a run, with the model of your environment
    metagpt check team.py:team                                      # the team's graph, before a token is spent
    metagpt graph team.py:team                                      # who hears what, as Mermaid
    python -m pytest                                                # the tests, with a scripted model: no key, no network

- `messages.py`: what the roles say to each other
- `roles/`: who they are and what they do with what they hear
- `prompts/`: what their models are asked, a file for each handler
- `team.py`: the roles put together
- `tests/`: runs of the team with replies written in advance

Models, prices and budgets stand in `metagpt.toml`.
"""

_SETTINGS = """\
# Which model answers; without any, OPENAI_API_KEY decides, else the embedded model, which is made for small programs only.
# [models.default]
# ref = "openai:gpt-5-mini"

# [models.critic]                  # a role of its own mind
# ref = "local:Qwen/Qwen3-4B"

# [budget]                         # most that a run may spend
# usd = 0.5
"""

_MESSAGES = '''\
"""What the roles say to each other."""

from metagpt import Message


class Pitch(Message):
    """A product in one line."""

    text: str


class Review(Message):
    """What the critic thinks of a pitch."""

    approved: bool
    notes: str = ""
'''

_ROLES = '''\
"""The team's roles."""

from roles.critic import Critic
from roles.writer import Writer

__all__ = ["Critic", "Writer"]
'''

_WRITER = '''\
"""Who writes."""

from messages import Pitch, Review

from metagpt import Goal, Role, on, template


class Writer(Role):
    """A copywriter. You write one-line product pitches in plain words."""

    @on(Goal)
    async def pitch(self, goal: Goal) -> Pitch:
        return await self.ask(Pitch, template("writer/pitch"), goal=goal)

    @on(Review, when=lambda review: not review.approved, limit=3)
    async def revise(self, review: Review) -> Pitch:
        return await self.ask(Pitch, template("writer/revise"), review=review)
'''

_CRITIC = '''\
"""Who judges."""

from messages import Pitch, Review

from metagpt import Role, on, template


class Critic(Role):
    """A strict critic. You approve only pitches that say what is new, in at most twelve words."""

    @on(Pitch)
    async def review(self, pitch: Pitch) -> Review:
        return await self.ask(Review, template("critic/review"), pitch=pitch)
'''

_TEAM = '''\
"""The team: `metagpt run GOAL --team team.py:team`."""

from messages import Review
from roles import Critic, Writer

from metagpt import Team

team = Team([Writer(), Critic()], final=Review, success=lambda review: review.approved, name="NAME")
'''

_TESTS = '''\
"""Runs of the team with replies written in advance."""

from messages import Pitch, Review
from team import team

from metagpt.testing import ScriptedModel, data


def test_a_pitch_that_the_critic_likes_is_a_success():
    with ScriptedModel({"writer": [data(Pitch(text="Pours to the last drop."))], "critic": [data(Review(approved=True))]}) as model:
        run = team.with_(model=model).run_sync("a teapot that never drips")
    assert run.success
    assert [type(message).__name__ for message in run.messages] == ["Goal", "Pitch", "Review"]


def test_the_writer_is_told_what_the_critic_missed():
    script = {
        "writer": [data(Pitch(text="A teapot.")), data(Pitch(text="The teapot that never drips."))],
        "critic": [data(Review(approved=False, notes="Say what is new.")), data(Review(approved=True))],
    }
    with ScriptedModel(script) as model:
        run = team.with_(model=model).run_sync("a teapot that never drips")
    assert run.success
    assert "Say what is new." in model.requests[2].chat[-1].text


def test_a_critic_who_never_agrees_ends_the_run_without_success():
    def refused():
        return data(Review(approved=False, notes="No."))

    script = {"writer": [data(Pitch(text="A teapot.")) for _ in range(4)], "critic": [refused() for _ in range(4)]}
    with ScriptedModel(script) as model:
        run = team.with_(model=model).run_sync("a teapot that never drips")
    assert run.status == "done"
    assert not run.success
'''

FILES = {
    ".gitignore": ".metagpt/\n__pycache__/\n.pytest_cache/\n.venv/\n",
    "README.md": _README,
    "messages.py": _MESSAGES,
    "metagpt.toml": _SETTINGS,
    "prompts/critic/review.md.j2": "Review this pitch: {{ pitch.text }}\n\nSay in `notes` what to change, unless you approve.\n",
    "prompts/writer/pitch.md.j2": "Write a pitch for: {{ goal.text }}\n",
    "prompts/writer/revise.md.j2": "Rewrite the pitch you wrote before. The critic's notes: {{ review.notes }}\n",
    "pyproject.toml": _PYPROJECT,
    "roles/__init__.py": _ROLES,
    "roles/critic.py": _CRITIC,
    "roles/writer.py": _WRITER,
    "team.py": _TEAM,
    "tests/test_team.py": _TESTS,
}
"""Text by path."""
