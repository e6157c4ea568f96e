"""Which JSON strings Json.NET 11.0.2 reads as dates (DateTimeUtils.TryParseDateTime, DateTimeParser).

Its reader makes a date of such a string wherever it is not asked for text, as behind `$ref` (wire-facts 11.13).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

# An offset may lack its sign and hours, or its minutes. The fraction has at most seven digits.
_ISO: Final = re.compile(
    r"""(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})
        T(?P<hour>[01][0-9]|2[0-4])(?P<below>:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,7}+)?)
        (?:[Zz]|(?:[+-][0-9]{2})?(?::(?:[0-9]{2})?|[0-9]{2})?)""",
    re.VERBOSE,
)
# The first `+` starts the offset, or the first `-` where there is no `+`; only its two characters are read.
_MICROSOFT: Final = re.compile(
    r"/Date\((?P<milliseconds>-?[0-9]{1,19})(?:\+[0-9-][0-9].*|-[0-9-][0-9][^+]*)?\)/", re.DOTALL
)


def is_date(text: str) -> bool:
    """Whether text is `2018-01-01T00:00:00` with or without fraction and zone, or `/Date(0)/`."""
    iso = _ISO.fullmatch(text)
    if iso is None:
        microsoft = _MICROSOFT.fullmatch(text)
        return microsoft is not None and -(2**63) <= int(microsoft["milliseconds"]) < 2**63
    if iso["hour"] == "24" and iso["below"].strip(":.0"):
        return False  # the hour 24 is midnight alone
    try:
        date.fromisoformat(iso["day"])
    except ValueError:
        return False
    return True
