"""What the processes of a node take: memory, open files, threads; and whether that grows.

Memory is what the processes made themselves, in proportion (`Pss_Anon`, `Pss_Shmem`): a page that master and workers
share counts once. Pages of files, such as libraries, do not count: their share changes with every other process of the
machine that has the same file open.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from tests.chaos.kill import workers_of
from tests.nginx.restarts import Node

MOST_MEMORY = 0.05
MOST_FILES = 16
MOST_THREADS = 8
"""Growth from the second round of faults to the last one: a share of the memory; files and threads of a node. A worker
makes a thread, and opens a connection, when one more request waits than ever before, and keeps the thread; so both creep
towards the number of clients, and a leak goes past it."""


@dataclass(frozen=True)
class Reading:
    """Of all processes of a node together; memory in MB."""

    memory: float
    files: float
    threads: float


def read(node: Node) -> Reading:
    """What the node takes now."""
    pids = (node.server.process.pid, *workers_of(node.server))
    memory = files = threads = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            memory += kilobytes_in(Path(f"/proc/{pid}/smaps_rollup").read_text())
            files += len(os.listdir(f"/proc/{pid}/fd"))
            threads += len(os.listdir(f"/proc/{pid}/task"))
    return Reading(memory / 1024, files, threads)


def kilobytes_in(rollup: str) -> int:
    """The memory of a process, from its /proc/PID/smaps_rollup."""
    return sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", rollup, re.M)))


def average(readings: Sequence[Reading]) -> Reading:
    return Reading(
        mean(reading.memory for reading in readings),
        mean(reading.files for reading in readings),
        mean(reading.threads for reading in readings),
    )


def warm_and_last(readings: Sequence[Reading], a_round: int) -> tuple[Reading, Reading] | None:
    """The averages of the second round, the first being the warm-up, and of the last one; None: there were too few.

    `readings` are taken before each fault, so that a round has the same circumstances as every other.
    """
    if len(readings) < 3 * a_round:
        return None
    return average(readings[a_round : 2 * a_round]), average(readings[-a_round:])


def missed(warm: Reading, last: Reading) -> list[str]:
    """Which goals are missed, in words."""
    sentences = []
    if last.memory > warm.memory * (1 + MOST_MEMORY):
        sentences.append(f"memory grew from {warm.memory:.1f} to {last.memory:.1f} MB")
    if last.files > warm.files + MOST_FILES:
        sentences.append(f"open files grew from {warm.files:.1f} to {last.files:.1f}")
    if last.threads > warm.threads + MOST_THREADS:
        sentences.append(f"threads grew from {warm.threads:.1f} to {last.threads:.1f}")
    return sentences
