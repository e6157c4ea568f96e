"""Runs scripts in the pages of a real Chromium, by the protocol of its developer tools on two pipes.

Each message is JSON that ends with a NUL byte. Chromium reads commands from its file descriptor 3 and writes answers
and events to 4. A command has an id, which its answer repeats; events have none. A browser that ends closes its pipe,
and the command that waits says so; one that hangs is killed after TIMEOUT.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

TIMEOUT = 60.0
"""Seconds for one command."""

_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass
class Chromium:
    """A running browser."""

    process: subprocess.Popen[bytes]
    commands: BinaryIO
    answers: BinaryIO
    log: Path
    _unread: bytes = b""
    _events: list[tuple[Any, Any]] = field(default_factory=list)
    _last_id: int = 0

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The result of a command; AssertionError where the browser refuses it, ends or hangs."""
        self._last_id += 1
        command = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        with contextlib.suppress(BrokenPipeError):  # it has ended, and the answer will say so
            self.commands.write(json.dumps(command).encode() + b"\0")
        message = self._receive_until(lambda message: message.get("id") == self._last_id)
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def open(self, url: str) -> Page:
        """A page that is loaded."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable", session)
        page = Page(self, session)
        page.go(url)
        return page

    def navigate(self, session: str, url: str) -> None:
        """Have the page of this session load the URL, and wait until it is loaded."""
        self._events.clear()
        self.send("Page.navigate", session, url=url)
        loaded = ("Page.loadEventFired", session)
        if loaded not in self._events:
            self._receive_until(lambda message: (message.get("method"), message.get("sessionId")) == loaded)

    def has_told(self, event: tuple[str, str]) -> bool:
        """Whether an event came, of this name and session, since the last page was loaded."""
        return event in self._events

    def _receive_until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        overdue = threading.Timer(TIMEOUT, self.process.kill)
        overdue.start()
        try:
            while not fits(message := self._receive()):
                self._events.append((message.get("method"), message.get("sessionId")))
        finally:
            overdue.cancel()
        return message

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            part = os.read(self.answers.fileno(), 65536)
            assert part, f"Chromium has ended:\n{self.log.read_text(errors='replace')}"
            self._unread += part
        text, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


@dataclass(frozen=True)
class Page:
    """A page in a tab of its own."""

    browser: Chromium
    session: str

    def go(self, url: str) -> None:
        """Load another URL in this tab."""
        self.browser.navigate(self.session, url)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command to this page."""
        return self.browser.send(method, self.session, **params)

    def seen(self, method: str) -> bool:
        """Whether the browser has told of such an event of this page since it was loaded."""
        return self.browser.has_told((method, self.session))

    def wait_until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true. AssertionError: the browser was killed after TIMEOUT."""
        self.run(f"async () => {{ while (!({condition})) await new Promise(done => setTimeout(done, 20)); }}")

    def run(self, script: str, *arguments: Any) -> Any:
        """Call the script, an asynchronous JavaScript function, with the arguments; what it returns, as JSON has it.

        AssertionError: it raised.
        """
        expression = f"({script})(...{json.dumps(arguments)})"
        answer = self.browser.send(
            "Runtime.evaluate", self.session, expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """A browser with an empty profile in this folder. It is closed at the end."""
    read_commands, write_commands = os.pipe()
    read_answers, write_answers = os.pipe()
    options = [*_OPTIONS, f"--user-data-dir={folder / 'profile'}"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium's own sandbox does not start for root
    log = folder / "chromium.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f'exec chromium "$@" 3<&{read_commands} 4>&{write_answers}', "chromium", *options],
            pass_fds=(read_commands, write_answers),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    os.close(read_commands)
    os.close(write_answers)
    with os.fdopen(write_commands, "wb", buffering=0) as commands, os.fdopen(read_answers, "rb") as answers:
        browser = Chromium(process, commands, answers, log)
        try:
            yield browser
            browser.send("Browser.close")
        finally:
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
