"""The evaluator: tests from the requirements, a verdict from running programs against them."""

from __future__ import annotations

from typing import Any

from metagpt import Role, on, template
from metagpt.actions.sandbox import SandboxChoice
from metagpt.behaviour import PROPERTIES
from metagpt.roles.software.judging import Trial, judge_trials, trial_inputs
from metagpt.roles.software.messages import Candidates, Checks, ChecksFailed, Delivery, Program, Requirements
from metagpt.roles.software.product import program_files, run_record, test_files
from metagpt.roles.software.program_runs import ProgramActions
from metagpt.roles.software.signatures import read_signature

__all__ = ["Evaluator"]

MOST_INPUTS = 12
MOST_REPAIRS = 3


class Evaluator(Role):
    """You are an evaluator. You write tests from requirements and trust nothing that has not been run."""

    def __init__(self, *args: Any, sandbox: SandboxChoice = "auto", **keywords: Any) -> None:
        self._programs = ProgramActions(sandbox)
        super().__init__(*args, actions=(self._programs.observe, self._programs.test), **keywords)

    @on(Requirements)
    async def write_tests(self, requirements: Requirements) -> Checks:
        """Write tests without seeing a program."""
        wanted = requirements.readings[0].specification
        checks = await self.ask(
            Checks,
            template("evaluator/write_tests"),
            name="write_tests",
            goal=requirements.goal,
            signature=wanted.signature,
            summary=wanted.summary,
            property_names=list(PROPERTIES),
        )
        known = [name for name in checks.properties if name in PROPERTIES]
        return checks.model_copy(update={"properties": known, "inputs": checks.inputs[:MOST_INPUTS]})

    @on(Candidates, Checks, keep=Checks)
    async def judge(self, candidates: Candidates, checks: Checks) -> Delivery | ChecksFailed:
        """Run every candidate, choose one, test it, and deliver it or send it back."""
        requirements = candidates.requirements
        trials = [await self._try(requirements, program, checks) for program in candidates.programs]
        verdict = judge_trials(requirements, trials, checks)
        program = verdict.program
        tests = test_files(requirements, program, checks, verdict)
        report: dict[str, Any] = {"tests": 0, "failures": []}
        if tests:
            report = await self.do(self._programs.test, files={**program_files(requirements, program), **tests}, tests=sorted(tests))
        failures = list(dict.fromkeys([*verdict.failures, *report["failures"]]))
        if failures and verdict.can_repair and candidates.repairs < MOST_REPAIRS:
            return ChecksFailed(requirements=requirements, program=program, failures=failures, repairs=candidates.repairs + 1)
        delivery = Delivery(
            program=program,
            signature=requirements.readings[program.reading].specification.signature,
            passed=not failures and report["tests"] > 0 and verdict.is_strong,
            evidence=verdict.evidence,
            tests=report["tests"],
            failures=failures,
        )
        self._deliver(requirements, delivery, tests)
        return delivery

    async def _try(self, requirements: Requirements, program: Program, checks: Checks) -> Trial:
        """What the program does on every input there is; nothing for an application."""
        reading = requirements.readings[program.reading]
        signature = read_signature(reading.specification.signature) if reading.specification.signature else None
        if signature is None:
            return Trial(program=program, inputs=[], outcomes=[])
        inputs = trial_inputs(requirements, reading, checks)
        arguments = [signature.arguments(value) for value in inputs]
        outcomes = await self.do(self._programs.observe, files=program.files, file=program.entry, function=signature.name, inputs=arguments)
        return Trial(program=program, inputs=inputs, outcomes=outcomes)

    def _deliver(self, requirements: Requirements, delivery: Delivery, tests: dict[str, str]) -> None:
        files = {**program_files(requirements, delivery.program, delivery), **tests}
        for path, text in files.items():
            self.workspace.write_text(path, text)
        self.workspace.write_text("run.json", run_record(requirements, delivery))
