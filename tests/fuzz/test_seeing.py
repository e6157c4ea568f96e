"""The fuzzers must see a fault: each test here plants one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import delete, insert

from refund_api.settings import Settings
from refund_api.signing.verifier import Verified, Verifier
from refund_api.storage.tables import refund_outbox, request_nonce
from tests.world import NOW

from .fuzzer import Fuzzer, recorded
from .machine import run_machine
from .target import KEYS, Answer, Target

NONCE = {"nonce": "n", "fingerprint": "f", "order_number": "o", "expires_at": NOW}


def lose_outbox(target: Target, answer: Answer) -> Answer:
    with target.engine.begin() as connection:
        connection.execute(delete(refund_outbox))
    return answer


def add_nonce(target: Target, answer: Answer) -> Answer:
    nonce = NONCE | {"nonce": str(target.counts().nonces)}
    with target.engine.begin() as connection:
        connection.execute(insert(request_nonce), nonce)
    return answer


def say_html(target: Target, answer: Answer) -> Answer:
    return replace(answer, body=b"<!doctype html><title>500 Internal Server Error</title>")


def say_other_type(target: Target, answer: Answer) -> Answer:
    headers = tuple((name, value.replace("charset=utf-8", "charset=utf-16")) for name, value in answer.headers)
    return replace(answer, headers=headers)


def say_code_9(target: Target, answer: Answer) -> Answer:
    body = answer.body.replace(b'"code":1001', b'"code":9').replace(b"<code>1001", b"<code>9")
    return replace(answer, body=body)


def say_500(target: Target, answer: Answer) -> Answer:
    return replace(answer, status=500)


@pytest.mark.parametrize("spoil", [lose_outbox, add_nonce, say_html, say_other_type, say_code_9, say_500])
def test_a_spoiled_answer_or_ledger_is_seen(
    target: Target, spoil: Callable[[Target, Answer], Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = target.send
    monkeypatch.setattr(target, "send", lambda request: spoil(target, send(request)))
    fuzzer = Fuzzer(target, 1, recorded()[:500])
    fuzzer.run(100)
    assert fuzzer.misses


def test_an_error_of_the_database_is_seen(target: Target) -> None:
    """A 500 in the negotiated format is a miss all the same."""
    fuzzer = Fuzzer(target, 1, recorded()[:500])
    with target.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER t BEFORE INSERT ON refund BEGIN SELECT RAISE(ABORT, 'no'); END")
    fuzzer.run(100)
    assert fuzzer.statuses[500] or fuzzer.statuses[503]
    assert fuzzer.misses


def test_a_signature_that_proves_nothing_is_seen(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Verifier, "verify", lambda verifier, request, now: Verified("anybody", "v2", None))
    fuzzer = Fuzzer(target, 1, recorded())
    fuzzer.run(400)
    assert any("without a valid signature" in sentence for miss in fuzzer.misses for sentence in miss.sentences)


def test_a_used_legacy_signature_that_serves_again_is_seen_by_the_machine(target: Target) -> None:
    target.serve(Settings(database_url=target.url, keys=KEYS, legacy_nonce_enforced=False))
    with pytest.raises(AssertionError):
        run_machine(target, examples=30)
