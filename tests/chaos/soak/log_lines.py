"""Whether the nodes have logged what they answered: the log of nginx against theirs, request by request.

nginx gives each request an id, which is in both logs. Of each node that it asked nginx notes the status; 502 and 504 are
its own words for a node that gave none. The line of an answer is written a moment later by a thread of the worker, so
lines may be missing of a worker that was killed -9 just then. Lines of an outage are thinned out, and lines that nobody
took are dropped; both are counted in a line that follows (`left_out`, `log_lines_dropped`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_OF_NGINX = {"502", "504", "-", ""}
_BEFORE_KILL = 3.0  # seconds: nginx notes whole ones, and a busy machine writes late
_AFTER_KILL = 1.0


@dataclass
class Logged:
    """What was found. `unlogged` and `strange` are sentences, and there should be none."""

    answers: int = 0
    lines: int = 0
    left_out: int = 0
    dropped: int = 0
    with_killed_worker: int = 0
    unlogged: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


def compare(of_nginx: Iterable[str], of_nodes: Iterable[str], struck: str, killed_at: Sequence[float]) -> Logged:
    """The lines of the logs; `struck` is the address of the node whose workers were killed at these times."""
    logged = Logged()
    counts: Counter[str] = Counter()
    for line in map(_object, of_nodes):
        logged.left_out += line.get("left_out", 0)
        if line.get("event") == "log_lines_dropped":
            logged.dropped += line["lines"]
        if "request_id" in line:
            counts[line["request_id"]] += 1
            logged.lines += 1
    missing = []
    for line in map(_object, of_nginx):
        tries = _words(line["node_status"])
        answers = sum(status not in _OF_NGINX for status in tries)
        logged.answers += answers
        lines = counts.pop(line["request_id"], 0)
        if lines > max(answers, len(tries)):
            logged.strange.append(f"request {line['request_id']} has {lines} lines for {line['node_status']}")
        for _ in range(answers - lines):
            if struck in line["node"] and _is_near(line["time"], killed_at):
                logged.with_killed_worker += 1
            else:
                missing.append(f"{line['node_status']} of {line['node']} at {line['time']} has no line")
    logged.strange += [f"nginx knows nothing of request {request_id}" for request_id in counts]
    logged.unlogged = missing[logged.left_out + logged.dropped :]
    return logged


def _object(line: str) -> dict[str, Any]:
    """The fields of a line; none when it is no JSON object, as what Python itself writes."""
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _words(statuses: str) -> list[str]:
    """`502, 200` -> both; nginx puts a colon where it went on to a page of its own."""
    return statuses.replace(":", ",").replace(" ", "").split(",")


def _is_near(time: str, killed_at: Sequence[float]) -> bool:
    at = datetime.fromisoformat(time).timestamp()
    return any(-_BEFORE_KILL <= at - killed <= _AFTER_KILL for killed in killed_at)
