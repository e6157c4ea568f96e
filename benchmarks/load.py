"""Load from wrk on loopback, one contender after the other, each for a few seconds a round."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.calls import PATH
from benchmarks.measure import turns
from benchmarks.servers import Server

_SCRIPT: Final = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True)
class Load:
    """One round: milliseconds, processor time of the server's processes in seconds for 1,000 requests.

    `sent` counts requests that were begun, also those whose answer came too late to count; `wrong` counts answers of
    another code than 1.
    """

    per_second: float
    p50: float
    p99: float
    p999: float
    processor: float
    sent: int
    wrong: int


def load(server: Server, connections: int, seconds: int, body: Path, skip: int | None = None) -> Load:
    """One round. With `skip` the file has a request a line, each is sent once, and the answers are looked at.

    RuntimeError: wrk failed, a connection broke, or an answer that was not looked at has not the status 200.
    """
    way = ["again", str(body)] if skip is None else ["once", str(body), str(skip)]
    url = f"http://{server.host}:{server.port}{PATH}"
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(_SCRIPT)]
    before = server.processor_seconds()
    done = subprocess.run(["wrk", *options, url, "--", *way], capture_output=True, text=True, check=False)
    used = server.processor_seconds() - before
    server.settle()
    figures = re.search(r"^figures (.+)\n(.*)", done.stdout, re.MULTILINE)
    if done.returncode or figures is None:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    requests, duration, *times, errors, wrong, sent = map(int, figures[1].split())
    if errors > wrong or not requests:
        raise RuntimeError(f"{requests} requests, {errors} errors, {wrong} wrong answers: {figures[2]}\n{done.stdout}")
    p50, p99, p999 = (time / 1000 for time in times)
    return Load(requests / duration * 1e6, p50, p99, p999, used / requests * 1000, sent, wrong)


def load_in_turn(names: Sequence[str], rounds: int, one_round: Callable[[str], Load]) -> dict[str, Load]:
    """The medians of the rounds, by contender."""
    taken: dict[str, list[Load]] = {name: [] for name in names}
    for name in turns(names, rounds):
        taken[name].append(one_round(name))
    return {name: median(loads) for name, loads in taken.items()}


def median(loads: Sequence[Load]) -> Load:
    """Of each figure for itself; of `sent` and `wrong` the sums."""
    columns = zip(*((each.per_second, each.p50, each.p99, each.p999, each.processor) for each in loads), strict=True)
    per_second, p50, p99, p999, processor = map(statistics.median, columns)
    sent, wrong = (sum(getattr(each, name) for each in loads) for name in ("sent", "wrong"))
    return Load(per_second, p50, p99, p999, processor, sent, wrong)


COLUMNS: Final = ("", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "CPU s per 1,000")


def rows(loads: Mapping[str, Load]) -> tuple[tuple[str | float, ...], ...]:
    """For a table with these columns."""
    return tuple((name, r.per_second, r.p50, r.p99, r.p999, r.processor) for name, r in loads.items())
