"""pass@k: generated programs are run with their tests, in the sandbox, and the chance that one of k passes is estimated."""

from __future__ import annotations

import asyncio
import math
import secrets
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metagpt.actions.sandbox import Limits, Sandbox, SandboxChoice, open_sandbox
from metagpt.errors import LabError
from metagpt.lab.evaluation.measures import Measure, mean_measure

__all__ = ["CodeProblem", "Verdict", "pass_at_k", "pass_measures", "run_samples"]

DEFAULT_LIMITS = Limits(cpu_s=10, wall_s=20, memory_bytes=512 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeProblem:
    """A programming problem whose tests are Python: they raise where the program is wrong."""

    name: str
    tests: str
    """Run behind the program, in its module."""
    prompt: str = ""
    """Stands before each sample; empty where samples are whole programs."""

    @classmethod
    def from_human_eval(cls, row: Mapping[str, str]) -> CodeProblem:
        """A row of HumanEval: its tests define `check`, which is called with the function asked for."""
        return cls(name=row["task_id"], prompt=row["prompt"], tests=f"{row['test']}\n\ncheck({row['entry_point']})\n")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one sample."""

    passed: bool
    reason: str
    """The last line of the error, or the limit that ended it; empty where it passed."""


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The chance that at least one of k samples passes: 1 - C(n-c, k) / C(n, k), without bias for k ≤ n.

    Source: Chen et al. 2021, arXiv:2107.03374, eq. 1.
    """
    if not 1 <= k <= samples or not 0 <= passed <= samples:
        raise LabError(f"pass_at_k: found k={k!r} of {samples!r} samples, {passed!r} passed; expected 1 ≤ k ≤ samples. Draw more samples.")
    return 1 - math.comb(samples - passed, k) / math.comb(samples, k)


def pass_measures(verdicts: Sequence[Sequence[Verdict]], ks: Sequence[int] = (1,)) -> list[Measure]:
    """pass@k over problems, from the verdicts of each problem's samples."""
    counts = [(len(each), sum(verdict.passed for verdict in each)) for each in verdicts]
    single = all(samples == 1 for samples, _ in counts)
    return [mean_measure(f"pass@{k}", [pass_at_k(*count, k) for count in counts], is_share=single) for k in ks]


def run_samples(
    problems: Sequence[CodeProblem],
    samples: Sequence[Sequence[str]],
    *,
    sandbox: SandboxChoice = "auto",
    limits: Limits = DEFAULT_LIMITS,
    at_once: int = 2,
) -> list[list[Verdict]]:
    """Run every sample of every problem with its tests.

    A sample passes if the program ends with status 0 after its last test. A program that ends itself early, as by `sys.exit(0)`,
    fails: only what stands behind the tests can print the word that is drawn for the run. The program is no opponent, though: one
    written to read that word out of its own module would be believed.

    Args:
        problems: What was asked.
        samples: For each problem its samples; none is trusted.
        sandbox: Which isolation.
        limits: For each sample.
        at_once: How many run at the same time.

    Raises:
        SandboxError: nothing isolates here; then nothing is run.
    """
    if len(problems) != len(samples):
        raise LabError(f"run_samples: found {len(samples)} lists of samples for {len(problems)} problems; expected one each. Align them.")
    opened = open_sandbox(sandbox)

    async def all_of_them() -> list[list[Verdict]]:
        gate = asyncio.Semaphore(at_once)

        async def one(problem: CodeProblem, sample: str) -> Verdict:
            async with gate:
                return await _run(opened, problem, sample, limits)

        rows = [asyncio.gather(*(one(problem, sample) for sample in drawn)) for problem, drawn in zip(problems, samples, strict=True)]
        return [list(row) for row in await asyncio.gather(*rows)]

    return asyncio.run(all_of_them())


async def _run(sandbox: Sandbox, problem: CodeProblem, sample: str, limits: Limits) -> Verdict:
    word = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="metagpt-pass-") as folder:
        program = f"{problem.prompt}{sample}\n\n{problem.tests}\n\nprint({word!r})\n"
        (Path(folder) / "main.py").write_text(program, encoding="utf-8", errors="replace")
        result = await sandbox.run([sys.executable, "main.py"], workspace=Path(folder), limits=limits)
    if result.exit_status == 0 and result.stdout.decode(errors="replace").rstrip().endswith(word):
        return Verdict(True, "")
    if result.killed_by is not None:
        return Verdict(False, f"the limit on {result.killed_by} ended it")
    told = result.stderr.decode(errors="replace").strip().splitlines()
    return Verdict(False, told[-1][:200] if told else f"ended with status {result.exit_status} before its last test")
