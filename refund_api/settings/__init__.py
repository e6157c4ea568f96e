"""What an operator sets: `REFUND_API_*`, `PORT` and `WEB_CONCURRENCY` of the environment, read into one frozen value.

No secret has a default. A variable with the prefix that is no setting is refused. No error message contains a secret.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from ..domain import NOTICE_DAYS
from ..origins import ANY, read_origins
from ..signing import ring_check
from ..signing.keys import KeyRing, KeyRingError
from ..signing.schemes import SCHEMES
from ..storage.engines.table import check_url, url_examples
from .declare import PREFIX, Kind, SettingsError, Variable, number, one_of, setting, variables_of
from .environment import find, unknown_names
from .masks import hidden, url_without_password

__all__ = ["MAX_TOLERANCE_SECONDS", "PREFIX", "VARIABLES", "Settings", "SettingsError"]

log = logging.getLogger(__name__)

MAX_TOLERANCE_SECONDS: Final = 24 * 60 * 60

_NEW_SECRET = 'python3 -c "import secrets; print(secrets.token_hex(32))"'
_LOG_LEVELS = {word: word.upper() for word in ("debug", "info", "warning", "error")}


def _read_database_url(text: str) -> str:
    check_url(text)
    if text.partition("://")[2].partition("?")[0].count("@") > 1:
        raise ValueError("has more than one @: in a password it is written %40")
    return text


_DATABASE_URL: Final = Kind(_read_database_url, str, url_examples())
_JSON: Final = Kind(str, str, "JSON")
_ORIGINS: Final = Kind(read_origins, ",".join, "origins, separated by commas")
_PATH: Final = Kind(Path, str, "a directory")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting. `keys_file` is the file that the key ring was read from, if it was one."""

    database_url: str = setting(
        "sqlite:///instance/refunds.db",
        _DATABASE_URL,
        "Where the ledger is. A primary and its standbys: `…@one:5432,two:5432/…`; options of libpq after a `?`.",
        mask=url_without_password,
    )
    keys: str | None = setting(None, _JSON, "The key ring. Serving is refused without one.", mask=hidden)
    tolerance_seconds: int = setting(
        300, number(1, MAX_TOLERANCE_SECONDS), "How far `time_stamp` may be from now, either way."
    )
    legacy_sign: bool = setting(
        True, one_of({"on": True, "off": False}), "Whether the legacy signature is taken; v2 always is."
    )
    legacy_nonce_enforced: bool = setting(
        True,
        one_of({"enforce": True, "observe": False}),
        "`observe` lets a legacy signature serve a second request, and logs it.",
        name=f"{PREFIX}LEGACY_NONCE",
    )
    explain: bool = setting(
        False,
        one_of({"0": False, "1": True}),
        "`1` names in a response header what was skipped while reading.",
    )
    log_level: str = setting("INFO", one_of(_LOG_LEVELS), "The least important lines that are logged.")
    threads: int = setting(4, number(1, 64), "How many requests of a worker use the ledger at once.")
    notice_days: int = setting(
        NOTICE_DAYS, number(1, 365), "An order must depart more than this many days after today, in China."
    )
    max_feed_age_seconds: int | None = setting(
        None,
        number(1, 365 * 24 * 60 * 60),
        "With a newest order feed older than this, a cancellation is 3001.",
        default_words="no limit",
    )
    keep_reasons_days: int | None = setting(
        None,
        number(1, 36_500),
        "`db purge` removes the reason of a refund after so many days.",
        default_words="for ever",
    )
    trusted_proxies: int = setting(
        0, number(0, 9), "How many proxies stand in front. That many hops of `X-Forwarded-*` are believed."
    )
    cors_origins: tuple[str, ...] = setting((), _ORIGINS, "Origins whose pages may read the answers; `*` is every one.")
    help: Literal["off", "on", "demo"] = setting(
        "off",
        one_of({word: word for word in ("off", "on", "demo")}),
        "`on` serves pages for whoever writes a client: `/Help`, `/openapi.json`, `/docs`, `/xsd/`. `demo`, as in "
        "`make run`, adds pages that sign with the keys whose id begins with `demo`.",
    )
    ops: bool = setting(
        True,
        one_of({"on": True, "off": False}),
        "`off` takes `/healthz`, `/readyz`, `/metrics` and `/version` away.",
    )
    metrics_dir: Path | None = setting(
        None, _PATH, "Where workers keep what they have counted.", default_words="in memory"
    )
    workers: int | None = setting(
        None, number(1, 1024), "Worker processes.", name="WEB_CONCURRENCY", default_words="one for each core"
    )
    port: int | None = setting(
        None,
        number(1, 65535),
        "Listen on this port of every address. `--bind` goes before it.",
        name="PORT",
        default_words="127.0.0.1:8000",
    )
    keys_file: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment; SettingsError lists all that is wrong, a line each."""
        values: dict[str, Any] = {}
        problems = list(unknown_names(environ, VARIABLES.values()))
        for attribute, variable in VARIABLES.items():
            try:
                given = find(environ, variable)
                if given:
                    values[attribute] = variable.kind.read(given.text)
            except SettingsError as error:
                problems.append(str(error))
            except ValueError as error:
                problems.append(f"{variable.name} {error}")
        if problems:
            raise SettingsError("\n".join(problems))
        keys_file = environ.get(VARIABLES["keys"].file_name)
        return cls(**values, keys_file=Path(keys_file) if keys_file else None)

    @property
    def worker_count(self) -> int:
        """How many worker processes there are."""
        return self.workers or os.cpu_count() or 1

    @property
    def signature_schemes(self) -> frozenset[str]:
        """The names of the signature schemes that are switched on."""
        return frozenset(SCHEMES) - (frozenset() if self.legacy_sign else {"legacy"})

    def for_serving(self) -> Settings:
        """The same settings; SettingsError when no request could be verified, or anyone could sign.

        What is wrong with the key ring without being dangerous at once is logged as a warning.
        """
        if self.keys is None:
            raise SettingsError(
                f"There is no key ring: set {PREFIX}KEYS_FILE to a JSON file with your keys "
                "(docs/operations.md, Settings).\n"
                "For a first look, `make run` makes a demo key by itself."
            )
        try:
            ring = KeyRing.from_json(self.keys)
        except KeyRingError as error:
            raise SettingsError(f"{PREFIX}KEYS cannot be used: {error}") from None
        problems = list(ring_check.problems(ring, self.signature_schemes, datetime.now(UTC)))
        if problems:
            lines = [f"{PREFIX}KEYS: {problem}" for problem in problems]
            raise SettingsError("\n".join([*lines, f"Make a new secret with: {_NEW_SECRET}"]))
        for warning in ring_check.warnings(ring, self.keys_file):
            log.warning("%sKEYS: %s", PREFIX, warning)
        if self.help == "demo":
            log.warning("%sHELP is demo: whoever opens the pages can sign with the keys named demo…", PREFIX)
        if ANY in self.cors_origins:
            log.warning("%sCORS_ORIGINS is *: pages of every site may read the answers", PREFIX)
        return self

    def key_ring(self) -> KeyRing:
        """The key ring, without keys where none is set. KeyRingError: it cannot be read."""
        return KeyRing.from_json(self.keys) if self.keys else KeyRing()

    def active_kids(self) -> list[str]:
        """Ids of the keys that may sign now. KeyRingError: the key ring cannot be read."""
        now = datetime.now(UTC)
        return [key.kid for key in self.key_ring().keys if key.scheme in self.signature_schemes and key.is_active(now)]


VARIABLES: Final[dict[str, Variable]] = variables_of(Settings)
"""Attribute -> how an operator sets it."""
