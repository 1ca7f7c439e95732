"""A conversation: turns that are runs of one session, so that the journal keeps them and the memory spans them."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from metagpt.cli.chat_display import ReplyDisplay
from metagpt.cli.chat_partner import Talker, partner_team
from metagpt.cli.folders import slug
from metagpt.cli.interruption import Interruption
from metagpt.cli.journals import folder_beside, open_journal, prepare_folder
from metagpt.cli.options import Flags
from metagpt.cli.people import ask_people
from metagpt.cli.prepare import Prepared, prepare
from metagpt.cli.wording import shown_path, visible
from metagpt.errors import ConfigError, RunCancelledError, RunError
from metagpt.journal.interface import RunHeader
from metagpt.message import Message
from metagpt.run import Run, RunStream

__all__ = ["ChatSession"]

AnyRun = Run[Any]


class ChatSession:
    """One person's talk with one role or team.

    Args:
        spec: The partner, as the user named it.
        found: What stands there under that name.
        flags: What else they say: model and journal.
        name: The session.
        interruption: Listens for Ctrl-C.
        read: How a person's answers are read where a reply needs one; None: at the terminal.
    """

    def __init__(
        self, spec: str, found: Any, flags: Flags, name: str, interruption: Interruption, read: Callable[[str], str] | None
    ) -> None:
        self.spec = spec
        self.name = name
        self._found = found
        self._flags = flags
        self._interruption = interruption
        self._read = read
        self._earlier: list[Prepared] = []
        """What was prepared for other models, to be closed at the end."""
        self.prepared = self._prepare(flags)
        prepare_folder(self.prepared.team.journal)

    def _prepare(self, flags: Flags) -> Prepared:
        team = partner_team(self.spec, self._found, open_journal(flags.journal))
        prepared = prepare(self.spec, team, flags)
        talkers = [role for role in prepared.team.roles.values() if isinstance(role, Talker)]
        for role in talkers:
            profile = prepared.team.model_for(role.name).profile
            if profile.prompt_format == "compact" and f"{role.name}.chat" not in profile.calls:
                raise ConfigError(
                    f"metagpt chat: found {profile.reference}, which was trained for {', '.join(profile.calls)} and cannot talk; expected"
                    " a general model. Pass --model openai:NAME or --model local:PATH_OR_HUB_ID, or talk with the team it was trained"
                    " for: metagpt chat software."
                )
        return prepared

    @property
    def speaks(self) -> bool:
        """Whether one role answers in its own words."""
        return any(isinstance(role, Talker) for role in self.prepared.team.roles.values())

    @property
    def model(self) -> str:
        """The models that answer."""
        return ", ".join(self.prepared.choice.references)

    def use_model(self, reference: str) -> None:
        """Let another model answer from now on; what was said stays.

        Raises:
            ConfigError: there is none, or it cannot be opened.
        """
        flags = replace(self._flags, model=reference)
        prepared = self._prepare(flags)
        self._earlier.append(self.prepared)
        self._flags, self.prepared = flags, prepared

    def turns(self) -> list[RunHeader]:
        """The session's runs with this partner, the oldest first."""
        team = self.prepared.team
        return [header for header in reversed(team.journal.runs()) if header.session == self.name and header.team == team.name]

    def reply_to(self, header: RunHeader) -> Message | None:
        """What came of a turn; None where nothing did."""
        output: Message | None = self.prepared.team.open_run(header.run_id).output
        return output

    async def say(self, text: str) -> bool:
        """One turn, shown as it is made; whether it came to its end."""
        run_id = uuid.uuid4().hex[:12]
        team = self.prepared.team.with_(workspace=self._folder(run_id)) if self._chooses_folder else self.prepared.team
        self.prepared = replace(self.prepared, team=team)
        return await self._work(team.stream(text, run_id=run_id, session=self.name))

    @property
    def _chooses_folder(self) -> bool:
        own = self.prepared.team._workspace
        return own is None or self._root in own.parents

    @property
    def _root(self) -> Path:
        return (folder_beside(self.prepared.team.journal) / "chat").resolve()

    def _folder(self, run_id: str) -> Path:
        """A role's files stay from turn to turn; what a team makes of a goal has a folder of its own."""
        folder = self._root / slug(self.name)
        return folder if self.speaks else folder / run_id

    async def settle(self) -> None:
        """Ask what the last turn still waits for, if the person went away then."""
        waiting = [header for header in self.turns() if header.status == "waiting"]
        if waiting:
            print("The last turn waits for you.", file=sys.stderr)
            await self._go_on(self.prepared.team.open_run(waiting[-1].run_id))

    async def _work(self, stream: RunStream[Any]) -> bool:
        run = await self._follow(stream)
        return run is not None and await self._go_on(run)

    async def _go_on(self, run: AnyRun) -> bool:
        """Ask the person as often as the run needs them, and end the turn."""
        current: AnyRun | None = run
        while current is not None and current.status == "waiting":
            run = current
            try:
                answers = ask_people(self.prepared.team, run, read=self._read)
            except EOFError:
                print(f"The turn waits for you: metagpt chat {self.spec} --session {self.name}", file=sys.stderr)
                return False
            current = await self._follow(self.prepared.team.resume_stream(run.id, answers=answers))
        if current is None:
            return False
        if current.workspace is not None and not self.speaks:
            print(f"files: {shown_path(current.workspace)}", file=sys.stderr)
        return True

    async def _follow(self, stream: RunStream[Any]) -> AnyRun | None:
        """A stretch of the turn, shown; None where it failed or was stopped."""
        display = ReplyDisplay(speaks=self.speaks)
        self._interruption.requested = False
        output: Message | None = None
        try:
            async with stream:
                with self._interruption.cancels(stream.cancel):
                    async for event in stream:
                        display.show(event)
                    run: AnyRun = await stream.result()
            output = run.output
        except RunCancelledError:
            problem = "stopped; this turn is not remembered"
        except RunError as error:
            problem = f"error: {visible(str(error))}"
        else:
            display.end(output)
            return run
        display.end(None)
        print(problem, file=sys.stderr)
        return None

    async def close(self) -> None:
        """Close the models."""
        for prepared in (*self._earlier, self.prepared):
            await prepared.close()
