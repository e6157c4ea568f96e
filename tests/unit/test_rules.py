"""The rules that a contract declares are checked for the request of any action."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from refund_api.rules import ShapeFault, broken_rules, reading_problems
from tests.fakes import signed
from tests.world import ALICE
from xml_contracts import Pattern, Rule, contract_of, data_contract, member
from xml_contracts.errors import DeclarationError
from xml_contracts.reading import Problem, Reading
from xml_contracts.refund import BaseRequest, TicketRefundRequest


@data_contract(namespace="urn:seats")
@dataclass(frozen=True, slots=True)
class SeatRequest(BaseRequest):
    """A request of another action, with rules of its own."""

    seats: int = member(default=0, rule=Rule(needed=True))
    berth: str | None = member(default=None, rule=Rule(max_length=5))
    leaves_at: str | None = member(default=None, rule=Rule(pattern=Pattern.UTC_TIME))
    companions: str | None = member(default=None, rule=Rule(pattern=Pattern.GUIDS, max_items=2))


SIGNED = signed()
SEATS = SeatRequest(
    terminal=SIGNED.terminal, time_stamp=SIGNED.time_stamp, random=SIGNED.random, sign=SIGNED.sign, seats=2
)


def test_a_request_that_keeps_every_rule_has_no_problem() -> None:
    assert list(broken_rules(SEATS)) == []
    assert list(broken_rules(replace(SEATS, berth="lower", leaves_at="20261224180000", companions=ALICE))) == []
    assert list(broken_rules(signed())) == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"seats": 0}, Problem("seats", ShapeFault.MISSING)),
        ({"berth": "middle"}, Problem("berth", ShapeFault.TOO_LONG, (5,))),
        ({"berth": "a\0"}, Problem("berth", ShapeFault.NOT_TEXT)),
        ({"leaves_at": "tomorrow"}, Problem("leaves_at", ShapeFault.NOT_A_TIME)),
        ({"companions": "everybody"}, Problem("companions", ShapeFault.NOT_GUIDS, (2,))),
        ({"sign": None}, Problem("sign", ShapeFault.MISSING)),
        ({"terminal": 7}, Problem("terminal", ShapeFault.UNDEFINED, ("terminal",))),
    ],
)
def test_every_rule_of_another_contract_is_checked(changed: dict[str, object], problem: Problem) -> None:
    assert list(broken_rules(replace(SEATS, **changed))) == [problem]  # type: ignore[arg-type]


def test_a_member_without_a_demand_may_be_missing_or_blank() -> None:
    assert list(broken_rules(replace(SEATS, berth=None, leaves_at=" ", companions=""))) == []


def test_a_list_counts_equal_items_once_and_as_many_as_declared() -> None:
    three = ",".join(f"{n:08x}-0000-4000-8000-000000000000" for n in range(3))
    assert list(broken_rules(replace(SEATS, companions=f" {ALICE} , {ALICE.upper()},{ALICE}"))) == []
    assert [problem.member for problem in broken_rules(replace(SEATS, companions=three))] == ["companions"]


def test_a_request_without_content_is_a_problem() -> None:
    assert list(reading_problems(Reading(None))) == [Problem(None, ShapeFault.NO_REQUEST)]
    assert list(reading_problems(Reading(SEATS))) == []


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Rule(max_length=5), "only a text"),
        (Rule(pattern=Pattern.UTC_TIME), "only a text"),
        (Rule(max_items=5), "only a text"),
    ],
)
def test_a_rule_that_no_number_can_keep_is_refused_when_the_contract_is_compiled(rule: Rule, says: str) -> None:
    @data_contract(namespace="urn:x")
    @dataclass(frozen=True, slots=True)
    class Numbers:
        seats: int = member(default=0, rule=rule)

    with pytest.raises(DeclarationError, match=says):
        contract_of(Numbers)


@pytest.mark.parametrize("rule", [Rule(pattern=Pattern.GUIDS), Rule(pattern=Pattern.UTC_TIME, max_items=2)])
def test_a_number_of_items_goes_with_a_list(rule: Rule) -> None:
    @data_contract(namespace="urn:x")
    @dataclass(frozen=True, slots=True)
    class Texts:
        ids: str | None = member(default=None, rule=rule)

    with pytest.raises(DeclarationError, match="max_items"):
        contract_of(Texts)


def test_every_member_of_the_request_is_described_in_both_languages() -> None:
    members = contract_of(TicketRefundRequest).declared
    assert {m.name: m.zh for m in members} == {
        "order_number": "CTT订单号",
        "refund_passanger_ids": "退票乘客id",
        "refund_reason": "退票原因",
        "terminal": "终端",
        "time_stamp": "时间戳",
        "random": "随机数",
        "sign": "签名",
    }
    assert all(m.en for m in members)
