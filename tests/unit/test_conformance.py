"""The conformance runner sees what it must: a runner that passes everything proves nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import differences, environ_of, headers_of, main

VECTORS = Path(__file__).parent.parent / "vectors" / "parity"

MODEL = {"order_number": "A", "terminal": 1}
RAN = {"status": 200, "headers": {"Content-Type": "text/xml"}, "action_ran": True, "model": MODEL, "invalid": False}
REFUSED = {"status": 405, "headers": {"Allow": "POST"}, "action_ran": False}


def vector(*expect: dict[str, Any], tier: str = "must", method: str = "POST") -> dict[str, Any]:
    bodies = [entry | {"body": {"text": "é"}} for entry in expect]
    return {"tier": tier, "request": {"method": method}, "expect": bodies}


def outcome(entry: dict[str, Any], body: bytes = "é".encode(), **changed: Any) -> dict[str, Any]:
    return entry | {"body": body} | changed


def test_an_equal_outcome_differs_in_nothing() -> None:
    assert differences(vector(RAN), outcome(RAN)) == []
    assert differences(vector(REFUSED), outcome(REFUSED)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 503},
        {"headers": {"Content-Type": "text/xml", "Allow": "POST"}},
        {"headers": {"Content-Type": "text/xml; charset=utf-8"}},
        {"body": b"e"},
        {"model": None},
        {"model": MODEL | {"terminal": 2}},
        {"invalid": True},
        {"model": None, "invalid": True},
    ],
)
def test_any_other_outcome_differs(changed: dict[str, Any]) -> None:
    assert len(differences(vector(RAN, tier="either"), outcome(RAN, **changed))) == len(changed)


def test_an_action_that_ran_where_it_should_not_differs() -> None:
    assert differences(vector(REFUSED), outcome(REFUSED | {"action_ran": True, "model": None, "invalid": False}))


def test_either_takes_any_of_the_outcomes() -> None:
    other = RAN | {"model": None, "invalid": True}
    assert differences(vector(RAN, other, tier="either"), outcome(other)) == []


def test_lenient_takes_a_refused_body_with_the_same_answer() -> None:
    refused = RAN | {"model": None, "invalid": True}
    assert differences(vector(RAN, tier="lenient"), outcome(refused)) == []
    assert differences(vector(RAN, tier="lenient"), outcome(refused, status=400))
    assert differences(vector(RAN, tier="lenient"), outcome(RAN | {"model": None}))


def test_the_body_of_a_head_is_not_expected() -> None:
    assert differences(vector(REFUSED, method="HEAD"), outcome(REFUSED, body=b"")) == []
    assert differences(vector(REFUSED, method="HEAD"), outcome(REFUSED))


def test_the_environ_normalises_nothing() -> None:
    request = {"method": "post", "path": "/a%2Fb//%C3%A9?x=%41", "headers": [], "body": {"base64": "AAE="}}
    environ = environ_of(request)
    assert environ["REQUEST_METHOD"] == "post"
    assert environ["RAW_URI"] == "/a%2Fb//%C3%A9?x=%41"
    assert environ["PATH_INFO"] == "/a/b//\xc3\xa9"
    assert environ["QUERY_STRING"] == "x=%41"
    assert environ["CONTENT_LENGTH"] == "2"
    assert environ["wsgi.input"].read() == b"\x00\x01"
    assert "CONTENT_LENGTH" not in environ_of(request | {"body": None})


def test_repeated_headers_are_joined_by_a_bare_comma() -> None:
    headers = [("Accept", "a/b"), ("Content-Type", ""), ("accept", "c/é")]
    assert headers_of(headers) == {"HTTP_ACCEPT": "a/b,c/\xc3\xa9", "CONTENT_TYPE": ""}


def copy_of_one(tmp_path: Path, **changed: Any) -> Path:
    line = (VECTORS / "fw.jsonl").read_text(encoding="utf-8").splitlines()[0]
    recorded = json.loads(line)
    recorded["expect"][0] |= changed
    (tmp_path / "one.jsonl").write_text(json.dumps(recorded), encoding="utf-8")
    return tmp_path


def test_the_command_counts_and_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(copy_of_one(tmp_path))]) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed\n"


def test_the_command_names_what_failed_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(copy_of_one(tmp_path, status=404))
    assert main([directory]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("fw.method.")
    assert shown[1:] == ["    status: expected 404, got 405", "0 passed, 1 failed"]
    assert main([directory, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["passed"], report["failed"]) == (0, 1)
    assert report["failures"][0]["differences"] == ["status: expected 404, got 405"]


def test_no_vectors_are_not_a_success(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path)])
    assert stop.value.code == 2
