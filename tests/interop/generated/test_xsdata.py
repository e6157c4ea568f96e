"""xsdata makes classes from /xsd/ of a live service; a request of them is taken, and they read the answer."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from urllib.request import Request, urlopen

import pytest
from lxml import etree
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.serializers import XmlSerializer

from tests.world import ALICE, ORDER
from xml_contracts.refund import Terminal, TicketRefundRequest

from .conftest import Service


@pytest.fixture(scope="module")
def classes(service: Service, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("xsd")
    entry = read(f"{service.url}/xsd/")
    (folder / "entry.xsd").write_bytes(entry)
    for element in etree.fromstring(entry):
        name = element.get("schemaLocation") or ""
        (folder / name).write_bytes(read(f"{service.url}/xsd/{name}"))
    generate(folder)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("generated")
    finally:
        sys.path.remove(str(folder))


def read(url: str | Request) -> bytes:
    with urlopen(url) as answer:
        content: bytes = answer.read()
    return content


def generate(folder: Path) -> None:
    options = ["--package", "generated", "--structure-style", "single-package"]
    command = [sys.executable, "-m", "xsdata", "generate", "entry.xsd", *options]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it formats them with ruff
    environment = {**os.environ, "PATH": path}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdin=subprocess.DEVNULL, timeout=120)


def test_classes_made_from_the_schemas_ask_and_read_the_answer(classes: ModuleType, service: Service) -> None:
    signed = service.signed(
        TicketRefundRequest(
            terminal=Terminal.WEBPAGEEnum,
            random=12345,
            order_number=ORDER,
            refund_passanger_ids=ALICE,
            refund_reason="行程有变",
        )
    )
    request = classes.TicketRefundRequest(
        random=signed.random,
        sign=signed.sign,
        terminal=classes.Terminal1("WEBPAGEEnum"),  # Terminal is the element of that name
        time_stamp=signed.time_stamp,
        order_number=signed.order_number,
        refund_passanger_ids=signed.refund_passanger_ids,
        refund_reason=signed.refund_reason,
    )
    body = XmlSerializer().render(request).encode()
    answer = read_answer(f"{service.url}/api/order/cancel", body)
    result = XmlParser().from_bytes(answer, classes.ApiResultOfstring)
    assert (result.code, result.message, result.data) == (2001, "Order not found", None)


def read_answer(url: str, body: bytes) -> bytes:
    return read(Request(url, body, {"Content-Type": "application/xml", "Accept": "application/xml"}))
