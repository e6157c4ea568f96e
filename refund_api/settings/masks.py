"""How a secret is shown: not at all, or, of the URL of a database, all but the password."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus

HIDDEN: Final = "***"

_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")
_OPTION = re.compile(r"([?&;])([^=&;]*)=([^&;]*)")
_SECRET_OPTIONS = ("password", "secret", "scram")  # as libpq names them: sslpassword, oauth_client_secret, …


def hidden(_secret: str) -> str:
    """Nothing of it."""
    return HIDDEN


def url_without_password(url: str) -> str:
    """The URL with its password hidden, before the host or among the options."""
    return _OPTION.sub(_shown_option, _PASSWORD.sub(rf"\1:{HIDDEN}@", url))


def _shown_option(match: re.Match[str]) -> str:
    name = unquote_plus(match[2]).lower()
    return f"{match[1]}{match[2]}={HIDDEN}" if any(word in name for word in _SECRET_OPTIONS) else match[0]
