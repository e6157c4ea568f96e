"""What the sink of metrics counts of each event."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from refund_api.events import (
    ActionAnswered,
    Broken,
    Event,
    Happening,
    InvalidRequest,
    LedgerAway,
    RefundRecorded,
    RefundRepeated,
    Refused,
    RequestRefused,
    SignatureRejected,
)
from refund_api.ops.metrics import Metrics
from refund_api.signing.verifier import Cause
from tests.figures import counted_by
from tests.unit.ops import events
from tests.world import ORDER
from xml_contracts.reading import Problem, Skipped

DECIDED: dict[str, Any] = events.DECIDED | {"nonce_conflict": False}
RECORDED = RefundRecorded(refund_id="7", **DECIDED)


def event(happening: Happening = RECORDED, *skipped: Problem, **changed: Any) -> Event:
    ordinary = events.event(happening, *skipped, code=1)
    return replace(ordinary, **({"milliseconds": 3.0} | changed))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def rejected(cause: str, scheme: str | None) -> SignatureRejected:
    return SignatureRejected(
        cause=cause, scheme=scheme, order_number=ORDER, terminal=1, kid=None, clock_difference=None
    )


def test_answers_are_counted_by_the_format_that_was_read_their_code_and_their_status(metrics: Metrics) -> None:
    for _ in range(2):
        metrics(event())
    metrics(event(LedgerAway("busy"), code=3001, status=503, read_format="xml"))
    metrics(event(RequestRefused(), code=None, status=404, read_format=None))
    assert counted_by(metrics, "requests") == {
        ("json", "1", "200"): 2,
        ("xml", "3001", "503"): 1,
        ("none", "none", "404"): 1,
    }


def test_the_time_of_an_answer_is_in_the_histogram_of_its_format(metrics: Metrics) -> None:
    metrics(event(milliseconds=3.0))
    metrics(event(milliseconds=700.0))
    value = metrics.registry.get_sample_value
    assert value("refund_api_request_seconds_sum", {"format": "json"}) == pytest.approx(0.703)
    buckets = [
        value("refund_api_request_seconds_bucket", {"format": "json", "le": edge})
        for edge in ("0.0025", "0.005", "1.0")
    ]
    assert buckets == [0, 1, 2]


def test_codes_without_number_are_counted_together_past_a_limit(metrics: Metrics) -> None:
    for code in range(1, 301):
        metrics(event(ActionAnswered(code), code=code))
    by_code = counted_by(metrics, "requests")
    assert (len(by_code), sum(by_code.values())) == (101, 300)
    assert by_code["json", "other", "other"] == 200


@pytest.mark.parametrize(
    "happening",
    [RECORDED, RefundRepeated(refund_id="7", **DECIDED), Refused(code=2001, **DECIDED)],
    ids=lambda happening: type(happening).__name__,
)
def test_whoever_the_ledger_judges_had_a_signature_that_holds(metrics: Metrics, happening: Happening) -> None:
    metrics(event(happening))
    assert counted_by(metrics, "signatures") == {("legacy", "accepted"): 1}


@pytest.mark.parametrize(
    ("scheme", "cause"), [*product(["legacy", "v2"], (cause.value for cause in Cause)), (None, "malformed")]
)
def test_a_rejected_signature_is_counted_by_its_scheme_and_the_cause(
    metrics: Metrics, scheme: str | None, cause: str
) -> None:
    metrics(event(rejected(cause, scheme)))
    assert counted_by(metrics, "signatures") == {(scheme or "none", cause): 1}
    enforced = {("enforced",): 1.0} if cause == "nonce used for something else" else {}
    assert counted_by(metrics, "nonce_conflicts") == enforced


def test_a_scheme_or_a_cause_that_a_handler_made_up_is_no_label(metrics: Metrics) -> None:
    metrics(event(rejected("the moon", "legacy")))
    metrics(event(rejected("malformed", "v9")))
    assert counted_by(metrics, "signatures") == {("none", "other"): 2}


def test_an_observed_conflict_of_nonces_and_further_attempts_are_counted(metrics: Metrics) -> None:
    metrics(event(replace(RECORDED, nonce_conflict=True, attempts=3)))
    assert counted_by(metrics, "nonce_conflicts") == {("observed",): 1}
    assert counted_by(metrics, "transaction_retries") == {(): 2}


def test_each_skipped_member_is_counted_and_a_name_the_client_chose_counts_as_other(metrics: Metrics) -> None:
    metrics(
        event(
            InvalidRequest(()),
            Problem("random", Skipped.OUT_OF_ORDER, ("sign",)),
            Problem("kiosk", Skipped.UNKNOWN),
            Problem("till", Skipped.UNKNOWN),
        )
    )
    assert counted_by(metrics, "members_ignored") == {("random", "out of order"): 1, ("other", "unknown"): 2}


@pytest.mark.parametrize("reason", Skipped)
def test_every_reason_for_skipping_is_one_of_four(metrics: Metrics, reason: Skipped) -> None:
    problem = Problem(None, reason, (3,)) if reason is Skipped.MORE_UNKNOWN else Problem("sign", reason, ("urn:x",))
    metrics(event(ActionAnswered(1), problem))
    ((labels, times),) = counted_by(metrics, "members_ignored").items()
    if reason in (Skipped.UNKNOWN, Skipped.MORE_UNKNOWN):
        assert labels == ("other", "unknown")
    else:
        assert labels in {("sign", kind) for kind in ("wrong namespace", "out of order", "repeated")}
    assert times == (3 if reason is Skipped.MORE_UNKNOWN else 1)


def test_an_error_that_nobody_expected_is_counted(metrics: Metrics) -> None:
    metrics(event(Broken(ZeroDivisionError()), status=500, code=None))
    assert counted_by(metrics, "unexpected_errors") == {(): 1}
    assert counted_by(metrics, "requests") == {("json", "none", "500"): 1}


def test_lines_that_the_log_drops_are_counted(metrics: Metrics) -> None:
    metrics.count_dropped_lines(5)
    assert counted_by(metrics, "log_lines_dropped") == {(): 5}


def test_what_alerts_watch_is_there_with_0_before_it_happens(metrics: Metrics) -> None:
    page = metrics.page().decode()
    for series in (
        'nonce_conflicts_total{mode="observed"}',
        'signatures_total{result="no key matches",scheme="legacy"}',
        "log_lines_dropped_total",
        "unexpected_errors_total",
    ):
        assert f"\nrefund_api_{series} 0.0\n" in page


def test_two_applications_count_for_themselves(metrics: Metrics) -> None:
    other = Metrics(CollectorRegistry())
    metrics(event())
    assert counted_by(other, "requests") == {}
    assert "_created" not in metrics.page().decode()
