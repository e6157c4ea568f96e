"""Finds out who signed a request, by trying every key that could have.

A client learns no more than that its signature was rejected. The cause is told to logs and metrics alone.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from xml_contracts.refund import BaseRequest

from ..domain import Nonce
from ..values import value_class
from .canonical import canonical_bytes
from .keys import Key, KeyRing
from .schemes import SCHEMES, Scheme
from .time_stamp import read_time_stamp

log = logging.getLogger(__name__)

_OLD_STAMP = (
    "the time stamp is %d s from now: taken, because this is a demo; a service with the tolerance of %d s answers 1002"
)
_NONCE_MARGIN = timedelta(seconds=60)


class Cause(Enum):
    """Why a signature is rejected; the value is the word for log and metric."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"
    NO_KEY_MATCHES = "no key matches"
    KEY_NOT_ACTIVE = "key not active"
    OUTSIDE_THE_TOLERANCE = "outside the tolerance"
    NONCE_TAKEN = "nonce used for something else"


class SignatureRejected(Exception):
    """The signature proves nothing.

    `scheme` is the name of the scheme that the sign is of; None where it is of none. `clock_difference` is `time_stamp`
    minus now, positive for a client whose clock is ahead; None when `time_stamp` could not be read. `kid` is the key
    that made the signature; None when no key did, or none that may sign now.
    """

    def __init__(
        self, cause: Cause, clock_difference: timedelta | None, *, scheme: str | None, kid: str | None = None
    ) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.scheme = scheme
        self.clock_difference = clock_difference
        self.kid = kid


@value_class(frozen=True, slots=True)
class Verified:
    """A signature that holds: the id of its key, its scheme, and its nonce, which not every scheme has."""

    kid: str
    scheme: str
    nonce: Nonce | None


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks the member `sign` of a request to one action.

    `path` is the path that the action declares. `schemes` are the names of the schemes that are switched on. A request
    that is let pass with a time stamp farther from now than `warns_beyond` is warned about: a demo tells so what would
    be rejected elsewhere.
    """

    ring: KeyRing
    tolerance: timedelta
    path: str
    schemes: Set[str] = field(default_factory=lambda: frozenset(SCHEMES))
    warns_beyond: timedelta | None = None

    def verify(self, request: BaseRequest, now: datetime) -> Verified:
        """The key that signed the request. SignatureRejected: none did, or not in time. `now` is aware."""
        scheme, kid = self._scheme_and_kid(request.sign or "")
        try:
            signed_at = read_time_stamp(request.time_stamp or "")
        except ValueError:
            raise SignatureRejected(Cause.MALFORMED, None, scheme=scheme) from None
        key = Cause.MALFORMED if scheme is None else self._signing_key(request, now, scheme, kid)
        if isinstance(key, Cause):
            raise SignatureRejected(key, signed_at - now, scheme=scheme)
        if abs(now - signed_at) > self.tolerance:
            raise SignatureRejected(Cause.OUTSIDE_THE_TOLERANCE, signed_at - now, scheme=scheme, kid=key.kid)
        if self.warns_beyond is not None and abs(now - signed_at) > self.warns_beyond:
            log.warning(_OLD_STAMP, int(abs(now - signed_at).total_seconds()), int(self.warns_beyond.total_seconds()))
        return Verified(key.kid, key.scheme, self._nonce(SCHEMES[key.scheme], request, signed_at))

    def _scheme_and_kid(self, sign: str) -> tuple[str | None, str | None]:
        """The name of the scheme that the sign is of, and the key that it names; None where there is none."""
        for name, scheme in SCHEMES.items():
            if name in self.schemes and (match := scheme.pattern.fullmatch(sign)):
                return name, match.groupdict().get("kid")
        return None, None

    def _signing_key(self, request: BaseRequest, now: datetime, name: str, kid: str | None) -> Key | Cause:
        """The newest key of a scheme that made the sign and may sign now, or why there is none."""
        sign, scheme = request.sign or "", SCHEMES[name]
        candidates = [key for key in self.ring.keys if key.scheme == name and kid in (None, key.kid)]
        if kid is not None and not candidates:
            return Cause.UNKNOWN_KEY
        received = (sign.lower() if scheme.any_case else sign).encode()
        matches = []
        for key in candidates:  # every key is tried, in constant time, so that the time taken tells nothing
            expected = scheme.sign(request, self.path, key.kid, key.secret)
            if hmac.compare_digest(expected.encode(), received):
                matches.append(key)
        for key in reversed(matches):
            if key.serves(int(request.terminal), now):
                return key
        return Cause.KEY_NOT_ACTIVE if matches else Cause.NO_KEY_MATCHES

    def _nonce(self, scheme: Scheme, request: BaseRequest, signed_at: datetime) -> Nonce | None:
        if scheme.nonce is None:
            return None
        fingerprint = hashlib.sha256(canonical_bytes(request, self.path, kid="")).hexdigest()
        return Nonce(scheme.nonce(request), fingerprint, signed_at + self.tolerance + _NONCE_MARGIN)
