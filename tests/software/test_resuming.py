"""A run of the software team that is cut and resumed delivers what the uncut one did, and performs no recorded action again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from metagpt import InMemoryJournal, SqliteJournal
from metagpt.roles.software import software_team
from metagpt.testing import Crash, crash_at
from tests.software.answers import CODE, GOAL, WRONG_CODE, general_model


def actions(journal: SqliteJournal) -> Counter[str]:
    return Counter(record.kind for record in journal.records("r") if record.kind.startswith("Action"))


@pytest.mark.slow
async def test_a_run_that_is_cut_goes_on_where_it_stood(tmp_path: Path) -> None:
    counting = crash_at(0, InMemoryJournal())
    whole = await software_team(
        model=general_model(write_program=WRONG_CODE, repair=CODE), journal=counting, workspace=tmp_path / "whole"
    ).run(GOAL)
    assert whole.success
    for at in range(2, counting.appends + 1, 2):
        folder, model = tmp_path / str(at), general_model(write_program=WRONG_CODE, repair=CODE)
        journal = SqliteJournal(tmp_path / f"{at}.db")
        with pytest.raises(Crash):
            await software_team(model=model, journal=crash_at(at, journal, after_writing=True), workspace=folder).run(GOAL, run_id="r")
        before = actions(journal)
        run = await software_team(model=model, journal=journal, workspace=folder).resume("r")
        assert run.output == whole.output, at
        assert len(model.requests) <= 6
        assert actions(journal)["ActionEnded"] == 4
        assert actions(journal)["ActionStarted"] == 4 + before["ActionStarted"] - before["ActionEnded"]
        assert (folder / "run.json").read_text() == (tmp_path / "whole" / "run.json").read_text()
