"""A request of another action, to show that signing knows only BaseRequest and the declaration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from xml_contracts.declare import data_contract, member
from xml_contracts.refund import BaseRequest

PATH = "/api/seat/change"


@data_contract(namespace="urn:seats")
class Berth(IntEnum):
    LOWER = 7


@data_contract(namespace="urn:seats")
@dataclass(frozen=True, slots=True)
class SeatRequest(BaseRequest):
    """Members that sort before and after those of the base, one with another name on the wire."""

    waggon: int = member(default=0)
    berth: Berth | int = member(default=0)
    note: str | None = member(default=None, name="Anmerkung")
