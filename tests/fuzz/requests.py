"""`make fuzz`: seeded mutations of every recorded request, half of them signed, against the service on a real ledger.

Then the state machine, with more examples than the tests have. A failure is repeated alone by --replay, with all that
came before it by --seed. Exit status 1 when a promise is not kept (judge.py), or a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.report import print_figures

from .fuzzer import Fuzzer, recorded
from .machine import run_machine
from .sent import from_base64, to_base64
from .target import Target, target_on

GOALS = {"slowest body, CPU ms": 20.0, "slowest headers, CPU ms": 2.0, "memory growth, MB": 16.0}
_SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz.requests", description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    parser.add_argument("--examples", type=int, default=500, help="of the state machine; default %(default)s")
    parser.add_argument("--database-url", help="an empty database, which is filled; default: a SQLite file")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="send the request of a failure again, alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        with _target(options.database_url) as target:
            if options.replay:
                return _replay(target, options.replay.read_text())
            return _fuzz(target, options)
    except ValueError as error:
        parser.error(str(error))


@contextmanager
def _target(url: str | None) -> Iterator[Target]:
    with (
        tempfile.TemporaryDirectory(prefix="fuzz") as directory,
        target_on(url or f"sqlite:///{directory}/ledger.db") as target,
    ):
        yield target
        target.empty()


def _fuzz(target: Target, options: argparse.Namespace) -> int:
    fuzzer = Fuzzer(target, options.seed, recorded())
    fuzzer.run(options.requests)
    figures = fuzzer.figures()
    for miss in fuzzer.misses[:_SHOWN]:
        print(f"seed {options.seed}: {'; '.join(miss.sentences)}\n{miss.line}", file=sys.stderr)
    missed = [name for name, goal in GOALS.items() if figures[name] > goal]
    for name in missed:
        slowest = f"\n{to_base64(fuzzer.slowest[name], seed=options.seed)}" if name in fuzzer.slowest else ""
        print(f"{name}: {figures[name]}, the goal is at most {GOALS[name]}{slowest}", file=sys.stderr)
    figures["refunds of the state machine"], faulty = _run_machine(target, options)
    print_figures({target.engine.dialect.name: figures}, as_json=options.json)
    return 1 if fuzzer.misses or missed or faulty else 0


def _run_machine(target: Target, options: argparse.Namespace) -> tuple[int, bool]:
    """How many refunds it made, and whether it found a fault, which is then printed."""
    target.empty()
    try:
        report, _ = run_machine(target, examples=options.examples, seed=options.seed)
    except Exception:
        traceback.print_exc()
        return 0, True
    if not report.clean:
        print(f"the audit after the state machine: {report.findings}", file=sys.stderr)
    return report.refunds, not report.clean


def _replay(target: Target, line: str) -> int:
    """The request of a failure, on the orders of its round, and nothing before it."""
    request, facts = from_base64(line)
    fuzzer = Fuzzer(target, facts["seed"], ())
    fuzzer.begin(facts.get("round", 0))
    answer = fuzzer.send(facts.get("number", 0), request)
    print(request, answer, sep="\n")
    for miss in fuzzer.misses:
        print("; ".join(miss.sentences), file=sys.stderr)
    return 1 if fuzzer.misses else 0


if __name__ == "__main__":
    sys.exit(main())
