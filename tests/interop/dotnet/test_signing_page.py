"""The C# client on docs/signing.md is compiled and executed as it stands there."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from refund_api.signing.time_stamp import read_time_stamp
from tests.signing_clients.page import ABROAD, CASES, SIGNS, Case, block


def line_of(case: Case) -> str:
    names = ("order_number", "refund_passanger_ids", "refund_reason", "terminal", "time_stamp", "random")
    values: list[Any] = [case.scheme, case.secret, case.kid, *(case.members[name] for name in names)]
    return "\t".join("-" if value is None else base64.b64encode(str(value).encode()).decode() for value in values)


def test_the_csharp_client_signs_as_the_service_does(tmp_path: Path) -> None:
    compiler = shutil.which("mcs")
    if compiler is None or shutil.which("mono") is None:
        pytest.skip("Mono is missing; `make test-dotnet` says what to install")
    client, program = tmp_path / "RefundSign.cs", tmp_path / "SignCases.exe"
    client.write_text(block("csharp"), encoding="utf-8")
    sources = [str(Path(__file__).with_name("SignCases.cs")), str(client)]
    subprocess.run([compiler, "-warnaserror", f"-out:{program}", *sources], check=True, stdin=subprocess.DEVNULL)
    done = subprocess.run(
        ["mono", str(program)],
        input="".join(line_of(case) + "\n" for case in CASES.values()),
        env={**os.environ, **ABROAD},
        capture_output=True,
        check=True,
        text=True,
    )
    now, *signs = done.stdout.split()
    assert dict(zip(CASES, signs, strict=True)) == SIGNS
    assert abs(read_time_stamp(now) - datetime.now(UTC)) < timedelta(hours=1)
