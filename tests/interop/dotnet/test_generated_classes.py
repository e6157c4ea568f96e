"""Mono's own importer makes C# classes from /xsd/ of a live service, and a client of them cancels an order."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from lxml import etree

from tests.fakes import signed
from tests.servers import Gunicorn, gunicorn

from .test_dotnet import ALICE, CLIENTS, SECRET, fill, order_number

HERE = Path(__file__).parent
REFERENCE = "-r:System.Runtime.Serialization"


def compile_program(program: Path, *sources: Path) -> Path:
    compiler = shutil.which("mcs")
    if compiler is None or shutil.which("mono") is None:
        pytest.skip("Mono is missing; `make test-dotnet` says what to install")
    command = [compiler, "-warnaserror", f"-out:{program}", REFERENCE, *map(str, sources)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=120)
    return program


def run(program: Path, *arguments: str) -> str:
    command = ["mono", str(program), *arguments]
    done = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120)
    return done.stdout


def download_schemas(server: Gunicorn, folder: Path) -> Path:
    folder.mkdir()
    with urlopen(f"{server.url}/xsd/") as entry:
        names = [element.get("schemaLocation") or "" for element in etree.fromstring(entry.read())]
    for name in names:
        with urlopen(f"{server.url}/xsd/{name}") as schema:
            (folder / name).write_bytes(schema.read())
    return folder


def test_classes_that_dotnet_makes_from_the_schemas_cancel_an_order_and_read_the_number(tmp_path: Path) -> None:
    importer = compile_program(tmp_path / "ImportSchemas.exe", HERE / "ImportSchemas.cs")
    url = f"sqlite:///{tmp_path}/refunds.db"
    fill(url)
    keys = json.dumps({"keys": [{"kid": "dotnet", "scheme": "legacy", "secret": SECRET}]})
    env = {"REFUND_API_DATABASE_URL": url, "REFUND_API_KEYS": keys, "REFUND_API_HELP": "on"}
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env) as server:
        classes = tmp_path / "Contracts.cs"
        classes.write_text(run(importer, str(download_schemas(server, tmp_path / "xsd"))), encoding="utf-8")
        client = compile_program(tmp_path / "GeneratedClient.exe", classes, HERE / "GeneratedClient.cs")
        request = signed(order_number(CLIENTS[0], "far"), ALICE, reason="行程有变 <&>", at=datetime.now(UTC))
        members = [request.order_number, ALICE, request.refund_reason, request.random, request.time_stamp, request.sign]
        code, message, number = run(client, f"{server.url}/api/order/cancel", *map(str, members)).strip().split("\t")
    assert (code, message, len(number)) == ("1", "Cancelled", 36)
