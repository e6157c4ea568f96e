"""Who signed a request, and for what: canonical strings, schemes, key ring, verifier.

The client learns one thing, that a signature was rejected; the cause is for log and metric alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from xml_contracts.refund import TicketRefundRequest

from ..domain import Nonce

LEGACY: Final = "legacy"
SCHEMES: Final = (LEGACY,)

_PATH = "/api/order/cancel"  # constant: the spelling that arrived must not change what is signed
TIME_STAMP_FORMAT: Final = "%Y%m%d%H%M%S"
"""For strftime; `read_time_stamp` reads."""

_TIME_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_LEGACY_SIGN = re.compile(r"[0-9A-Fa-f]{64}")
_NONCE_MARGIN = timedelta(seconds=60)


class SignatureRejected(Exception):
    """The signature proves nothing; `cause` is one of a few words, never shown to a client."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class KeyRingError(ValueError):
    """A key ring that cannot be read; the text names the key and never its secret."""


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret. `terminals` None means any; the times are aware and None means open."""

    kid: str
    scheme: str
    secret: bytes = field(repr=False)
    not_before: datetime | None = None
    not_after: datetime | None = None
    terminals: frozenset[int] | None = None

    def serves(self, terminal: int, now: datetime) -> bool:
        """Whether the key may sign for this terminal now."""
        return (
            (self.terminals is None or terminal in self.terminals)
            and (self.not_before is None or self.not_before <= now)
            and (self.not_after is None or now <= self.not_after)
        )


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key, oldest first; several may be active, so that keys can be rotated."""

    keys: tuple[Key, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> KeyRing:
        """Read `{"keys": [{"kid", "scheme", "secret", "not_before", "not_after", "terminals"}]}`; KeyRingError."""
        try:
            entries = json.loads(text)["keys"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise KeyRingError('the key ring must be JSON: {"keys": [{"kid": …, "scheme": …, "secret": …}]}') from None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise KeyRingError('"keys" of the key ring must be a list of objects')
        keys = tuple(_read_key(number, entry) for number, entry in enumerate(entries, 1))
        if len({key.kid for key in keys}) != len(keys):
            raise KeyRingError("two keys of the key ring have the same kid")
        return cls(keys)


def _read_key(number: int, entry: dict[str, Any]) -> Key:
    kid, scheme, secret = entry.get("kid"), entry.get("scheme"), entry.get("secret")
    if not isinstance(kid, str) or not re.fullmatch(r"[a-z0-9-]{1,32}", kid):
        raise KeyRingError(f"key {number}: kid must be 1 to 32 of a-z, 0-9 and -")
    if scheme not in SCHEMES:
        raise KeyRingError(f"key {kid}: scheme must be one of: {', '.join(SCHEMES)}")
    if not isinstance(secret, str) or not secret or not secret.isprintable():
        raise KeyRingError(f"key {kid}: secret must be printable text that is not empty")
    unknown = entry.keys() - {"kid", "scheme", "secret", "not_before", "not_after", "terminals"}
    if unknown:
        raise KeyRingError(f"key {kid}: unknown member {sorted(unknown)[0]!r}")
    terminals = entry.get("terminals")
    if terminals is not None and not (isinstance(terminals, list) and all(type(t) is int for t in terminals)):
        raise KeyRingError(f"key {kid}: terminals must be a list of numbers, or null for any")
    return Key(
        kid,
        scheme,
        secret.encode(),
        _read_time(kid, entry, "not_before"),
        _read_time(kid, entry, "not_after"),
        None if terminals is None else frozenset(terminals),
    )


def _read_time(kid: str, entry: dict[str, Any], name: str) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise KeyRingError(f"key {kid}: {name} must be a time with an offset, such as 2026-11-23T00:00:00Z")
    return time


def read_time_stamp(text: str) -> datetime:
    """`yyyyMMddHHmmss`, UTC; ValueError. Not strptime, which takes 13 digits, or wide ones, for a time."""
    match = _TIME_STAMP.fullmatch(text)
    if match is None:
        raise ValueError("not 14 digits")
    year, month, day, hour, minute, second = map(int, match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def sign_legacy(secret: bytes, *, random: int, time_stamp: str, terminal: int) -> str:
    """HMAC-SHA256 (hex) over the MD5 (hex) of the legacy string; nothing of the order is in it."""
    canonical = f"random={random}&timestamp={time_stamp}&terminal={terminal}"
    digest = hashlib.md5(canonical.encode(), usedforsecurity=False).hexdigest()
    return hmac.digest(secret, digest.encode(), "sha256").hex()


def canonical_v2(request: TicketRefundRequest, kid: str) -> bytes:
    """Every member, length-prefixed, in ordinal order; CR and CRLF count as LF, as XML reads them."""
    members = {
        "order_number": request.order_number,
        "random": str(request.random),
        "refund_passanger_ids": request.refund_passanger_ids,
        "refund_reason": request.refund_reason,
        "terminal": str(int(request.terminal)),
        "time_stamp": request.time_stamp,
    }
    lines = ["OC-HMAC-SHA256-V2", "POST", _PATH, kid, *(f"{name}={_prefixed(v)}" for name, v in members.items()), ""]
    return "\n".join(lines).encode()


def _prefixed(text: str | None) -> str:
    if text is None:
        return "-"
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"{len(text.encode())}:{text}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds: by which key, and the nonce that binds a legacy one to this request."""

    kid: str
    nonce: Nonce | None


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks the member `sign` of a request whose shape is valid. `legacy` False turns the scheme off."""

    ring: KeyRing
    tolerance: timedelta
    legacy: bool = True

    def verify(self, request: TicketRefundRequest, now: datetime) -> Verified:
        """Who signed it; SignatureRejected otherwise. `now` is aware."""
        sign = request.sign or ""
        if self.legacy and _LEGACY_SIGN.fullmatch(sign):
            return self._verify_legacy(request, sign, now)
        raise SignatureRejected("malformed")

    def _verify_legacy(self, request: TicketRefundRequest, sign: str, now: datetime) -> Verified:
        terminal, time_stamp = int(request.terminal), request.time_stamp or ""

        def mac(key: Key) -> str:
            return sign_legacy(key.secret, random=request.random, time_stamp=time_stamp, terminal=terminal)

        key = self._active_key(self._matching_keys(LEGACY, sign.lower(), mac), terminal, now)
        signed_at = read_time_stamp(time_stamp)
        if abs(now - signed_at) > self.tolerance:
            raise SignatureRejected("outside the tolerance")
        value = hashlib.sha256(f"L|{terminal}|{time_stamp}|{request.random}".encode()).hexdigest()
        fingerprint = hashlib.sha256(canonical_v2(request, kid="")).hexdigest()
        return Verified(key.kid, Nonce(value, fingerprint, signed_at + self.tolerance + _NONCE_MARGIN))

    def _matching_keys(self, scheme: str, sign: str, mac: Callable[[Key], str]) -> list[Key]:
        """Every key of the scheme is tried and compared in constant time: no early way out to measure."""
        candidates = [key for key in self.ring.keys if key.scheme == scheme]
        return [key for key in candidates if hmac.compare_digest(mac(key).encode(), sign.encode())]

    @staticmethod
    def _active_key(matches: list[Key], terminal: int, now: datetime) -> Key:
        if not matches:
            raise SignatureRejected("no key matches")
        for key in reversed(matches):
            if key.serves(terminal, now):
                return key
        raise SignatureRejected("key not active")
