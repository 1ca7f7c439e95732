"""Teams that stand in files: what they can say, findings with their lines, what they cannot widen, and the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from metagpt import Budget, Policy, Rules, SqliteJournal, Team
from metagpt.errors import ConfigError, TeamError
from metagpt.from_file.team_policy import CAUTIOUS, users_policy
from metagpt.testing import FunctionModel, ScriptedModel, call, data
from tests.cli.projects import invoke

TOML = """
name = "pitchers"
description = "A writer and a critic."
final = "Review"
success = "review.approved"
model = "embedded"
seed = 7

[messages.Pitch]
text = "str"

[messages.Review]
approved = "bool"
notes = { type = "str", default = "" }

[models]
critic = "openai:gpt-5-mini"

[budget]
calls = 10
usd = 0.5

[roles.writer]
persona = "You write one-line pitches."

[roles.writer.handlers.pitch]
hears = "Goal"
says = "Pitch"
prompt = "Write a pitch for: {{ goal.text }}"

[roles.writer.handlers.revise]
hears = "Review"
says = "Pitch"
when = "not review.approved"
limit = 3
prompt = "Rewrite it: {{ review.notes }}"

[roles.critic]
persona = "A strict critic."

[roles.critic.handlers.review]
hears = "Pitch"
says = "Review"
prompt = "Review: {{ pitch.text }}"
"""

MARKDOWN = """---
final: Review
success: review.approved
seed: 7
model: embedded
models: {critic: "openai:gpt-5-mini"}
budget: {calls: 10, usd: 0.5}
messages:
  Pitch: {text: str}
  Review:
    approved: bool
    notes: {type: str, default: ""}
roles:
  writer:
    handlers:
      revise: {when: not review.approved, limit: 3}
---
# Pitchers

What stands here is for people.

## writer

You write one-line pitches.

### pitch: Goal -> Pitch

Write a pitch for: {{ goal.text }}

### revise: Review -> Pitch

Rewrite it: {{ review.notes }}

## critic

A strict critic.

### review: Pitch -> Review

Review: {{ pitch.text }}
"""

CRITIC = TOML[TOML.index("[roles.critic.handlers") :]

REPLIES: dict[str, Any] = {
    "writer": [data({"text": "tea"}), data({"text": "better tea"})],
    "critic": [data({"approved": False, "notes": "more"}), data({"approved": True})],
}


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def findings(path: Path, content: str, **keywords: Any) -> list[str]:
    """What is wrong with the team, without the folder."""
    with pytest.raises(TeamError) as caught:
        Team.from_file(write(path, content), **keywords)
    return [finding.removeprefix(f"{path}:") for finding in caught.value.findings]


@pytest.mark.parametrize(("name", "content"), [("pitchers.toml", TOML), ("pitchers.md", MARKDOWN)])
async def test_a_team_of_a_file_runs(name: str, content: str, tmp_path: Path) -> None:
    team = Team.from_file(write(tmp_path / name, content))
    assert (team.name, team.seed, team.budget) == ("pitchers", 7, Budget(calls=10, usd=0.5))
    assert team._models == {"writer": None, "critic": "openai:gpt-5-mini"}
    with ScriptedModel(REPLIES) as model:
        run = await team.with_(model=model, models={"critic": model}).run("tea")
    assert (run.status, run.success, run.usage.calls) == ("done", True, 4)
    assert [request.chat[-1].text for request in model.requests] == [
        "Write a pitch for: tea",
        "Review: tea",
        "Rewrite it: more",
        "Review: better tea",
    ]
    assert model.requests[0].chat[0].text == "You write one-line pitches."


def test_toml_and_markdown_mean_the_same_graph(tmp_path: Path) -> None:
    pictures = {Team.from_file(write(tmp_path / name, text)).diagram() for name, text in (("a.toml", TOML), ("b.md", MARKDOWN))}
    assert len(pictures) == 1


async def test_a_verdict_is_the_condition_of_the_file(tmp_path: Path) -> None:
    model = FunctionModel(lambda request: {"text": "x"} if "writer" in request.call else {"approved": False})
    team = Team.from_file(write(tmp_path / "t.toml", TOML), model=model, models={"critic": model}, budget=Budget(steps=50))
    run = await team.run("tea")
    assert (run.status, run.success) == ("done", False)


async def test_a_run_of_a_file_is_resumed_by_the_file_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "t.toml", TOML.replace('says = "Pitch"', 'says = "Pitch"\napprove = true', 1).replace("usd = 0.5", ""))

    def team(model: Any) -> Team[Any, Any]:
        return Team.from_file(path, model=model, models={"critic": model}, journal=SqliteJournal(tmp_path / "j.db"))

    run = await team(ScriptedModel({"writer": [data({"text": "tea"})]})).run("tea")
    assert run.status == "waiting"
    with ScriptedModel({"critic": [data({"approved": True})]}) as model:
        from metagpt import Approve

        run = await team(model).resume(run.id, answers={run.pending[0].id: Approve()})
    assert run.success


async def test_a_fan_out_and_a_gather_stand_in_a_file(tmp_path: Path) -> None:
    content = """---
final: Whole
messages: {Part: {text: str}, Done: {text: str}, Whole: {text: str}}
---
## boss
The boss.
### split: Goal -> list[Part]
Split {{ goal.text }}.
### join: list[Done] -> Whole
{% for done in messages %}{{ done.text }};{% endfor %}
## worker
A worker.
### work: Part -> Done
Do {{ part.text }}.
"""
    parts = [{"text": "a"}, {"text": "b"}]
    with ScriptedModel({"boss": [data(parts), data({"text": "all"})], "worker": [data({"text": "1"}), data({"text": "2"})]}) as model:
        run = await Team.from_file(write(tmp_path / "t.md", content), model=model).run("x")
    assert run.output.text == "all"
    assert model.requests[-1].chat[-1].text == "1;2;"


async def test_roles_of_other_files_and_of_installed_packages_join_the_team(tmp_path: Path) -> None:
    write(
        tmp_path / "roles" / "critic.md",
        "---\nmessages: {Review: {approved: bool}, Pitch: {text: str}}\n---\nA critic.\n## review: Pitch -> Review\nReview {{ pitch.text }}.\n",
    )
    content = (
        "final = 'Review'\n[roles.writer]\npersona = 'A writer.'\n[roles.writer.handlers.pitch]\nhears = 'Goal'\nsays = 'Pitch'\nprompt = 'x'\n"
        "[roles.judge]\nfile = 'roles/critic.md'\nmodel = 'embedded'\n"
    )
    team = Team.from_file(write(tmp_path / "t.toml", content))
    assert sorted(team.roles) == ["judge", "writer"]
    assert team.roles["judge"].model == "embedded"
    installed = "final = 'Delivery | Declined'\n" + "".join(
        f"[roles.{name}]\nuse = '{name}'\n" for name in ("product_manager", "engineer", "evaluator")
    )
    assert sorted(Team.from_file(write(tmp_path / "s.toml", installed)).roles) == ["engineer", "evaluator", "product_manager"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return tmp_path


# findings


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (CRITIC, CRITIC + CRITIC.replace(".review]", ".note]"), 41, "critic.review and critic.note: both can hear Pitch"),
        ("limit = 3\n", "", 40, "cycle critic.review -> writer.revise -> critic.review: runs for ever"),
        (CRITIC, CRITIC.replace('says = "Review"', 'says = "Pitch"'), 31, "writer.revise: hears Review, which nobody produces"),
        (CRITIC, CRITIC.replace('says = "Review"', 'says = "Pitch"'), 4, "final Review: nobody produces it"),
        ('[roles.critic]\npersona = "A strict critic."', '[roles.user]\npersona = "x"\nhandlers = {}\n[roles.critic]\npersona = "x"', 38, "found no handlers"),
        ('final = "Review"', 'finl = "Review"', 4, "Did you mean 'final'?"),
        ('final = "Review"\n', "", 4, "found success without final"),
        ("[budget]\ncalls", "[budget]\ncals", 20, "Did you mean 'calls'?"),
        ("calls = 10", "calls = 0", 20, "found calls = 0"),
        ("critic = ", "critc = ", 17, "Did you mean 'critic'?"),
        ("gpt-5-mini", "gpt-5-mini@http://elsewhere/v1", 17, "names a server"),
        ('says = "Pitch"\nwhen', 'says = "Pitch"\nto = "critc"\nwhen', 31, "Did you mean 'critic'?"),
        ('success = "review.approved"', 'success = "review.aproved"', 5, "Did you mean 'approved'?"),
        ("[budget]", "[policy.roles.criti]\nwrites = 'deny'\n[budget]", 19, "found rules for role 'criti'"),
        ("[budget]", "[policy]\nnetwork = 'alow'\n[budget]", 20, "Did you mean 'allow'?"),
        ("[budget]", "[policy]\nhosts = ['*']\n[budget]", 20, "which hosts are reached is the user's to say"),
        ("[budget]", "[mcp.files]\ncommand = ['sh']\n[budget]", 19, "found key 'mcp'"),
        ('persona = "A strict critic."', 'persona = "x"\nactions = ["mcp:files"]', 40, "starts no server"),
        ('[roles.critic]\n', '[roles.other]\nfile = "../x.md"\n[roles.critic]\n', 39, "expected one beside this file"),
        ('[roles.critic]\n', '[roles.other]\nfile = "x.md"\n[roles.critic]\n', 39, "expected a readable file"),
        ('[roles.critic]\n', '[roles.other]\nuse = "enginer"\n[roles.critic]\n', 39, "Did you mean 'engineer'?"),
    ],
)  # fmt: skip
def test_a_finding_names_its_line(old: str, new: str, line: int, said: str, tmp_path: Path) -> None:
    assert old in TOML
    found = findings(tmp_path / "t.toml", TOML.replace(old, new, 1))
    assert any(each.startswith(f"{line}: ") and said in each for each in found), found
    assert all(re.match(r"\d+: ", each) for each in found)


def test_a_misspelt_final_is_told_once(tmp_path: Path) -> None:
    (found,) = findings(tmp_path / "t.toml", TOML.replace('final = "Review"', 'final = "Revew"'))
    assert found.startswith("4: the file: found 'Revew'")
    assert found.endswith("Did you mean 'Review'?")


def test_a_finding_about_a_role_of_another_file_names_that_file(tmp_path: Path) -> None:
    critic = write(tmp_path / "critic.md", "A critic.\n## review: Pitch -> Review\nReview {{ pitch.txt }}.\n")
    content = TOML[: TOML.index("[roles.critic]")] + "[roles.critic]\nfile = 'critic.md'\n"
    with pytest.raises(TeamError) as caught:
        Team.from_file(write(tmp_path / "t.toml", content))
    assert caught.value.findings == (f"{critic}:3: handlers.review: found pitch.txt; expected one of its fields. Did you mean 'text'?",)
    write(critic, "A critic.\n## review: Pitch -> Review\nReview it.\n## note: Pitch -> Review\nNote it.\n")
    with pytest.raises(TeamError) as caught:
        Team.from_file(tmp_path / "t.toml")
    (found,) = caught.value.findings
    assert found.startswith(f"{critic}:2: critic.review and critic.note: both can hear Pitch")


def test_all_findings_of_a_markdown_team_have_their_lines(tmp_path: Path) -> None:
    found = findings(
        tmp_path / "t.md", MARKDOWN.replace("review.notes }}", "review.note }}").replace("### review: Pitch", "### review: Ptch")
    )
    assert [each.split(": ")[0] for each in found] == ["32", "38"]


# what a file cannot do


def with_action(extra: str = "") -> str:
    return (
        "final = 'Note'\n[messages.Note]\ntext = 'str'\n[roles.writer]\npersona = 'x'\nactions = ['write_file', 'python']\n"
        f"[roles.writer.handlers.write]\nhears = 'Goal'\nsays = 'Note'\nprompt = 'x'\ntools = true\n{extra}"
    )


def policy_of(team: Team[Any, Any]) -> Policy:
    return team._setting.policy


async def test_running_code_waits_for_a_person_where_the_user_has_said_nothing(tmp_path: Path) -> None:
    team = Team.from_file(
        write(tmp_path / "t.toml", with_action()), model=ScriptedModel([call("run_python", arguments=["-c", "print(1)"])])
    )
    run = await team.run("go")
    assert (run.status, run.pending[0].kind) == ("waiting", "action")


@pytest.mark.parametrize(
    ("user", "own", "executes", "writes"),
    [
        (None, "", "ask", "allow"),
        (None, "executes = 'allow'\nnetwork = 'allow'", "ask", "allow"),
        (Policy(), "executes = 'deny'", "deny", "allow"),
        (Policy(), "", "allow", "allow"),
        (Policy(rules=Rules(executes="deny", writes="ask")), "executes = 'allow'\nwrites = 'allow'", "deny", "ask"),
        (Policy(rules=Rules(writes="ask")), "[policy.actions]\nwrite_file = 'allow'\nrun_python = 'allow'", "ask", "ask"),
        (Policy(actions={"run_python": "deny"}), "[policy.roles.writer]\nexecutes = 'allow'", "deny", "allow"),
        (Policy(), "[policy.roles.writer]\nwrites = 'deny'", "deny", "deny"),
    ],
)
def test_a_file_tightens_what_the_user_allows_and_widens_nothing(
    user: Policy | None, own: str, executes: str, writes: str, tmp_path: Path
) -> None:
    team = Team.from_file(write(tmp_path / "t.toml", with_action(f"[policy]\n{own}\n" if own else "")), policy=user)
    python, file = ({action.name: action for action in team.roles["writer"].actions}[name] for name in ("run_python", "write_file"))
    assert policy_of(team).rule("writer", "run_python", python.permissions) == executes
    assert policy_of(team).rule("writer", "write_file", file.permissions) == writes
    assert policy_of(team).hosts("writer") == (user or CAUTIOUS).hosts("writer")


def test_settings_that_speak_of_something_else_leave_code_and_network_to_be_asked_for(folder: Path) -> None:
    write(folder / "t.toml", with_action())
    for table, executes in (({}, "ask"), ({"writes": "deny"}, "deny"), ({"executes": "allow"}, "allow")):
        team = Team.from_file("t.toml", policy=users_policy("metagpt.toml", table))
        python = next(action for action in team.roles["writer"].actions if action.name == "run_python")
        assert policy_of(team).rule("writer", "run_python", python.permissions) == executes


def test_reading_a_file_runs_nothing_of_it_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "evil.py", "raise SystemExit('run')")
    hostile = TOML.replace('"str"', '"evil.Pitch"').replace("{{ goal.text }}", "{{ goal.__class__.__init__.__globals__ }}")
    found = findings(tmp_path / "t.toml", hostile)
    assert any("found goal.__class__" in each for each in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.py", "t.toml"]


# the command line


@pytest.mark.parametrize(("name", "content"), [("pitchers.toml", TOML), ("pitchers.md", MARKDOWN)])
def test_check_and_graph_take_a_file(name: str, content: str, folder: Path) -> None:
    write(folder / name, content)
    checked = invoke("check", name)
    assert (checked.exit_code, checked.stdout) == (0, "team 'pitchers': 2 roles, 3 handlers, 3 messages; no findings\n")
    drawn = invoke("graph", name)
    assert drawn.exit_code == 0
    assert "Pitch" in drawn.stdout


def test_check_ends_with_1_and_tells_each_line(folder: Path) -> None:
    write(folder / "t.toml", TOML.replace("limit = 3\n", ""))
    done = invoke("check", "t.toml")
    assert done.exit_code == 1
    assert "t.toml:40: cycle " in done.stdout


def test_a_file_that_is_no_toml_ends_with_2(folder: Path) -> None:
    write(folder / "t.toml", "a =")
    done = invoke("check", "t.toml")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: t.toml:1: found text that is no TOML")


def answer(request: Any) -> Any:
    return {"approved": True} if request.call == "critic.review" else {"text": "tea"}


def test_run_and_resume_take_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metagpt.cli import models

    monkeypatch.setattr(models, "open_model", lambda reference, options=None: FunctionModel(answer))
    asked = TOML.replace('says = "Pitch"', 'says = "Pitch"\napprove = true', 1)
    write(folder / "pitchers.toml", asked)
    done = invoke("run", "tea", "--team", "pitchers.toml")
    assert done.exit_code == 3, done.output
    line = next(line for line in done.stdout.splitlines() if line.startswith("answer with"))
    words = line.partition("metagpt ")[2].split()
    assert "pitchers.toml" in words
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    assert "approved: true" in done.stdout


def unnamed(output: str) -> list[str]:
    """The words that answer what a run waits for, without the team."""
    words = next(line for line in output.splitlines() if line.startswith("answer with")).partition("metagpt ")[2].split()
    at = words.index("--team")
    return words[:at] + words[at + 2 :]


def test_resume_finds_a_team_that_is_data_where_it_stood(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metagpt.cli import models

    monkeypatch.setattr(models, "open_model", lambda reference, options=None: FunctionModel(answer))
    critic = "A critic.\n## review: Pitch -> Review\nReview {{ pitch.text }}.\n"
    write(folder / "critic.md", critic)
    asked = TOML[: TOML.index("[roles.critic]")].replace('says = "Pitch"', 'says = "Pitch"\napprove = true', 1)
    write(folder / "pitchers.toml", asked + "[roles.critic]\nfile = 'critic.md'\n")
    waiting = invoke("run", "tea", "--team", "pitchers.toml")
    assert waiting.exit_code == 3, waiting.output
    words = unnamed(waiting.stdout)

    write(folder / "critic.md", critic.replace("A critic", "Another critic"))
    refused = invoke(*words)
    assert refused.exit_code == 2
    assert "found team file 'pitchers.toml' changed since run" in refused.stderr
    assert refused.stderr.strip().endswith(f"--team pitchers.toml {' '.join(words[2:])}")

    (folder / "critic.md").unlink()
    assert "changed since run" in invoke(*words).stderr
    write(folder / "critic.md", critic)
    (folder / "pitchers.toml").rename(folder / "moved.toml")
    gone = invoke(*words)
    assert (gone.exit_code, "found no team file" in gone.stderr, "--team FILE --answer" in gone.stderr) == (2, True, True)
    (folder / "moved.toml").rename(folder / "pitchers.toml")

    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    rejected = invoke(*(word.replace("approve", "reject:more") for word in words), "--journal", str(folder / ".metagpt" / "journal.db"))
    assert rejected.exit_code == 3, rejected.output
    monkeypatch.chdir(folder)
    done = invoke(*words[:-1], words[-1].replace("=", ".2="))
    assert done.exit_code == 0, done.output
    assert "approved: true" in done.stdout


def test_a_team_that_has_changed_goes_on_where_it_is_named_and_fits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metagpt.cli import models

    monkeypatch.setattr(models, "open_model", lambda reference, options=None: FunctionModel(answer))
    asked = TOML.replace('says = "Pitch"', 'says = "Pitch"\napprove = true', 1)
    write(folder / "pitchers.toml", asked)
    words = [*unnamed(invoke("run", "tea", "--team", "pitchers.toml").stdout), "--team", "pitchers.toml"]
    write(folder / "pitchers.toml", asked.replace("roles.writer", "roles.author"))
    unfit = invoke(*words)
    assert (unfit.exit_code, "found records that this team cannot follow" in unfit.stderr) == (2, True)
    write(folder / "pitchers.toml", asked.replace("A strict critic", "A mild critic"))
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    assert "note: pitchers.toml has changed since the run was started" in done.stderr


def test_a_file_takes_no_sandbox_and_says_so(folder: Path) -> None:
    write(folder / "t.toml", TOML)
    done = invoke("run", "tea", "--team", "t.toml", "--sandbox", "process")
    assert done.exit_code == 2
    assert "takes none" in done.stderr


def test_a_file_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable file"):
        Team.from_file("none.toml")
