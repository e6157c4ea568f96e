"""Two versions of the code on one database at the same time, as while a release is rolled out or taken back.

`python -m tests.chaos.two_versions --old DIR`: DIR is a checkout of the earlier version. The later code upgrades the
database, then a gunicorn of each version serves from it, with one key ring.
- recorded: the ledger of tests/fixtures/first_house. Every request of it goes to both, again and again and in random
  order, and must get its recorded bytes; no row may change.
- at once: new orders. The two versions are asked at the same moment for one set of passengers (the same bytes, or signed
  anew), for sets that overlap, for two orders under one signature, or for two orders. What the clients wrote down is
  held against the ledger, as `make chaos` does it.
Exit status 1 when an answer is wrong, or when one of the versions had no part in it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from refund_api.storage.tables import refund
from tests.integration.test_first_house import load, rows_of
from tests.servers import Gunicorn, gunicorn

from .check import read_record, unproven
from .kill import judge
from .pairs import ask_pairs, make_pairs
from .recorded_ledger import TARGET, recorded_environment, replay
from .report import print_figures, print_violations
from .stage import ENGINES, Stage, database, stage, stage_on

_WORKERS = 2

Findings = dict[str, list[str]]


@contextmanager
def both(old: Path, target: str, directory: Path, env: Mapping[str, str]) -> Iterator[dict[str, Gunicorn]]:
    """A server of each version on the same database."""
    earlier = gunicorn(target, directory / "old.log", env, _WORKERS, project=old)
    with earlier as old_server, gunicorn(target, directory / "new.log", env, _WORKERS) as new_server:
        yield {"old": old_server, "new": new_server}


def recorded(engine: str, old: Path, directory: Path) -> tuple[dict[str, int], Findings]:
    """The figures of the recorded ledger, and what was wrong."""
    directory.mkdir()
    with database(engine, directory) as url:
        load(url)
        with stage_on(url, directory) as the_stage:
            before = rows_of(url)
            with both(old, TARGET, directory, {**the_stage.env, **recorded_environment()}) as servers:
                sent, wrong = replay(servers)
            changed = [f"the rows of {table} changed" for table, rows in rows_of(url).items() if rows != before[table]]
            findings = {"recorded answers": wrong, "recorded rows": changed, "recorded audit": the_stage.audit()}
    return {"recorded requests": sent}, findings


def at_once(engine: str, old: Path, directory: Path, count: int) -> tuple[dict[str, int], Findings]:
    """The figures of `count` pairs of requests on new orders, and what was wrong."""
    with stage(engine, directory) as the_stage:
        pairs = make_pairs(the_stage.book(2 * count, passengers=3))
        with both(old, "wsgi:app", directory, the_stage.env) as servers:
            ask_pairs(servers, the_stage.records, pairs)
        record = read_record(the_stage.records)
        figures, findings = judge(the_stage, record)
        recorders = _recorders(the_stage)
    idle = [f"the {side} code recorded no refund" for side in servers if not recorders[side]]
    findings["no proof"] = [*unproven(record), *idle]
    return {**figures, **{f"recorded by the {side} code": recorders[side] for side in servers}}, findings


def _recorders(the_stage: Stage) -> Counter[str]:
    """Version -> how many refunds it has recorded; the request id, which a refund keeps, tells which was asked."""
    with the_stage.engine.connect() as connection:
        return Counter(connection.scalars(select(refund.c.request_id)))


def run(engine: str, old: Path, count: int, directory: Path) -> tuple[dict[str, int], Findings]:
    """The figures of one engine and the findings by kind."""
    replayed, wrong = recorded(engine, old, directory / "recorded")
    figures, findings = at_once(engine, old, directory / "at-once", count)
    findings |= wrong
    return {**replayed, **figures, **{kind: len(sentences) for kind, sentences in findings.items()}}, findings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.two_versions", description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="a checkout of the earlier version")
    parser.add_argument("--engine", choices=(*ENGINES, "all"), default="all")
    parser.add_argument("--pairs", type=int, default=2000, help="of requests, an engine; default %(default)s")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    columns, bad = {}, False
    for engine in ENGINES if chosen.engine == "all" else (chosen.engine,):
        with tempfile.TemporaryDirectory(prefix="two-versions-") as directory:
            columns[engine], findings = run(engine, chosen.old.resolve(), chosen.pairs, Path(directory))
        print_violations(engine, findings)
        bad = bad or any(findings.values())
    print_figures(columns, as_json=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
