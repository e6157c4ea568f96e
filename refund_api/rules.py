"""What the shape of a request must be, beside what its contract says."""

from __future__ import annotations

from xml_contracts.reading import Reason


class ShapeFault(Reason):
    """A member is not as the action needs it. The arguments are in brackets."""

    NO_REQUEST = "there is no request in the body"
    MISSING = "missing"
    NOT_TEXT = "a character that is not text"
    TOO_LONG = "too long"  # (how many characters it may have)
    NOT_PASSENGER_IDS = "not GUIDs separated by commas"  # (how many there may be)
    NOT_A_TIME = "not a UTC time as yyyyMMddHHmmss"
    UNKNOWN_TERMINAL = "not a known terminal"
