"""Explain my request: what the service reads in it, and which sign it expects. Nothing runs, nothing is recorded.

A request is read as the action reads it: by the same negotiation, within the same bounds, by the same codec. What has
no meaning as a body is refused as the action refuses it. Signs are computed and checked with the demo keys alone.
Reasons are told in the language of the page; the answers of the action itself are always English.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from flask import Request

from xml_contracts.reading import Problem, Reading
from xml_contracts.refund import BaseRequest

from .. import words
from ..actions import Action
from ..http.body import read_body
from ..http.formatters import formatters_for
from ..http.media import UnsupportedMediaType
from ..http.negotiation import Negotiated, negotiator
from ..ports import Clock
from ..rules import broken_rules, reading_problems
from ..settings import Settings
from ..signing.keys import KeyRing
from ..signing.schemes import SCHEMES
from ..signing.time_stamp import read_time_stamp
from ..signing.verifier import Cause, SignatureRejected, Verifier
from ..words import zh
from .demo_keys import demo_ring
from .language import language_of
from .page import Content, Page
from .render import SCRIPTED, base_url, html
from .samples import values_of

Explained = dict[str, Any]


class Words(Protocol):
    """What tells reasons in one language."""

    def problem_in_words(self, problem: Problem) -> str:
        """What is wrong, with the member where there is one."""

    def why_skipped(self, problem: Problem) -> str:
        """Why a member was skipped."""

    def why_rejected(self, cause: Cause) -> str:
        """Why a signature proves nothing."""


_WORDS: Final[Mapping[str, Words]] = {"en": words, "zh": zh}
"""Language of a page -> its words."""


def explain_page(action: Action, name: str, request: Request) -> Content:
    """The page to paste a request into."""
    return html("explain.html", request, demo=True, policy=SCRIPTED, action=action, name=name, url=base_url(request))


def explainer(action: Action, settings: Callable[[], Settings], clock: Clock) -> Page:
    """Takes a request that is posted to the page, and gives what it is, as JSON.

    Raises what the action is refused for: BodyTooLong, UnsupportedMediaType and their like.
    """
    negotiate = negotiator(formatters_for(action.request, action.result, action.formats))

    def explain(request: Request) -> Content:
        header = request.environ.get
        chosen = negotiate(
            header("CONTENT_TYPE"),
            header("HTTP_ACCEPT"),
            header("HTTP_ACCEPT_CHARSET"),
            header("HTTP_X_REQUESTED_WITH"),
        )
        body = read_body(request.environ)
        if chosen.reader is None and body:
            raise UnsupportedMediaType(chosen.sent)
        reading = Reading[Any](None) if chosen.reader is None else chosen.reader.read(body, chosen.read_charset)
        language = language_of(request).name
        told = _explained(reading, action.path, settings(), clock(), _WORDS[language])
        return Content(json.dumps({**_formats(chosen), **told}).encode(), "application/json", language=language)

    return explain


def _formats(chosen: Negotiated) -> Explained:
    return {
        "read_as": chosen.reader.name if chosen.reader else None,
        "read_in": chosen.read_charset,
        "answered_as": f"{chosen.media_type}; charset={chosen.write_charset}",
    }


def _explained(reading: Reading[Any], path: str, settings: Settings, now: datetime, in_words: Words) -> Explained:
    request = reading.value
    problems = list(reading_problems(reading))
    if request is not None and not problems:
        problems = broken_rules(request)
    skipped = [{"member": p.member, "why": in_words.why_skipped(p)} for p in reading.ignored]
    explained: Explained = {
        "members": [] if request is None else [{"name": n, "value": v} for n, v in values_of(request).items()],
        "skipped": skipped,
        "problems": [in_words.problem_in_words(problem) for problem in problems],
        "clock": None,
        "signing": [],
        "signature": None,
    }
    if request is not None:
        tolerance = timedelta(seconds=settings.tolerance_seconds)
        ring = demo_ring(settings)
        explained["clock"] = _clock(request, now, tolerance)
        explained["signing"] = [*_signing(request, path, ring)]
        if not problems:
            verifier = Verifier(ring, tolerance, path, settings.signature_schemes)
            explained["signature"] = _signature(verifier, request, now, in_words)
    return explained


def _clock(request: BaseRequest, now: datetime, tolerance: timedelta) -> Explained | None:
    """How many seconds the time stamp is ahead of the service; None where it is no time."""
    try:
        signed_at = read_time_stamp(request.time_stamp or "")
    except ValueError:
        return None
    ahead = signed_at - now
    return {
        "signed_at": signed_at.isoformat(),
        "now": now.isoformat(timespec="seconds"),
        "seconds_ahead": round(ahead.total_seconds()),
        "tolerance": round(tolerance.total_seconds()),
        "within": abs(ahead) <= tolerance,
    }


def _signing(request: BaseRequest, path: str, ring: KeyRing) -> Iterator[Explained]:
    """What each demo key signs, and the sign that it gives."""
    for key in ring.keys:
        scheme = SCHEMES[key.scheme]
        expected = scheme.sign(request, path, key.kid, key.secret)
        sent = request.sign or ""
        yield {
            "scheme": key.scheme,
            "kid": key.kid,
            "text": scheme.signed_text(request, path, key.kid),
            "expected": expected,
            "matches": (sent.lower() if scheme.any_case else sent) == expected,
        }


def _signature(verifier: Verifier, request: BaseRequest, now: datetime, in_words: Words) -> Explained:
    """Whether the sign holds, `cause` None, by which key. `why` tells the cause to people."""
    try:
        verified = verifier.verify(request, now)
    except SignatureRejected as rejected:
        why = in_words.why_rejected(rejected.cause)
        return {"cause": rejected.cause.value, "why": why, "kid": rejected.kid, "scheme": rejected.scheme}
    return {"cause": None, "why": None, "kid": verified.kid, "scheme": verified.scheme}
