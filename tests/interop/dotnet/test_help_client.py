"""/Help/client.cs is compiled and executed as the service hands it out, with the program that the page shows."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.demo_service import demo_service, download, programs_on_the_page
from tests.signing_clients.page import CASES, SIGNS, Case

SECRET = "a secret of v2 for the help client, in C#"
REFERENCES = ("-r:System.Net.Http", "-r:System.Runtime.Serialization")


def line_of(case: Case) -> str:
    names = ("order_number", "refund_passanger_ids", "refund_reason", "time_stamp", "random")
    values: list[Any] = [case.scheme, case.secret, case.kid, *(case.members[name] for name in names)]
    return "\t".join("-" if value is None else base64.b64encode(str(value).encode()).decode() for value in values)


def compile_program(target: Path, *sources: Path) -> Path:
    compiler = shutil.which("mcs")
    if compiler is None or shutil.which("mono") is None:
        pytest.skip("Mono is missing; `make test-dotnet` says what to install")
    command = [compiler, "-warnaserror", f"-out:{target}", *REFERENCES, *map(str, sources)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=120)
    return target


def run(program: Path, stdin: str = "") -> str:
    command = ["mono", str(program)]
    done = subprocess.run(
        command, cwd=program.parent, input=stdin, check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout


def test_the_client_signs_as_the_service_does_and_its_program_cancels_an_order(tmp_path: Path) -> None:
    client, program = tmp_path / "client.cs", tmp_path / "program.cs"
    (tmp_path / "service").mkdir()
    (tmp_path / "secret.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    keys = [{"kid": "web-2026a", "scheme": "v2", "secret": SECRET}]
    with demo_service(tmp_path / "service", keys) as server:
        client.write_bytes(download(server, "/Help/client.cs"))
        program.write_text(programs_on_the_page(server)["C#"], encoding="utf-8")
        cancelling = compile_program(tmp_path / "program.exe", program, client)
        answers = {run(cancelling), run(cancelling)}
    (answer,) = answers
    code, message, number = answer.split()
    assert (code, message, len(number)) == ("1", "Cancelled", 36)

    signing = compile_program(tmp_path / "signing.exe", Path(__file__).with_name("HelpCases.cs"), client)
    cases = {name: case for name, case in CASES.items() if case.members["terminal"] == 1}
    signs = run(signing, "".join(line_of(case) + "\n" for case in cases.values())).split()
    assert dict(zip(cases, signs, strict=True)) == {name: SIGNS[name] for name in cases}
    assert len(cases) > 25
