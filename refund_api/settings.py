"""What an operator sets: `REFUND_API_*` of the environment, read once into one frozen value.

A secret has no default, a name with the prefix that is not known is refused, and no text
made here shows a secret.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .signing.keys import Key, KeyRing, KeyRingError
from .signing.schemes import SCHEMES
from .storage.engines.table import check_url

log = logging.getLogger(__name__)

PREFIX: Final = "REFUND_API_"
MIN_SECRET_BYTES: Final = 16
MAX_TOLERANCE_SECONDS: Final = 24 * 60 * 60

_FILE = "_FILE"
_NEW_SECRET = 'python3 -c "import secrets; print(secrets.token_hex(32))"'
# Secrets that stand in public pages, ours included: whoever can read can sign.
_SAMPLE_SECRETS = frozenset({"test-key-0001", "changeme", "change-me", "replace-with-64-random-hex-digits"})


class SettingsError(Exception):
    """The settings cannot be used; the text has one line a problem and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting. `keys` is the key ring as JSON text; `threads` one process's, and its connections."""

    database_url: str = field(default="sqlite:///instance/refunds.db", repr=False)
    keys: str | None = field(default=None, repr=False)
    tolerance_seconds: int = 300
    legacy_sign: bool = True
    legacy_nonce_enforced: bool = True
    explain: bool = False
    log_level: str = "INFO"
    threads: int = 4

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
        return cls(**values)

    @property
    def signature_schemes(self) -> frozenset[str]:
        """The names of the signature schemes that are switched on."""
        return frozenset(SCHEMES) - (frozenset() if self.legacy_sign else {"legacy"})

    def for_serving(self) -> Settings:
        """The same settings; SettingsError when no request could be verified, or anyone could sign."""
        if self.keys is None:
            raise SettingsError(
                f"There is no key ring: set {PREFIX}KEYS_FILE to a JSON file with your keys (README.md, Settings).\n"
                "For a first look, `make run` makes a demo key by itself."
            )
        try:
            ring = KeyRing.from_json(self.keys)
        except KeyRingError as error:
            raise SettingsError(f"{PREFIX}KEYS cannot be used: {error}") from None
        if not ring.keys:
            raise SettingsError(f"{PREFIX}KEYS has no key: add one (README.md, Settings).")
        weak = [problem for key in ring.keys for problem in _weaknesses(key)]
        if weak:
            raise SettingsError("\n".join([*weak, f"Make a new secret with: {_NEW_SECRET}"]))
        return self


_serving: Settings | None = None


def serving_settings() -> Settings:
    """The settings of the environment, fit for serving; SettingsError at the start.

    gunicorn reads them again on SIGHUP. What cannot be used then is logged, and the former settings stay: the workers
    are forked from a process that has them.
    """
    global _serving
    try:
        _serving = Settings.from_environ().for_serving()
    except SettingsError as error:
        if _serving is None:
            raise
        log.critical("settings not taken over, the former ones stay: %s", error)
    return _serving


def _weaknesses(key: Key) -> Iterator[str]:
    if key.secret.decode().strip().lower() in _SAMPLE_SECRETS:
        yield f"{PREFIX}KEYS: the secret of key {key.kid} is a published sample."
    elif len(key.secret) < MIN_SECRET_BYTES:
        yield f"{PREFIX}KEYS: the secret of key {key.kid} is shorter than {MIN_SECRET_BYTES} bytes."


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
    "LEGACY_SIGN": ("legacy_sign", _one_of({"on": True, "off": False})),
    "LEGACY_NONCE": ("legacy_nonce_enforced", _one_of({"enforce": True, "observe": False})),
    "EXPLAIN": ("explain", _one_of({"0": False, "1": True})),
    "LOG_LEVEL": ("log_level", _one_of({word: word.upper() for word in ("debug", "info", "warning", "error")})),
    "THREADS": ("threads", _number(1, 64)),
}
"""Name without the prefix -> attribute, reader. A reader raises ValueError; its text follows the name."""

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
