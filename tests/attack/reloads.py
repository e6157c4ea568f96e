"""A reload must be noticed by nobody: python -m tests.attack.reloads [--reloads 20]

Fifty signed requests a second, each on its own connection, go to a gunicorn of two workers on SQLite, while SIGHUP comes
every two seconds with a key ring that has one more key. A request is late by the time since it was due, so that waiting
behind others counts. The goals: no answer is missing or wrong, none takes over 250 ms, each new key is taken.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.fakes import signed
from tests.servers import Gunicorn, gunicorn
from tests.wire import members_of, write_json

RATE = 50
SECONDS_BETWEEN = 2.0
GOAL_MS = 250.0
TIMEOUT = 30
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # so that no disk is measured
NOT_FOUND, SIGNATURE_REJECTED = 2001, 1002


@dataclass(frozen=True)
class Answer:
    """When a request was due, in seconds of the monotonic clock, how late its answer was, and its code, if it had one."""

    due: float
    milliseconds: float
    code: int | None


@dataclass(frozen=True)
class Figures:
    """The answers to the load, and how many of the reloads had their new key taken."""

    answers: list[Answer]
    reloads: int
    keys_taken: int

    @property
    def failed(self) -> int:
        return sum(answer.code != NOT_FOUND for answer in self.answers)

    def late(self) -> list[float]:
        """Milliseconds of all answers, the shortest first."""
        return sorted(answer.milliseconds for answer in self.answers)


class Ring:
    """A key ring file that gets one key more at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.newest = -1
        self.grow()

    def grow(self) -> None:
        self.newest += 1
        keys = [{"kid": f"k{n}", "scheme": "legacy", "secret": self.secret(n)} for n in range(self.newest + 1)]
        replacement = self.path.with_suffix(".new")
        replacement.write_text(json.dumps({"keys": keys}))
        replacement.chmod(0o600)
        replacement.replace(self.path)

    @staticmethod
    def secret(number: int) -> str:
        return f"the secret of the key with the number {number}"


class Sender:
    """Sends signed requests for an order that does not exist; no two are equal."""

    def __init__(self, server: Gunicorn) -> None:
        self._server = server
        self._numbers = count(10_000)

    def ask(self, secret: str, due: float | None = None) -> Answer:
        due = time.monotonic() if due is None else due
        code = self._code(secret)
        return Answer(due, (time.monotonic() - due) * 1000, code)

    def _code(self, secret: str) -> int | None:
        request = signed(at=datetime.now(UTC), random=next(self._numbers), secret=secret.encode())
        connection = http.client.HTTPConnection(self._server.host, self._server.port, timeout=TIMEOUT)
        try:
            body = write_json(members_of(request))
            connection.request("POST", "/api/order/cancel", body, {"Content-Type": "application/json"})
            code: int = json.loads(connection.getresponse().read())["code"]
            return code
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return None
        finally:
            connection.close()


def attack(server: Gunicorn, ring: Ring, reloads: int, rate: int = RATE) -> Figures:
    """Reload so often, under so many requests a second; `ring` is the one that the server reads."""
    sender = Sender(server)
    with _load(sender, Ring.secret(0), rate) as answers:
        time.sleep(SECONDS_BETWEEN)
        taken = sum(_reload(server, ring, sender) for _ in range(reloads))
    return Figures([answer.result() for answer in answers], reloads, taken)


def _reload(server: Gunicorn, ring: Ring, sender: Sender) -> bool:
    """Whether the new key was rejected before and taken afterwards."""
    start = time.monotonic()
    ring.grow()
    secret = Ring.secret(ring.newest)
    rejected = sender.ask(secret).code == SIGNATURE_REJECTED
    server.process.send_signal(signal.SIGHUP)
    while not (taken := sender.ask(secret).code == NOT_FOUND) and time.monotonic() < start + TIMEOUT:
        time.sleep(0.1)
    time.sleep(max(0.0, start + SECONDS_BETWEEN - time.monotonic()))
    return rejected and taken


@contextmanager
def _load(sender: Sender, secret: str, rate: int) -> Iterator[list[Future[Answer]]]:
    """So many requests a second until the end of the block."""
    answers: list[Future[Answer]] = []
    stopping = threading.Event()

    def send(pool: ThreadPoolExecutor) -> None:
        due = time.monotonic()
        while not stopping.is_set():
            answers.append(pool.submit(sender.ask, secret, due))
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))

    with ThreadPoolExecutor(max_workers=rate) as pool:
        sending = threading.Thread(target=send, args=(pool,))
        sending.start()
        try:
            yield answers
        finally:
            stopping.set()
            sending.join()


@contextmanager
def service(folder: Path) -> Iterator[tuple[Gunicorn, Ring]]:
    """gunicorn with two workers on an empty ledger, and the ring it reads."""
    url = f"sqlite:///{folder}/refunds.db"
    engine = make_engine(url, threads=1)
    upgrade(engine)
    engine.dispose()
    ring = Ring(folder / "keys.json")
    env = {"REFUND_API_DATABASE_URL": url, "REFUND_API_KEYS_FILE": str(ring.path)}
    with gunicorn("wsgi:app", folder / "gunicorn.log", env, workers=2) as server:
        yield server, ring


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.attack.reloads", description=__doc__)
    parser.add_argument("--reloads", type=int, default=20)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, service(Path(folder)) as (server, ring):
        figures = attack(server, ring, options.reloads)
    late = figures.late()
    rows = (
        ("requests failed", figures.failed, 0),
        (f"requests over {GOAL_MS:.0f} ms", sum(each > GOAL_MS for each in late), 0),
        ("new keys not taken", figures.reloads - figures.keys_taken, 0),
    )
    print(
        f"{len(late)} requests during {figures.reloads} reloads; milliseconds: median {late[len(late) // 2]:.0f}, ",
        end="",
    )
    print(f"99 of 100 within {late[len(late) * 99 // 100]:.0f}, longest {late[-1]:.0f}")
    for name, figure, goal in rows:
        print(f"{name:<22} {figure:>6}  goal {goal}")
    return 1 if any(figure > goal for _, figure, goal in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
