"""Try it: the page has what its script needs, and the script writes and signs as the service reads and verifies."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from refund_api.actions import CANCEL
from refund_api.help.try_it import order_page
from refund_api.http.formatters import formatters_for
from refund_api.ports import LedgerUnavailable
from refund_api.settings import Settings
from tests.vectors.test_signature import VECTORS, secret_of
from xml_contracts.refund import ApiResult, TicketRefundRequest

from .pages import LEGACY_SECRET, TRY_PAGE, V2_SECRET, document, pages, rows_of, text_of

SCRIPT = Path(__file__).parents[3] / "refund_api" / "help" / "static" / "signing.js"
CASES = {name: vector for name, vector in VECTORS.items() if vector["scheme"] == "v2" and "kid" in vector["expect"]}


def facts() -> dict[str, Any]:
    form = document(TRY_PAGE, "demo").get_element_by_id("try")
    given: dict[str, Any] = json.loads(form.get("data-facts") or "")
    return given


def test_the_page_has_the_demo_key_of_v2() -> None:
    assert facts()["key"] == {"kid": "demo-v2", "secret": V2_SECRET}


def test_the_page_tells_the_keys_of_the_demo_and_where_an_order_is_for_a_program_of_ones_own() -> None:
    page = document(TRY_PAGE, "demo")
    assert rows_of(page.get_element_by_id("keys")) == [
        ["legacy", "demo", LEGACY_SECRET],
        ["v2", "demo-v2", V2_SECRET],
    ]
    assert text_of(page, "order") == "curl -sS http://localhost/Help/TryIt/order"


def test_without_a_demo_key_the_page_says_so_and_sends_nothing() -> None:
    ring = json.dumps({"keys": [{"kid": "shop", "scheme": "v2", "secret": V2_SECRET}]})
    page = create_app(Settings(help="demo", keys=ring)).test_client().get(TRY_PAGE).text
    assert "There is no demo key" in page and '<button type="submit" disabled>' in page
    assert V2_SECRET not in page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Name of the vector -> what the script of the page makes of its members."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing; on Debian: apt install nodejs")
    cases = {
        name: {"facts": facts() | {"key": {"kid": v["kid"], "secret": secret_of(v).decode()}}, "members": v["members"]}
        for name, v in CASES.items()
    }
    program = tmp_path_factory.mktemp("node") / "program.js"
    program.write_text(
        SCRIPT.read_text(encoding="utf-8")
        + """
(async () => {
  const made = {};
  for (const [name, { facts, members }] of Object.entries(JSON.parse(require("fs").readFileSync(0, "utf8")))) {
    const text = canonicalText(facts, members);
    const signed = { ...members, sign: await signV2(facts, text) };
    const bodies = Object.entries(FORMATS).map(([format, { write }]) => [format, write(facts, signed)]);
    made[name] = { text, sign: signed.sign, bodies: Object.fromEntries(bodies) };
  }
  console.log(JSON.stringify(made));
})();
""",
        encoding="utf-8",
    )
    done = subprocess.run([node, str(program)], input=json.dumps(cases), capture_output=True, text=True, check=True)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@pytest.mark.parametrize("name", CASES)
def test_the_script_signs_as_the_vectors_do(written: dict[str, Any], name: str) -> None:
    assert written[name]["sign"] == CASES[name]["right_sign"]
    assert written[name]["text"] == CASES[name]["canonical"]


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        (name, format_name)
        for name in CASES
        for format_name in ("json", "xml", "form")
        if (name, format_name) != ("v2-reason-other-line-ends", "xml")  # it has what XML 1.0 cannot carry
    ],
)
def test_the_script_writes_what_the_service_reads(written: dict[str, Any], name: str, format_name: str) -> None:
    (reader,) = (f for f in formatters_for(TicketRefundRequest, ApiResult) if f.name == format_name)
    reading = reader.read(written[name]["bodies"][format_name].encode(), "utf-8")
    expected = {**CASES[name]["members"], "sign": written[name]["sign"]}
    if format_name == "form" and expected["refund_reason"] is not None and not expected["refund_reason"].strip():
        expected["refund_reason"] = None  # a form cannot send it; the page says so
    assert reading.value is not None and not reading.errors and not reading.ignored
    assert {n: getattr(reading.value, n) for n in expected} == expected


def test_the_demo_order_is_given_as_members_of_a_request() -> None:
    content = order_page(lambda: ("DEMO1", ["a", "b"]))
    assert json.loads(content(None).body) == {"order_number": "DEMO1", "refund_passanger_ids": "a,b"}  # type: ignore[arg-type]


def test_there_is_no_order_while_the_database_is_away_and_the_page_stays_up() -> None:
    def away() -> None:
        raise LedgerUnavailable("away")

    assert order_page(away)(None).body == b"{}"  # type: ignore[arg-type]
    client = pages("demo")
    assert client.get("/Help/TryIt/order").get_json() == {}
    assert client.get(TRY_PAGE).status_code == 200
    assert client.post(CANCEL.path).status_code == 200, "code 1001 needs no database either"
