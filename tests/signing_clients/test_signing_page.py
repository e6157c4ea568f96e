"""The clients on docs/signing.md are executed as they stand there, and its worked examples are those of the vectors.

The C# one is executed in tests/interop/dotnet.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from refund_api.signing.schemes import SCHEMES
from refund_api.signing.time_stamp import read_time_stamp
from tests.signing_clients.page import ABROAD, CASES, SIGNS, Case, block, blocks
from tests.vectors.test_signature import VECTORS

PACKAGES = {"node": "nodejs", "openssl": "openssl"}


def path_of(command: str) -> str:
    path = shutil.which(command)
    if path is None:
        pytest.skip(f"{command} is missing; on Debian: apt install {PACKAGES[command]}")
    return path


def run(*command: str | Path, stdin: str = "", environ: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        input=stdin,
        env={**os.environ, **ABROAD, **(environ or {})},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout


def assert_is_now(time_stamp: str) -> None:
    """In UTC; a client that takes the local time is eight hours off."""
    assert abs(read_time_stamp(time_stamp) - datetime.now(UTC)) < timedelta(hours=1)


def test_the_cases_have_both_schemes_null_empty_line_ends_and_more_bytes_than_characters() -> None:
    assert {case.scheme for case in CASES.values()} == SCHEMES.keys()
    reasons = [case.members["refund_reason"] for case in CASES.values()]
    assert None in reasons and "" in reasons
    texts = [reason for reason in reasons if reason]
    for mark in ("\r\n", "\r\r\n", "one\rtwo", "é", "\U0001d11e", "\x85", "\n"):
        assert any(mark in text for text in texts), repr(mark)
    assert len(CASES) > 25


@pytest.fixture
def python_client() -> dict[str, Any]:
    client: dict[str, Any] = {}
    exec(compile(block("python"), "docs/signing.md", "exec"), client)
    return client


@pytest.fixture
def shell_client(tmp_path: Path) -> Path:
    """A file for the `.` of a shell."""
    path_of("openssl")
    library = tmp_path / "sign.sh"
    library.write_text(block("sh"), encoding="utf-8")
    return library


def test_the_python_client_signs_as_the_service_does(python_client: dict[str, Any]) -> None:
    def sign(case: Case) -> str:
        if case.scheme == "v2":
            return str(python_client["sign_v2"](case.secret, case.kid, case.members))
        return str(python_client["sign_legacy"](case.secret, case.members))

    assert {name: sign(case) for name, case in CASES.items()} == SIGNS
    case = CASES["v2-reason-nil"]
    without_null = {name: value for name, value in case.members.items() if value is not None}
    assert python_client["sign_v2"](case.secret, case.kid, without_null) == case.sign
    assert_is_now(run(sys.executable, "-c", block("python") + "print(time_stamp_now())").strip())


def test_the_javascript_client_signs_as_the_service_does(tmp_path: Path) -> None:
    module = tmp_path / "sign.mjs"
    module.write_text(block("javascript"), encoding="utf-8")
    program = Path(__file__).with_name("sign_cases.mjs")
    cases = json.dumps({name: asdict(case) for name, case in CASES.items()})
    answer = json.loads(run(path_of("node"), program, module, stdin=cases))
    assert answer["signs"] == SIGNS
    assert_is_now(answer["now"])


@pytest.mark.parametrize("name", CASES)
def test_the_shell_client_signs_as_the_service_does(name: str, shell_client: Path) -> None:
    case = CASES[name]
    variables = {n: str(value) for n, value in case.members.items() if value is not None}
    script = f'set -eu\n. "{shell_client}"\nsign_{case.scheme}\ntime_stamp_now\n'
    sign, now = run("sh", "-c", script, environ={**variables, "secret": case.secret, "kid": case.kid}).split()
    assert sign == case.sign
    assert_is_now(now)


def test_the_shell_client_takes_a_secret_of_any_length(shell_client: Path, python_client: dict[str, Any]) -> None:
    """HMAC pads a key up to a block of 64 bytes and hashes a longer one; here that is done by hand."""
    members = {"random": "1", "time_stamp": "20260101000000", "terminal": "1"}
    for length in (1, 63, 64, 65, 200):
        secret = ("ÿ%\\ '\"$`" * length)[:length]
        sign = run("sh", "-c", f'. "{shell_client}"; sign_legacy', environ={**members, "secret": secret}).strip()
        assert sign == python_client["sign_legacy"](secret, members)


def test_the_worked_examples_of_the_page_are_those_of_the_vectors() -> None:
    legacy, canonical, hexadecimal, signs = blocks("text")
    vector = VECTORS["legacy-example"]
    digest = hashlib.md5(vector["canonical"].encode()).hexdigest()
    assert legacy.split() == ["text", vector["canonical"], "MD5", digest, "sign", vector["sign"]]

    vector = VECTORS["v2-example"]
    assert canonical == vector["canonical"]
    signed = vector["canonical"].encode()
    start, reason, end = (bytes.fromhex(line) for line in hexadecimal.splitlines())
    assert signed.startswith(start) and signed.endswith(end) and signed.count(b"\n" + reason[:-1]) == 1
    assert len(signed) == 275

    examples = (vector, VECTORS["v2-example-reason-null"], VECTORS["v2-example-reason-empty"])
    values = [line.split()[-1] for line in signs.splitlines()]
    assert values == [vector["canonical_sha256"], *(example["sign"] for example in examples)]
