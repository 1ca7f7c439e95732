"""`python -m benchmarks`: ours beside plain code and beside the peers, in one run."""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.environments import PEERS, Environment, environment_of, own_environment
from benchmarks.report import Conditions, peers_of, row_table, summary_table, write_results
from benchmarks.runner import ROWS, load_row, measure_row

OWN = ("floor", "streamed", "metagpt")


def main() -> None:
    """Run the rows, print them, and write RESULTS.md if asked to."""
    arguments = _arguments()
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    environments = _environments(arguments.contenders)
    pythons = peers_of(environments)
    results = []
    for name in arguments.rows:
        _tell(f"{name} ...")
        result = measure_row(load_row(name), pythons, rounds=arguments.rounds, quick=arguments.quick, only=arguments.contenders, tell=_tell)
        results.append(result)
        print(f"\n{result.row.title}\n{row_table(result)}", flush=True)
    print(f"\n{summary_table(results)}")
    if arguments.write:
        command = " ".join(["python -m benchmarks", *sys.argv[1:]])
        conditions = Conditions(command=command, rounds=arguments.rounds, load_before=load_before, environments=environments)
        _tell(f"written: {write_results(results, conditions).name}")


def _environments(wanted: list[str] | None) -> dict[str, Environment]:
    environments = {"metagpt": own_environment()}
    for peer in PEERS:
        if wanted is None or peer in wanted:
            _tell(f"environment of {peer} ...")
            environments[peer] = environment_of(peer)
            if environments[peer].problem:
                _tell(f"{peer}: skipped, {environments[peer].problem}")
    return environments


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all if left out")
    parser.add_argument("--contenders", nargs="+", choices=(*OWN, *PEERS), help="only these")
    parser.add_argument("--rounds", type=int, help="how often each is measured (5; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    arguments.rows = arguments.rows or list(ROWS)
    unknown = [row for row in arguments.rows if row not in ROWS]
    if unknown:
        parser.error(f"no row {unknown[0]!r}; expected one of {', '.join(ROWS)}")
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 5)
    return arguments


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
