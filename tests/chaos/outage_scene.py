"""A service under load while something befalls its database, and what the clients saw of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import gunicorn

from .arrivals import Arrival, Arrivals, Sent, cancellation, over_http, sending, write_record
from .check import read_record
from .client import make_request
from .kill import judge
from .outage_table import Row, row_of
from .report import progress
from .stage import Booking, Stage

RATE = 50  # requests a second
BEFORE, AFTER = 2.0, 4.0  # seconds of load around a fault
FINDING_OUT = 8.0  # seconds: what the budget of a request allows the first ones
_WORKERS = 2
_BATCH = 40

_WITHOUT = (
    over_http("none", "/api/order/cancel", "application/json", b"{}"),
    over_http("none", "/nowhere", "application/json", b"{}"),
)


def asking_for(order: Booking, kind: str = "ledger") -> Sent:
    """A signed request for all passengers of an order."""
    return cancellation(make_request(order.order_number, order.passengers), kind)


class Scene:
    """A service, the requests that come to it, and a fresh order for each that needs the ledger."""

    def __init__(self, stage: Stage, arrivals: Arrivals) -> None:
        self.stage = stage
        self.arrivals = arrivals

    def book(self, count: int) -> list[Booking]:
        return self.stage.book(count, passengers=1)

    def load(self, seconds: float) -> Callable[[int], Sent]:
        """What comes in these seconds: every second request needs the ledger, the others are 1001 and 404."""
        orders = self.book(round(RATE * seconds / 2) + 1)

        def choose(number: int) -> Sent:
            return asking_for(orders[number // 2]) if number % 2 == 0 else _WITHOUT[number // 2 % 2]

        return choose

    def under(
        self, name: str, fault: AbstractContextManager[None], seconds: float, extra: Sent | None = None, rate: float = 0
    ) -> Seen:
        """The load before, during and after a fault; the extra request comes at its own rate during the fault."""
        whole = BEFORE + seconds + AFTER
        progress(f"{name}: {seconds:g} s")
        coming = [self.arrivals.come(self.load(whole), RATE, whole)]
        time.sleep(BEFORE)
        with fault:
            began = time.monotonic()
            if extra is not None:
                again = extra
                coming.append(self.arrivals.come(lambda _: again, rate, seconds))
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            lifted = time.monotonic()
        ended = time.monotonic()
        return Seen(name, [arrival for future in coming for arrival in future.result()], began, lifted, ended)

    def settle(self) -> list[str]:
        """Ask again what was refused. Then the ledger has what the clients were told; else what is wrong."""
        progress("what was refused is asked again")
        asked = [arrival for arrival in self.arrivals.done if arrival.sent.asks is not None]
        open_ = list({a.sent.asks.number: a.sent for a in asked if a.sent.asks and a.code != 1}.values())
        for first in range(0, len(open_), _BATCH):
            self.arrivals.at_once(open_[first : first + _BATCH])
        self.stage.engine.dispose()  # its connections may have died in the fault
        write_record(self.arrivals.done, self.stage.records / "arrivals.jsonl")
        _, found = judge(self.stage, read_record(self.stage.records))
        return [f"{kind}: {sentence}" for kind, sentences in found.items() for sentence in sentences]


@contextmanager
def scene_on(stage: Stage, directory: Path) -> Iterator[Scene]:
    """A gunicorn with two workers, as it is started in production, whose workers have opened their connections."""
    with gunicorn("wsgi:app", directory / "gunicorn.log", stage.env, _WORKERS) as server, sending(server) as arrivals:
        scene = Scene(stage, arrivals)
        for _ in range(3):
            arrivals.at_once([asking_for(order) for order in scene.book(16)])
        yield scene


@dataclass(frozen=True)
class Seen:
    """All answers around a fault, and when it began, was about to be lifted, and had ended (time.monotonic())."""

    fault: str
    arrivals: list[Arrival]
    began: float
    lifted: float
    ended: float

    def during(self, kind: str, since: float = 0.0, until: float = float("inf")) -> list[Arrival]:
        """Requests of a kind that came so many seconds after the fault began, while it lasted."""
        first, last = self.began + since, min(self.lifted, self.began + until)
        return [arrival for arrival in self.arrivals if arrival.sent.kind == kind and first <= arrival.at < last]

    def row(self, title: str, arrivals: list[Arrival]) -> Row:
        return row_of(self.fault, title, arrivals)

    def without_database(self) -> Row:
        row = self.row("need no database", self.during("none"))
        return row.expect_p99(50).expect_codes("1001", "404")

    def served_again(self) -> Row:
        """Those that got code 1 after the end: the first of them must come soon."""
        again = [arrival for arrival in self.arrivals if arrival.ended >= self.ended and arrival.code == 1]
        first = min((arrival.ended - self.ended for arrival in again), default=float("inf"))
        return self.row(f"code 1 again, first after {first:.2f} s", again).expect("≤ 1 s", met=first <= 1.0)

    def refused(self) -> Row:
        """Those that were refused: nobody before the lock was held for about a second."""
        refused = [arrival for arrival in self.arrivals if arrival.code == 3001]
        first = min((arrival.ended - self.began for arrival in refused), default=float("inf"))
        return self.row(f"refused, first after {first:.2f} s", refused).expect("> 0.9 s", met=first > 0.9)
