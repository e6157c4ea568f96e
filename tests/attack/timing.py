"""`python -m tests.attack.timing`: whether the time of the signature check tells how near a wrong sign is to the right one.

An attacker who sees that could find a sign digit by digit. Two kinds of requests, A and B, are checked in an order of
chance, and Welch's t says whether their times have one mean: |t| below 4.5 is no difference that 100,000 samples show. It
is taken over all times, and over the lower nine tenths, since what the machine does beside is in the slowest ones.

Each request is new, so that no object of one kind lies better in memory, and made before its batch is timed. A control
compares digit by digit and stops at the first difference; the program must see that one. Not compared are requests that
get different answers, nor a known kid with an unknown one, as kids are no secrets. Exit status 1 on a miss.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import fmean, quantiles
from typing import Final
from unittest import mock

from refund_api.actions import CANCEL
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.schemes import SCHEMES
from refund_api.signing.verifier import SignatureRejected, Verifier
from tests.chaos.report import progress
from xml_contracts.refund import Terminal, TicketRefundRequest

LIMIT: Final = 4.5
BATCH: Final = 500
NOW: Final = datetime(2026, 11, 23, 8, 10, 22, tzinfo=UTC)
_SEED: Final = 20261127
_HEX: Final = "0123456789abcdef"

FIRST, LAST, STRANGER = "begin", "final", "alien"  # of one length: a kid is signed too
KEYS: Final = {
    (scheme, name): Key(f"{scheme}-{name}", scheme, f"the secret of {scheme} {name}, long enough.".encode())
    for scheme in SCHEMES
    for name in (FIRST, LAST, STRANGER)
}
VERIFIER: Final = Verifier(
    KeyRing(tuple(key for (_, name), key in KEYS.items() if name != STRANGER)), timedelta(seconds=300), CANCEL.path
)

Signer = Callable[[TicketRefundRequest, str, random.Random], str]
"""A request, the name of a scheme, chance -> the sign to send."""


def made_by(name: str) -> Signer:
    """The sign of a key. That of the stranger carries the first key's kid, so that it is compared."""

    def sign(request: TicketRefundRequest, scheme: str, _: random.Random) -> str:
        key = KEYS[scheme, name]
        kid = KEYS[scheme, FIRST if name == STRANGER else name].kid
        return SCHEMES[scheme].sign(request, CANCEL.path, kid, key.secret)

    return sign


def wrong_at(place: int, name: str = FIRST) -> Signer:
    """The sign of a key, but for the digit at a place of its MAC."""

    def sign(request: TicketRefundRequest, scheme: str, chance: random.Random) -> str:
        right = made_by(name)(request, scheme, chance)
        start, digits = right[:-64], right[-64:]
        other = chance.choice(_HEX.replace(digits[place], ""))
        return start + digits[:place] + other + digits[place + 1 :]

    return sign


def by_chance(request: TicketRefundRequest, scheme: str, chance: random.Random) -> str:
    """Digits of chance in the shape of a sign."""
    return made_by(FIRST)(request, scheme, chance)[:-64] + f"{chance.getrandbits(256):064x}"


@dataclass(frozen=True)
class Comparison:
    """Two kinds of signs that no time may tell apart."""

    scheme: str
    name: str
    a: Signer
    b: Signer


def comparisons() -> list[Comparison]:
    pairs = {
        "first digit wrong, last digit wrong": (wrong_at(0), wrong_at(63)),
        "all digits by chance, last digit wrong": (by_chance, wrong_at(63)),
        "made with a wrong key, last digit wrong": (made_by(STRANGER), wrong_at(63)),
        "nearly the first key's, nearly the last key's": (wrong_at(63), wrong_at(63, LAST)),
        "the first key's, the last key's": (made_by(FIRST), made_by(LAST)),
    }
    return [Comparison(scheme, name, *pair) for scheme in SCHEMES for name, pair in pairs.items()]


@dataclass(frozen=True)
class Figures:
    """Mean times in nanoseconds of the lower nine tenths, and t over these and over all."""

    a: float
    b: float
    t: float
    t_of_all: float

    @property
    def worst(self) -> float:
        return max(abs(self.t), abs(self.t_of_all))


def measure(comparison: Comparison, samples: int, title: str) -> Figures:
    """Half of the samples of each kind, in an order of chance."""
    chance = random.Random(_SEED)
    times: tuple[list[int], list[int]] = ([], [])
    for done in range(0, samples, BATCH):
        kinds = [0, 1] * (BATCH // 2)
        chance.shuffle(kinds)
        signers = (comparison.a, comparison.b)
        requests = [request_of(signers[kind], comparison.scheme, chance) for kind in kinds]
        for kind, request in zip(kinds, requests, strict=True):
            times[kind].append(_time_of(request))
        progress(f"{title}: {done + BATCH:,} of {samples:,} samples")
    progress("")
    limit = quantiles([*times[0], *times[1]], n=10)[-1]
    a, b = ([ns for ns in kind if ns <= limit] for kind in times)
    return Figures(fmean(a), fmean(b), welch_t(a, b), welch_t(*times))


def request_of(signer: Signer, scheme: str, chance: random.Random) -> TicketRefundRequest:
    """A new request with this sign."""
    request = TicketRefundRequest(
        order_number=f"CTT{chance.randrange(10**17):017}",
        refund_passanger_ids=f"{chance.getrandbits(128):032x}",
        refund_reason="Plans changed",
        terminal=Terminal.WEBPAGEEnum,
        time_stamp="20261123081022",
        random=chance.randrange(10_000, 20_000),
    )
    return replace(request, sign=signer(request, scheme, chance))


def _time_of(request: TicketRefundRequest) -> int:
    start = time.perf_counter_ns()
    with suppress(SignatureRejected):
        VERIFIER.verify(request, NOW)
    return time.perf_counter_ns() - start


def welch_t(a: list[int], b: list[int]) -> float:
    """How many standard errors the means are apart."""
    mean_a, mean_b = fmean(a), fmean(b)
    error = math.sqrt(_variance(a, mean_a) / len(a) + _variance(b, mean_b) / len(b))
    return (mean_a - mean_b) / error


def _variance(values: list[int], mean: float) -> float:
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def digit_by_digit(expected: bytes, received: bytes) -> bool:
    """The comparison that leaks."""
    return len(expected) == len(received) and all(x == y for x, y in zip(expected, received, strict=True))


def run(samples: int) -> tuple[dict[str, Figures], list[str]]:
    """The figures by comparison, and what was missed."""
    figures, misses = {}, []
    for comparison in comparisons():
        title = f"{comparison.scheme}: {comparison.name}"
        figures[title] = measure(comparison, samples, title)
        if figures[title].worst >= LIMIT:
            misses.append(f"{title}: |t| {figures[title].worst:.1f}, goal below {LIMIT}")
    for comparison in (c for c in comparisons() if c.name.startswith("first digit wrong")):
        title = f"{comparison.scheme}: control"
        with mock.patch("hmac.compare_digest", digit_by_digit):
            figures[title] = measure(comparison, samples, title)
        if abs(figures[title].t) < LIMIT:
            misses.append(f"{title}: the leak was not seen, |t| {abs(figures[title].t):.1f}")
    return figures, misses


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack.timing", description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000, help="of each comparison")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    gc.disable()
    figures, misses = run(arguments.samples)
    if arguments.json:
        rows = {title: {"a_ns": f.a, "b_ns": f.b, "t": f.t, "t_of_all": f.t_of_all} for title, f in figures.items()}
        print(json.dumps({"samples": arguments.samples, "figures": rows, "missed": misses}))
    else:
        print(f"{'A, B':<56} {'A ns':>8} {'B ns':>8} {'t':>8} {'t of all':>8}")
        for title, f in figures.items():
            print(f"{title:<56} {f.a:>8,.0f} {f.b:>8,.0f} {f.t:>8.2f} {f.t_of_all:>8.2f}")
        for miss in misses:
            print(f"MISSED  {miss}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
