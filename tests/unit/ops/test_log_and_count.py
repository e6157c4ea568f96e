"""What is counted of each event."""

from __future__ import annotations

import pytest

from refund_api.events import (
    ActionAnswered,
    Happening,
    InvalidRequest,
    RefundRecorded,
    RefundRepeated,
    Refused,
    RequestRefused,
    SignatureRejected,
)
from refund_api.ops.log_and_count import LogAndCount
from refund_api.rules import ShapeFault
from tests.unit.ops.events import DECIDED, event
from tests.world import ORDER
from xml_contracts.reading import Problem, Skipped


@pytest.mark.parametrize(
    "happening",
    [
        RefundRecorded(refund_id="7", nonce_conflict=True, **DECIDED),
        RefundRepeated(refund_id="7", nonce_conflict=True, **DECIDED),
        Refused(code=2001, nonce_conflict=True, **DECIDED),
    ],
)
def test_an_observed_conflict_of_nonces_is_counted(happening: Happening) -> None:
    sink = LogAndCount()
    sink(event(happening))
    assert sink.counted == {("nonce_conflict", "observed"): 1}


@pytest.mark.parametrize(
    "happening",
    [
        RefundRecorded(refund_id="7", nonce_conflict=False, **DECIDED),
        InvalidRequest((Problem("random", ShapeFault.MISSING),)),
        ActionAnswered(1),
        RequestRefused(),
    ],
)
def test_an_ordinary_answer_is_not_counted(happening: Happening) -> None:
    sink = LogAndCount()
    sink(event(happening))
    assert not sink.counted


def test_the_cause_of_a_rejected_signature_is_counted() -> None:
    sink = LogAndCount()
    sink(event(SignatureRejected(cause="malformed", order_number=ORDER, terminal=1, kid=None, clock_difference=None)))
    assert sink.counted == {("signature_rejected", "malformed"): 1}


def test_each_skipped_member_is_counted_and_a_name_the_client_chose_counts_as_other() -> None:
    sink = LogAndCount()
    sink(
        event(
            ActionAnswered(1),
            Problem("random", Skipped.OUT_OF_ORDER, ("sign",)),
            Problem("kiosk", Skipped.UNKNOWN),
            Problem("till", Skipped.UNKNOWN),
        )
    )
    assert sink.counted == {
        ("members_ignored", "random", "out of order"): 1,
        ("members_ignored", "other", "unknown"): 2,
    }


@pytest.mark.parametrize("reason", Skipped)
def test_every_label_is_of_a_closed_set(reason: Skipped) -> None:
    sink = LogAndCount()
    problem = Problem(None, reason, (3,)) if reason is Skipped.MORE_UNKNOWN else Problem("sign", reason, ("urn:x",))
    sink(event(ActionAnswered(1), problem))
    ((label, times),) = sink.counted.items()
    if reason in (Skipped.UNKNOWN, Skipped.MORE_UNKNOWN):
        assert label == ("members_ignored", "other", "unknown")
    else:
        assert label in {("members_ignored", "sign", kind) for kind in ("wrong namespace", "out of order", "repeated")}
    assert times == (3 if reason is Skipped.MORE_UNKNOWN else 1)
