"""Half a deployment: the site before an earlier version of the service, alone and beside this one.

`python -m tests.nginx.half_deployed --old DIR`: DIR is a checkout of the earlier version. The load of tests/chaos goes
through the site as shipped, first to two nodes of the earlier version, then to one of each on one database. Exit status
1 when a request failed, an answer broke a promise, or a node was asked for nothing.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.check import read_record, unproven
from tests.chaos.kill import judge
from tests.chaos.load import Load, Orders
from tests.chaos.report import print_figures, print_violations
from tests.chaos.stage import stage
from tests.servers import ROOT, gunicorn

from .site import running_site

Figures = dict[str, int]
Findings = dict[str, list[str]]


def run(versions: Mapping[str, Path], seconds: float, directory: Path) -> tuple[Figures, Findings]:
    """The figures of a node of each version, which has a name and a checkout, and what was wrong by kind."""
    with stage("postgres", directory) as the_stage, ExitStack() as exits:
        nodes = [
            exits.enter_context(gunicorn("wsgi:app", directory / f"{name}.log", the_stage.env, project=project))
            for name, project in versions.items()
        ]
        site = exits.enter_context(running_site(directory / "site", [node.address for node in nodes]))
        with Load(site, Orders(the_stage), the_stage.records) as load:
            time.sleep(seconds)
            load.stop()
            load.drain()
            cut = load.cut
        record = read_record(the_stage.records)
        figures, found = judge(the_stage, record)
        log = site.log()
    answered = {name: log.count(f'"node":"{node.address}"') for name, node in zip(versions, nodes, strict=True)}
    found["failed"] = [f"{cut} connections broke before the answer"] if cut else []
    found["no proof"] = [
        *unproven(record),
        *(f"{name} was asked for nothing" for name in versions if not answered[name]),
    ]
    return {**figures, **{f"asked of {name}": count for name, count in answered.items()}}, found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.nginx.half_deployed", description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="a checkout of the earlier version")
    parser.add_argument("--seconds", type=float, default=20, help="of load, each time; default %(default)s")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    old, columns, bad = options.old.resolve(), {}, False
    for title, versions in {
        "old alone": {"old": old, "old again": old},
        "old and new": {"old": old, "new": ROOT},
    }.items():
        with tempfile.TemporaryDirectory(prefix="half-deployed-") as name:
            columns[title], found = run(versions, options.seconds, Path(name) / "stage")
        print_violations(title, found)
        bad = bad or any(found.values())
    print_figures(columns, as_json=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
