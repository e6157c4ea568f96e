"""What an operator sets: `REFUND_API_*` of the environment, read once into one frozen value.

No secret has a default. A variable with the prefix that is no setting is refused. No error message contains a secret.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from .domain import NOTICE_DAYS
from .signing import ring_check
from .signing.keys import KeyRing, KeyRingError
from .signing.schemes import SCHEMES
from .storage.engines.table import check_url

log = logging.getLogger(__name__)

PREFIX: Final = "REFUND_API_"
MAX_TOLERANCE_SECONDS: Final = 24 * 60 * 60

_FILE = "_FILE"
_NEW_SECRET = 'python3 -c "import secrets; print(secrets.token_hex(32))"'


class SettingsError(Exception):
    """The settings cannot be used; the text has one line a problem and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting.

    `keys` is the key ring as JSON text; `keys_file` is the file it was read from, if it was one. `threads` is how many
    threads each worker process has, and how many connections to the database.
    """

    database_url: str = field(default="sqlite:///instance/refunds.db", repr=False)
    keys: str | None = field(default=None, repr=False)
    tolerance_seconds: int = 300
    legacy_sign: bool = True
    legacy_nonce_enforced: bool = True
    explain: bool = False
    log_level: str = "INFO"
    threads: int = 4
    notice_days: int = NOTICE_DAYS
    help: Literal["off", "on", "demo"] = "off"
    keys_file: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment; SettingsError lists all that is wrong, a line each."""
        values: dict[str, Any] = {}
        problems = list(_unknown_names(environ))
        for name, (attribute, read) in _READERS.items():
            try:
                text = _text(environ, name)
                if text:
                    values[attribute] = read(text)
            except ValueError as error:
                problems.append(str(error) if str(error).startswith(PREFIX) else f"{PREFIX}{name} {error}")
        if problems:
            raise SettingsError("\n".join(problems))
        keys_file = environ.get(f"{PREFIX}KEYS{_FILE}")
        return cls(**values, keys_file=Path(keys_file) if keys_file else None)

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
                f"There is no key ring: set {PREFIX}KEYS_FILE to a JSON file with your keys (README.md, Settings).\n"
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
        return self

    def key_ring(self) -> KeyRing:
        """The key ring, without keys where none is set. KeyRingError: it cannot be read."""
        return KeyRing.from_json(self.keys) if self.keys else KeyRing()

    def active_kids(self) -> list[str]:
        """Ids of the keys that may sign now. KeyRingError: the key ring cannot be read."""
        now = datetime.now(UTC)
        return [key.kid for key in self.key_ring().keys if key.scheme in self.signature_schemes and key.is_active(now)]


_serving: Settings | None = None


def serving_settings() -> Settings:
    """The settings that gunicorn's master read before it forked this worker, so all workers have the same.

    Without such a master, the settings of the environment as they are now.
    """
    return _serving or read_serving_settings()


def read_serving_settings(refuse: Callable[[Settings], None] | None = None) -> Settings:
    """The settings of the environment as they are now, fit for serving; SettingsError at the start.

    gunicorn's configuration calls this in the master, and again on SIGHUP. Settings that cannot be used then are
    logged, and the former ones stay. `refuse` raises SettingsError for what cannot be judged here.
    """
    global _serving
    try:
        settings = Settings.from_environ().for_serving()
        if refuse is not None:
            refuse(settings)
        _serving = settings
    except SettingsError as error:
        if _serving is None:
            raise
        log.critical("settings not taken over, the former ones stay: %s", error)
    return _serving


def _read_database_url(text: str) -> str:
    check_url(text)
    if text.partition("://")[2].partition("?")[0].count("@") > 1:
        raise ValueError("has more than one @: in a password it is written %40")
    return text


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text[:10]) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return read


def _one_of(words: Mapping[str, Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text.lower() not in words:
            raise ValueError(f"must be {' or '.join(words)}, not {text!r}")
        return words[text.lower()]

    return read


_READERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "DATABASE_URL": ("database_url", _read_database_url),
    "KEYS": ("keys", str),
    "TOLERANCE_SECONDS": ("tolerance_seconds", _number(1, MAX_TOLERANCE_SECONDS)),
    "NOTICE_DAYS": ("notice_days", _number(1, 365)),
    "LEGACY_SIGN": ("legacy_sign", _one_of({"on": True, "off": False})),
    "LEGACY_NONCE": ("legacy_nonce_enforced", _one_of({"enforce": True, "observe": False})),
    "EXPLAIN": ("explain", _one_of({"0": False, "1": True})),
    "LOG_LEVEL": ("log_level", _one_of({word: word.upper() for word in ("debug", "info", "warning", "error")})),
    "HELP": ("help", _one_of({word: word for word in ("off", "on", "demo")})),
    "THREADS": ("threads", _number(1, 64)),
}
"""Name without the prefix -> attribute, reader. A reader raises ValueError; the name is put before its text."""

_SECRETS = ("DATABASE_URL", "KEYS")


def _unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    known = [*_READERS, *(name + _FILE for name in _SECRETS)]
    names = [name.removeprefix(PREFIX) for name in environ if name.startswith(PREFIX)]
    for name in sorted(set(names).difference(known)):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else "README.md lists them."
        yield f"{PREFIX}{name} is not a setting; {hint}"


def _text(environ: Mapping[str, str], name: str) -> str:
    """The value, or the content of the file that `<name>_FILE` names; empty when neither is given."""
    value = environ.get(PREFIX + name, "").strip()
    path = environ.get(PREFIX + name + _FILE, "") if name in _SECRETS else ""
    if not path:
        return value
    if value:
        raise ValueError(f"and {PREFIX}{name}{_FILE} are both set; keep one")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"{PREFIX}{name}{_FILE}: cannot read {path}: {reason}") from None
    if not text:
        raise ValueError(f"{PREFIX}{name}{_FILE}: {path} is empty")
    return text
