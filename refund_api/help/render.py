"""Makes HTML of the templates. They escape every value, and a name that they do not know is an error."""

from __future__ import annotations

from functools import cache
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ..http.dotnet_uri import requested_uri
from .language import LANGUAGES, language_of
from .page import Content

STYLED: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy of a page with our style sheet and no script."""
SCRIPTED: Final = f"{STYLED}; script-src 'self'; connect-src 'self'"
"""The policy of a page whose script asks this service."""

_NAMES: Final = {"en": "English", "zh": "中文"}


def html(
    template: str, request: Request, *, demo: bool, policy: str = STYLED, status: int = 200, **facts: Any
) -> Content:
    """A page in the language of the request. `demo` tells whether it leads to the pages of the demo."""
    language = language_of(request)
    switch = {
        name: f"?{urlencode({**request.args.to_dict(), 'lang': name})}" for name in LANGUAGES if name != language.name
    }
    text = (
        _environment()
        .get_template(template)
        .render(
            lang=language.name,
            say=language.say,
            of=language.of,
            link=language.link,
            switch=switch,
            names=_NAMES,
            demo=demo,
            **facts,
        )
    )
    return Content(text.encode(), "text/html; charset=utf-8", policy, status, language.name)


def text(template: str, **facts: Any) -> str:
    """A text that is no HTML."""
    return _environment().get_template(template).render(**facts)


def base_url(request: Request) -> str:
    """Where the service is, as the client spelled it: `http://host:port`, without a path."""
    parts = urlsplit(requested_uri(request.environ))
    return f"{parts.scheme}://{parts.netloc}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("refund_api.help"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
