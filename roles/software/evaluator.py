"""The evaluator: tests from the requirements, a verdict from running programs against them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from metagpt import Role, on, template
from metagpt.actions.sandbox import SandboxChoice
from metagpt.behaviour import PROPERTIES, TestReport
from metagpt.errors import InvalidReplyError
from metagpt.roles.software.engineer import MOST_REPAIRS
from metagpt.roles.software.judging import Trial, Verdict, expected_cases, judge_trials, signature_of, trial_inputs
from metagpt.roles.software.messages import Candidates, Checks, ChecksFailed, Delivery, Example, Probes, Program, Requirements
from metagpt.roles.software.product import delivered_files, program_files
from metagpt.roles.software.program_runs import ProgramActions
from metagpt.roles.software.written_tests import test_files

__all__ = ["Evaluator"]

MOST_INPUTS = 12
"""Inputs that are taken from the model's checks."""

MOST_TRIED = 24
"""Programs that are run on every input."""

MOST_FAILURES = 10
MOST_FAILURE_CHARS = 400


class Evaluator(Role):
    """You are an evaluator. You write tests from requirements and trust nothing that has not been run."""

    def __init__(self, *args: Any, sandbox: SandboxChoice = "auto", **keywords: Any) -> None:
        self._programs = ProgramActions(sandbox)
        super().__init__(*args, actions=(self._programs.observe, self._programs.observe_each, self._programs.test), **keywords)

    @on(Requirements)
    async def write_tests(self, requirements: Requirements) -> Checks:
        """Write tests without seeing a program."""
        wanted = requirements.readings[0].specification
        form: type[Probes | Checks] = Probes if requirements.is_sampled else Checks
        try:
            written = await self.ask(
                form,
                template("evaluator/write_tests"),
                name="write_tests",
                goal=requirements.goal,
                signature=wanted.signature,
                summary=wanted.summary,
                property_names=list(PROPERTIES),
            )
        except InvalidReplyError as error:
            if not requirements.is_sampled:
                raise
            self.log.info("no probes of the model's own, the inputs of the argument's type remain: %s", error)
            written = Probes()
        checks = written if isinstance(written, Checks) else Checks(inputs=written.inputs, properties=written.properties)
        known = [name for name in dict.fromkeys(checks.properties) if name in PROPERTIES]
        return checks.model_copy(update={"properties": known, "inputs": checks.inputs[:MOST_INPUTS]})

    @on(Candidates, Checks, keep=Checks)
    async def judge(self, candidates: Candidates, checks: Checks) -> Delivery | ChecksFailed:
        """Run every candidate, choose one, test it, and deliver it or send it back."""
        requirements = candidates.requirements
        programs = await self._promising(requirements, candidates.programs, checks)
        trials = await asyncio.gather(*(self._try(requirements, program, checks) for program in programs))
        verdict = judge_trials(requirements, trials, checks)
        tests = test_files(requirements, verdict.program, checks, verdict)
        trial = next(each for each in trials if each.program is verdict.program)
        report = TestReport(tests=0) if _gives_nothing(trial) else await self._test(requirements, verdict.program, tests)
        failures = _shortened([*verdict.failures, *report.failures])
        if failures and verdict.can_repair and candidates.repairs < MOST_REPAIRS:
            return ChecksFailed(requirements=requirements, program=verdict.program, failures=failures, repairs=candidates.repairs + 1)
        delivery = _delivery(requirements, verdict, report, failures)
        for path, text in delivered_files(requirements, delivery, tests, _example(trial) if delivery.passed else None).items():
            self.workspace.write_text(path, text)
        return delivery

    async def _promising(self, requirements: Requirements, programs: Sequence[Program], checks: Checks) -> Sequence[Program]:
        """Of more programs than can be tried on every input, the first, and those of the others that give every result that is known."""
        if len(programs) <= MOST_TRIED:
            return programs
        first, *others = programs
        cases = expected_cases(requirements, checks)
        results = await self.do(
            self._programs.observe_each,
            sources=[_source(requirements, program) for program in others],
            inputs=[[argument] for argument, _ in cases],
        )
        fitting = [
            program
            for program, outcomes in zip(others, results, strict=True)
            if all(outcome.same_as(expected) for outcome, (_, expected) in zip(outcomes, cases, strict=True))
        ]
        return [first, *fitting][:MOST_TRIED]

    async def _try(self, requirements: Requirements, program: Program, checks: Checks) -> Trial:
        """What the program does on every input there is; nothing for an application."""
        signature = signature_of(requirements, program.reading)
        if signature is None:
            return Trial(program=program, inputs=[], outcomes=[])
        inputs = trial_inputs(requirements, checks)
        arguments = [signature.arguments(value) for value in inputs]
        outcomes = await self.do(self._programs.observe, files=program.files, file=program.entry, function=signature.name, inputs=arguments)
        return Trial(program=program, inputs=inputs, outcomes=outcomes)

    async def _test(self, requirements: Requirements, program: Program, tests: dict[str, str]) -> TestReport:
        if not tests:
            return TestReport(tests=0)
        report: TestReport = await self.do(
            self._programs.test, files={**program_files(requirements, program), **tests}, tests=sorted(tests)
        )
        return report


def _source(requirements: Requirements, program: Program) -> tuple[str, str]:
    """A program's text and the name of its function."""
    signature = signature_of(requirements, program.reading)
    return program.files[program.entry], signature.name if signature else ""


def _gives_nothing(trial: Trial) -> bool:
    """Whether it fails on whatever it is given: its tests would only say so again."""
    return bool(trial.outcomes) and all(outcome.error for outcome in trial.outcomes)


def _delivery(requirements: Requirements, verdict: Verdict, report: TestReport, failures: list[str]) -> Delivery:
    return Delivery(
        program=verdict.program,
        signature=requirements.readings[verdict.program.reading].specification.signature,
        passed=report.passed and verdict.is_strong and not failures,
        evidence=verdict.evidence,
        tests=report.tests,
        failures=failures,
    )


def _shortened(failures: list[str]) -> list[str]:
    short = [each if len(each) <= MOST_FAILURE_CHARS else f"{each[:MOST_FAILURE_CHARS]}…" for each in dict.fromkeys(failures)]
    return short if len(short) <= MOST_FAILURES else [*short[:MOST_FAILURES], f"and {len(short) - MOST_FAILURES} more"]


def _example(trial: Trial) -> Example | None:
    """An argument and its result to show, the first that says something."""
    results = [(value, outcome.value) for value, outcome in zip(trial.inputs, trial.outcomes, strict=True) if not outcome.error]
    telling = [pair for pair in results if pair[0] and pair[1] and len(repr(pair)) <= 100]
    return next(iter([*telling, *results]), None)
