"""The language of a page: what `?lang=` asks for, else what Accept-Language prefers, else English."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from flask import Request
from markupsafe import Markup

from ..described import Text

LANGUAGES: Final = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Language:
    """`name` is en or zh; `chosen` by the reader, so that links keep it."""

    name: str
    chosen: bool

    def say(self, en: str, zh: str, **values: Any) -> Markup:
        """A text of a template in this language. The text is trusted; the values that its braces name are escaped."""
        text = Markup(zh if self.name == "zh" else en)
        return text.format(**values) if values else text

    def of(self, text: Text) -> str:
        """A declared text in this language."""
        return text.zh if self.name == "zh" else text.en

    def link(self, path: str, **query: str) -> str:
        """A link to another page, which stays in a chosen language."""
        if self.chosen:
            query["lang"] = self.name
        return f"{path}?{urlencode(query)}" if query else path


def language_of(request: Request) -> Language:
    """The language in which this request is answered."""
    asked = request.args.get("lang")
    if asked in LANGUAGES:
        return Language(asked, chosen=True)
    # Not best_match, to which `en-GB,zh;q=0.5` is Chinese: it looks for whole tags first.
    preferred = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return Language(next((name for name in preferred if name in LANGUAGES), "en"), chosen=False)
