"""Roles that stand in files: what is read, what is refused and where, and that nothing of it is run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from metagpt import Approve, Goal, Message, Reject, Role, Team, WaitLimit, WindowMemory, action, on
from metagpt.actions.interface import Action
from metagpt.actions.workspace import Workspace
from metagpt.errors import ConfigError, TeamError
from metagpt.from_file.toml_file import toml_lines
from metagpt.testing import FunctionModel, ScriptedModel, call, data, text
from tests.cli.projects import invoke

REVIEWER = """---
name: reviewer
memory: {use: window, last: 5, exchanges: true}
messages:
  Draft: {text: str}
  Review:
    approved: bool
    level: [low, high]
    notes: {type: "list[str]", default: [], description: what to change}
handlers:
  review: {temperature: 0, limit: 3}
---
# Reviewer

You are a strict reviewer.
You say what is missing.

## review: Draft -> Review

Review this draft:

```markdown
## this is no heading
```

{{ draft.text }}
"""


class Pitch(Message):
    text: str


class Asker(Role):
    """Asks."""

    @on(Goal)
    async def pitch(self, goal: Goal) -> Pitch:
        return Pitch(text=goal.text)


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def findings(path: Path, content: str, **keywords: Any) -> list[str]:
    """What is wrong with the role, without the folder."""
    with pytest.raises(TeamError) as caught:
        Role.from_file(write(path, content), **keywords)
    return [finding.removeprefix(f"{path}:") for finding in caught.value.findings]


def test_a_markdown_role_is_read_with_persona_memory_types_and_prompt(tmp_path: Path) -> None:
    role = Role.from_file(write(tmp_path / "reviewer.md", REVIEWER))
    assert (role.name, role.persona) == ("reviewer", "You are a strict reviewer.\nYou say what is missing.")
    assert isinstance(role.own_memory, WindowMemory)
    assert (role.own_memory.last, role.own_memory.exchanges) == (5, True)
    spec = role.handlers["review"]
    (draft,), review = spec.hears[0], spec.published.types[0]
    assert (draft.__name__, review.__name__, spec.limit) == ("Draft", "Review", 3)
    schema = review.model_json_schema()
    assert schema["properties"]["level"]["enum"] == ["low", "high"]
    assert schema["properties"]["notes"]["description"] == "what to change"
    assert review.model_validate({"approved": True, "level": "low"}).model_dump()["notes"] == []


def test_a_role_of_a_file_works_beside_roles_of_python(tmp_path: Path) -> None:
    content = "persona = 'A critic.'\n[messages.Review]\napproved = 'bool'\n[handlers.review]\nhears = 'Pitch'\nsays = 'Review'\nprompt = 'Review: {{ pitch.text }}'\n"
    role = Role.from_file(write(tmp_path / "critic.toml", content), messages=[Pitch])
    with ScriptedModel([data({"approved": True})]) as model:
        run = Team([Asker(), role], final=role.handlers["review"].published.types[0], model=model).run_sync("{{ tea }}")
    assert run.output.model_dump() == {"approved": True}
    request = model.requests[0]
    assert (request.call, request.chat[0].text, request.chat[1].text) == ("critic.review", "A critic.", "Review: {{ tea }}")
    assert request.context == {"pitch": {"text": "{{ tea }}"}}


def test_a_type_that_two_files_declare_alike_is_one_type(tmp_path: Path) -> None:
    head = "---\nmessages:\n  Draft: {text: str}\n---\nA role.\n"
    writer = Role.from_file(write(tmp_path / "writer.md", head + "## write: Goal -> Draft\nWrite about {{ goal.text }}.\n"))
    poet = Role.from_file(write(tmp_path / "poet.md", head + "## polish: Draft -> Draft\nPolish {{ draft.text }}.\n"))
    other = Role.from_file(write(tmp_path / "other.md", head.replace("str", "int") + "## polish: Draft -> Draft\nPolish.\n"))
    assert writer.handlers["write"].published.types == poet.handlers["polish"].hears[0]
    assert writer.handlers["write"].published.types != other.handlers["polish"].hears[0]


def test_what_is_given_in_python_comes_before_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "reviewer.md", REVIEWER)
    memory = WindowMemory(last=1)
    role = Role.from_file(path, name="second", model="embedded", memory=memory)
    assert (role.name, role.model, role.own_memory) == ("second", "embedded", memory)


def test_a_role_of_a_subclass_keeps_its_handlers(tmp_path: Path) -> None:
    content = "A critic.\n## review: Pitch -> Pitch\nReview {{ pitch.text }}.\n"
    role = Asker.from_file(write(tmp_path / "critic.md", content), messages=[Pitch])
    assert isinstance(role, Asker)
    assert sorted(role.handlers) == ["pitch", "review"]


@pytest.mark.parametrize(
    ("hears", "says", "prompt"),
    [
        ("Goal", "list[Part]", "Split {{ goal.text }}."),
        ("list[Part]", "Whole", "{% for part in messages %}{{ part.text }} {% endfor %}"),
        ("Part | Whole", "Whole | None", "{% if part is defined %}{{ part.text }}{% else %}{{ whole.text }}{% endif %}"),
        ("Part, Whole", "Whole | Part", "{{ part.text }} {{ whole.text }}"),
    ],
)
def test_every_form_of_a_signature_can_be_written(hears: str, says: str, prompt: str, tmp_path: Path) -> None:
    head = "---\nmessages:\n  Part: {text: str}\n  Whole: {text: str}\n---\nA role.\n"
    role = Role.from_file(write(tmp_path / "role.md", f"{head}## do_it: {hears} -> {says}\n{prompt}\n"))
    assert role.handlers["do_it"].kind == ("gather" if "list[Part]" in hears else "join" if "," in hears else "one")


def test_a_role_of_a_file_lets_its_model_call_its_actions(tmp_path: Path) -> None:
    @action(reads=True)
    async def look_up(word: str) -> str:
        """Look a word up."""
        return f"about {word}"

    content = "---\nactions: [look_up]\nmessages:\n  Draft: {text: str}\nhandlers:\n  write: {tools: true, max_tokens: 50}\n---\nA role.\n## write: Goal -> Draft\nWrite.\n"
    role = Role.from_file(write(tmp_path / "writer.md", content), actions=[look_up])
    with ScriptedModel([call("look_up", word="tea"), data({"text": "done"})]) as model:
        run = Team([role], model=model, final=role.handlers["write"].published.types[0]).run_sync("go")
    assert run.success
    assert model.requests[1].chat[-1].text == '"about tea"'
    assert model.requests[0].options.max_tokens == 50


def test_what_is_remembered_by_a_role_of_a_file_belongs_to_the_session(tmp_path: Path) -> None:
    content = "---\nmemory: {use: window, exchanges: true}\nmessages:\n  Draft: {text: str}\n---\nA role.\n## write: Goal -> Draft\nWrite {{ goal.text }}.\n"
    model = FunctionModel(lambda request: {"text": f"{len(request.chat)}"})
    role = Role.from_file(write(tmp_path / "writer.md", content))
    team = Team([role], final=role.handlers["write"].published.types[0], model=model)
    assert [team.run_sync(goal, session="s").output.model_dump() for goal in ("a", "b")] == [{"text": "2"}, {"text": "4"}]


FAULTY = """persona = "A role."
modle = "embedded"
actions = ["read_fil", "mcp:git"]
model = "openai:x@http://elsewhere/v1"

[memory]
use = "window"
path = "/etc"

[messages.Draft]
text = "strr"
copy = "str"
me = "Draft"

[messages.Other]
words = "list[str"

[handlers.write]
hears = "Gaol"
says = "Other"
prompt = "x"
limit = 0
aprove = true

[handlers.ask]
hears = "Goal"
says = "list[Other], Other"
prompt = '''
One row.
{{ goal.texxt }}
{{ gaol.text }}
'''

[handlers.judge]
hears = "Other, Other"
says = "Other"
when = "other.words ="
prompt = "{{ other.words }"
tools = ["read_file"]
to = 7
"""


def test_everything_that_is_wrong_is_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    found = findings(tmp_path / "role.toml", FAULTY)
    expected = {
        2: "Did you mean 'model'?",
        3: "'read_fil'",
        4: "names a server",
        8: "found path = '/etc'",
        11: "Did you mean 'str'?",
        12: "found a field 'copy'",
        13: "'Draft' inside of itself",
        16: "found 'list[str'",
        19: "Did you mean 'Goal'?",
        22: "found limit = 0",
        23: "Did you mean 'approve'?",
        25: "found a handler 'ask', which is the name of something that every role has",
        27: "expected A, A | B, list[A], or A | None",
        30: "found goal.texxt; expected one of its fields. Did you mean 'text'?",
        31: "found the name 'gaol'; expected that of a message that is heard. Did you mean 'goal'?",
        37: "found a when that cannot be read",
        38: "found a prompt that cannot be read",
        40: "found to = 7",
    }
    by_line = {line: [finding for finding in found if finding.startswith(f"{line}: ")] for line in expected}
    for line, said in expected.items():
        assert any(said in finding for finding in by_line[line]), (line, said, found)
    assert any(finding.startswith("3: ") and "starts no server" in finding for finding in found)
    assert sorted({int(finding.split(":")[0]) for finding in found}) == sorted(expected)


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("## review: Goal -> Goal\nx {{ goal.text }}\n\n{{ gaol }}\n", 8, "Did you mean 'goal'?"),
        ("## review Goal -> Goal\nx\n", 5, "a heading is `name: Hears -> Says`"),
        ("## review: Goal -> Goal\n", 5, "found no 'prompt'"),
        ("## review: Goal -> Goaal\nx\n", 5, "Did you mean 'Goal'?"),
        ("", 1, "found no handlers"),
    ],
)
def test_findings_of_markdown_name_the_line_of_the_text(body: str, line: int, said: str, tmp_path: Path) -> None:
    found = findings(tmp_path / "role.md", f"---\nname: x\n---\nA role.\n{body}")
    assert any(each.startswith(f"{line}: ") and said in each for each in found), found


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("role.toml", "persona = 'a'\npersona = 'b'\n", r"role\.toml:2: found text that is no TOML"),
        ("role.toml", "persona = ", r"role\.toml:1: found text that is no TOML"),
        ("role.md", "---\nname: [\n---\n", r"role\.md:2: found text that is no YAML"),
        ("role.md", "---\nname: x\n", r"role\.md:1: found `---` that is never closed"),
        ("role.md", "---\nname: x\nname: y\n---\n", r"role\.md:3: found the key 'name' twice"),
        ("role.md", "---\nname: !!python/object/apply:os.getcwd []\n---\n", r"role\.md:2: found a tag, an anchor or an alias"),
        ("role.md", "---\na: &x [1]\nb: [*x, *x]\n---\n", r"role\.md:2: found a tag, an anchor or an alias"),
        ("role.md", "---\nno: 1\n---\n", r"role\.md:2: found the key 'no', which is no text"),
        (
            "role.md",
            "---\nhandlers: {a: {says: Goal}}\n---\nX.\n## a: Goal -> Goal\nx\n",
            r"role\.md:5: found handlers\.a\.says here and in the settings",
        ),
        ("role.txt", "x", r"ends in '.txt'; expected .md or .toml"),
        ("role.toml", "\xff", "no UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(name: str, content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match=said):
        Role.from_file(path)


def test_a_finding_ends_with_one_full_stop(tmp_path: Path) -> None:
    for found in findings(tmp_path / "role.toml", FAULTY):
        assert re.search(r"[^.?][.?]$", found), found


LIMITED = REVIEWER.replace("{temperature: 0, limit: 3}", "{approve: %s}")


@pytest.mark.parametrize(
    ("written", "approve"),
    [
        ("true", True),
        ("false", False),
        ("{seconds: 60}", WaitLimit(seconds=60)),
        ("{seconds: 0.5, default: approve}", WaitLimit(seconds=0.5, default=Approve())),
        ("{seconds: 60, default: 'reject: too slow'}", WaitLimit(seconds=60, default=Reject("too slow"))),
        ("{seconds: 60, default: reject}", WaitLimit(seconds=60, default=Reject())),
    ],
)
def test_a_file_says_how_long_a_person_may_take_and_what_counts_then(written: str, approve: object, tmp_path: Path) -> None:
    role = Role.from_file(write(tmp_path / "role.md", LIMITED % written))
    assert role.handlers["review"].approve == approve


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("3600", "found approve = 3600; expected true, or { seconds = 3600"),
        ("{}", "found seconds = None"),
        ("{seconds: 0}", "found seconds = 0; expected more than 0"),
        ("{seconds: .inf}", "found seconds = inf"),
        ("{seconds: 60, default: perhaps}", "found default = 'perhaps'; expected \"approve\" or"),
        ("{seconds: 60, otherwise: approve}", "found key 'otherwise'"),
    ],
)
def test_a_limit_that_is_none_is_a_finding(written: str, said: str, tmp_path: Path) -> None:
    (found,) = findings(tmp_path / "role.md", LIMITED % written)
    assert said in found


def test_check_takes_a_roles_file_for_a_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "reviewer.md", REVIEWER)
    done = invoke("check", "reviewer.md")
    assert (done.exit_code, done.stdout.startswith("role 'reviewer': 1 handler; no findings.")) == (0, True), done.stdout
    for name, content in (("wrong.md", REVIEWER.replace("draft.text", "draft.txt")), ("wrong.toml", FAULTY)):
        write(tmp_path / name, content)
        done = invoke("check", name)
        assert (done.exit_code, done.stdout.startswith(f"role file '{name}': ")) == (1, True), done.stdout
    done = invoke("graph", "reviewer.md")
    assert "found a role's file; expected a team's" in done.stderr


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable file"):
        Role.from_file(tmp_path / "none.md")


def test_a_type_is_read_and_never_evaluated(tmp_path: Path) -> None:
    target = tmp_path / "made"
    content = f"persona = 'x'\n[messages.Note]\ntext = \"__import__('pathlib').Path('{target}').touch()\"\n[handlers.a]\nhears = 'Goal'\nsays = 'Note'\nprompt = 'x'\n"
    assert any("3: " in each and "expected str, int" in each for each in findings(tmp_path / "role.toml", content))
    assert not target.exists()


def test_a_join_that_cannot_be_wired_is_a_finding_with_its_line(tmp_path: Path) -> None:
    content = "persona = 'x'\n[handlers.a]\nhears = ['Goal', 'Goal']\nsays = 'Goal'\nprompt = 'x'\n"
    (found,) = findings(tmp_path / "role.toml", content)
    assert found.startswith("2: handlers.a: found a join of Goal and Goal")


def test_lines_of_toml_are_those_of_its_keys() -> None:
    document = (
        "# = [\na = 1\n\n[b.'c d']\ne = '''\n[x]\ny = 1\n'''  # text\nf = [\n  1, # [\n  2,\n]\n"
        'g.h = "]"\n[[i]]\nj = { k = 1, l = "a,b = 2" }\nm = """one \\\n two\\""""\nn = 2\n'
    )
    lines, texts = toml_lines(document)
    assert lines == {
        ("a",): 2, ("b",): 4, ("b", "c d"): 4, ("b", "c d", "e"): 5, ("b", "c d", "f"): 9, ("b", "c d", "g"): 13, ("b", "c d", "g", "h"): 13,
        ("i",): 14, ("i", "j"): 15, ("i", "j", "k"): 15, ("i", "j", "l"): 15, ("i", "m"): 16, ("i", "n"): 18,
    }  # fmt: skip
    assert texts == {("b", "c d", "e"): 6}


def test_a_text_answer_is_asked_for_as_the_declared_type(tmp_path: Path) -> None:
    content = "A role.\n## write: Goal -> Goal\nWrite {{ goal.text }}.\n"
    role = Role.from_file(write(tmp_path / "a-b.md", content))
    assert (role.name, type(role).__name__) == ("a-b", "AB")
    with pytest.raises(TeamError, match="runs for ever"):
        Team([role], model=ScriptedModel([text("x")]))


def test_a_source_of_actions_given_in_python_reaches_the_role(tmp_path: Path) -> None:
    shelf = Shelf()
    role = Role.from_file(write(tmp_path / "reviewer.md", REVIEWER), actions=[shelf])
    assert role.action_sources == (shelf,)
    assert role.actions == ()


class Shelf:
    """A source that offers nothing."""

    name = "shelf"

    def check(self) -> None:
        return None

    def open(self, workspace: Workspace) -> AbstractAsyncContextManager[Sequence[Action]]:
        return nullcontext(())
