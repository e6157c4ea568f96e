"""Makes connections follow the file name of a ledger, when another file gets that name.

A restore puts another file under the name while the service runs. A connection to the old file would go on writing
refunds that nobody finds again. So every connection remembers which file it was opened on; the pool compares before
each use and opens the new file instead, and a transaction compares once more after its COMMIT.
"""

from __future__ import annotations

import os
import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from ...ports import LedgerUnavailable
from .base import WAYS_OUT

FileIdentity = tuple[int, int]
"""Device and inode of a file. No other file has both at the same time."""


def file_identity(path: Path) -> FileIdentity:
    """The file that has the name now. LedgerUnavailable: there is none, or it cannot be reached."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise LedgerUnavailable(f"{path} does not exist: {WAYS_OUT}") from error
    except OSError as error:
        raise LedgerUnavailable(f"{path} cannot be reached: {error.strerror}") from error
    return status.st_dev, status.st_ino


def real_path(path: Path, file: FileIdentity) -> Path:
    """Where the file is that `path` leads to, through symbolic links: SQLite's journal and our lock are beside it."""
    followed = _followed(path, file)
    try:
        if file_identity(followed) == file:
            return followed
    except LedgerUnavailable:
        pass
    _followed.cache_clear()  # somebody has moved the file, and the links lead to its new place
    return _followed(path, file)


@lru_cache(maxsize=8)  # to follow the links takes as long as a statement
def _followed(path: Path, file: FileIdentity) -> Path:
    return Path(os.path.realpath(path))


def follow_file(engine: Engine, path: Path) -> None:
    """Let every connection of the engine serve the file that has the name now. No connection makes a file."""

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: object, record: ConnectionPoolEntry, args: object, options: dict[str, Any]
    ) -> sqlite3.Connection:
        # Noted before opening: if the file is replaced in between, checkout sees a difference and opens it again.
        record.info["file"] = file_identity(path)
        # Mode rw, not rwc, makes no file: an empty ledger in the place of a lost one would refund everything again.
        driver: sqlite3.Connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, **options)
        return driver

    @event.listens_for(engine, "checkout")
    def compare(driver: sqlite3.Connection, record: ConnectionPoolEntry, proxy: object) -> None:
        if record.info["file"] != file_identity(path):
            raise DisconnectionError("another file has the name now")  # the pool then opens a new connection
