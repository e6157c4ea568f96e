"""The command `sign`: what it prints is read as a shell and a formatter would."""

from __future__ import annotations

import hashlib
import hmac
import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from refund_api.cli.curl import FORMATS, curl
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.legacy import sign_legacy
from refund_api.signing.schemes import SCHEMES
from refund_api.signing.verifier import Verifier
from tests.world import ALICE, BOB, ORDER
from xml_contracts.refund import Terminal, TicketRefundRequest
from xml_contracts.serializer import DataContractSerializer

from .running import SECRET, Commands, key_ring, order_line

ANY_SCHEME = " or ".join(sorted(SCHEMES))

EXAMPLE = ("--random", "12345", "--time-stamp", "20260101000000", "--terminal", "1")
EXAMPLE_SIGN = "85c35ca7d83b08c5c773b7303e9a2839f0ad1327197a76a2536f5f2202797bb3"


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    commands = Commands(tmp_path, keys=key_ring())
    commands.succeed("db", "upgrade")
    commands.succeed("orders", "import", "-", stdin=order_line())
    return commands


def body_of(line: str) -> str:
    words = shlex.split(line)
    return words[words.index("--data-raw") + 1]


def read_json(line: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(body_of(line))
    return found


def read_xml(line: str) -> TicketRefundRequest:
    request = DataContractSerializer(TicketRefundRequest).read(body_of(line).encode())
    assert request is not None
    return request


def read_form(line: str) -> dict[str, str]:
    return dict(parse_qsl(body_of(line)))


ORDER_NUMBER: dict[str, Callable[[str], object]] = {
    "json": lambda line: read_json(line)["order_number"],
    "xml": lambda line: read_xml(line).order_number,
    "form": lambda line: read_form(line)["order_number"],
}


def test_the_example_of_the_real_clients_is_reproduced(commands: Commands) -> None:
    secret_file = commands.folder / "secret"
    secret_file.write_text("test-key-0001\n")
    output = commands.succeed(
        "sign", "CTT404", "--secret-file", str(secret_file), "--passenger", ALICE, "--format", "all", *EXAMPLE
    )
    json_line, xml_line, form_line = output.splitlines()
    assert read_json(json_line)["sign"] == EXAMPLE_SIGN
    assert read_xml(xml_line) == TicketRefundRequest(
        terminal=Terminal.WEBPAGEEnum,
        time_stamp="20260101000000",
        random=12345,
        sign=EXAMPLE_SIGN,
        order_number="CTT404",
        refund_passanger_ids=ALICE,
        refund_reason="Plans changed",
    )
    assert read_form(form_line)["sign"] == EXAMPLE_SIGN


def test_a_fresh_request_is_signed_for_all_passengers_with_the_first_key(commands: Commands) -> None:
    members = read_json(commands.succeed("sign", ORDER))
    assert members["order_number"] == ORDER
    assert members["refund_passanger_ids"] == f"{ALICE},{BOB}"
    number, time_stamp = members["random"], members["time_stamp"]
    assert isinstance(number, int)
    assert 10_000 <= number < 20_000
    assert members["sign"] == sign_legacy(SECRET.encode(), random=number, time_stamp=str(time_stamp), terminal=1)


V2_SECRET = "a v2 secret of the demo that no output may show"


def ring_of(*entries: tuple[str, str]) -> str:
    """Keys as (kid, scheme)."""
    secrets = {"legacy": SECRET, "v2": V2_SECRET}
    return json.dumps({"keys": [{"kid": kid, "scheme": scheme, "secret": secrets[scheme]} for kid, scheme in entries]})


@pytest.mark.parametrize(
    ("entries", "arguments", "kid"),
    [
        ([("new", "v2"), ("old", "legacy")], (), "new"),
        ([("old", "legacy"), ("new", "v2")], (), None),
        ([("old", "legacy"), ("new", "v2")], ("--scheme", "v2"), "new"),
        ([("old", "legacy"), ("new", "v2"), ("newer", "v2")], ("--kid", "newer"), "newer"),
        ([("new", "v2"), ("old", "legacy")], ("--scheme", "legacy"), None),
    ],
)
def test_the_first_key_of_the_ring_that_fits_signs_in_its_scheme(
    commands: Commands, entries: list[tuple[str, str]], arguments: tuple[str, ...], kid: str | None
) -> None:
    commands.keys = ring_of(*entries)
    output = commands.succeed("sign", ORDER, "--format", "xml", *arguments)
    assert V2_SECRET not in output
    key = Key(kid or "old", "v2" if kid else "legacy", (V2_SECRET if kid else SECRET).encode())
    verifier = Verifier(KeyRing((key,)), timedelta(seconds=60), "/api/order/cancel")
    verified = verifier.verify(read_xml(output), datetime.now(UTC))
    assert (verified.kid, verified.scheme) == (key.kid, key.scheme)


def test_a_scheme_that_is_switched_off_is_taken_from_the_ring_only_when_it_is_named(commands: Commands) -> None:
    commands.keys, commands.legacy_sign = ring_of(("old", "legacy"), ("new", "v2")), False
    assert str(read_json(commands.succeed("sign", ORDER))["sign"]).startswith("v2.new.")
    assert "." not in str(read_json(commands.succeed("sign", ORDER, "--scheme", "legacy"))["sign"])


def test_a_v2_sign_with_a_secret_file_covers_the_order_and_needs_a_kid(commands: Commands) -> None:
    secret_file = commands.folder / "secret"
    secret_file.write_text("test-key-0001\n")
    v2 = ("--secret-file", str(secret_file), "--scheme", "v2", "--passenger", ALICE, *EXAMPLE)
    output = commands.succeed("sign", "CTT404", "--format", "all", "--kid", "web-2026a", *v2)
    json_line, xml_line, form_line = output.splitlines()
    canonical = (
        "OC-HMAC-SHA256-V2\nPOST\n/api/order/cancel\nweb-2026a\norder_number=6:CTT404\nrandom=5:12345\n"
        f"refund_passanger_ids=36:{ALICE}\nrefund_reason=13:Plans changed\nterminal=1:1\ntime_stamp=14:20260101000000\n"
    )
    mac = hmac.new(b"test-key-0001", canonical.encode(), hashlib.sha256).hexdigest()
    signs = [read_json(json_line)["sign"], read_xml(xml_line).sign, read_form(form_line)["sign"]]
    assert signs == [f"v2.web-2026a.{mac}"] * 3
    for wrong in ((), ("--kid", "Web"), ("--kid", "k" * 33)):
        assert "A v2 sign names its key" in commands.fail("sign", "CTT404", *wrong, *v2)


def test_a_kid_that_the_ring_does_not_have_is_named(commands: Commands) -> None:
    assert f"no active {ANY_SCHEME} key gone for this terminal" in commands.fail("sign", ORDER, "--kid", "gone")


def test_passengers_refunded_before_are_left_out(commands: Commands) -> None:
    commands.refund()
    assert read_json(commands.succeed("sign", ORDER))["refund_passanger_ids"] == BOB


def test_passengers_named_are_taken_as_given(commands: Commands) -> None:
    output = commands.succeed("sign", "CTT404", "--passenger", ALICE.upper(), "--passenger", BOB)
    assert read_json(output)["refund_passanger_ids"] == f"{ALICE.upper()},{BOB}"


def test_the_url_gets_the_path_of_the_action(commands: Commands) -> None:
    output = commands.succeed("sign", ORDER, "--url", "https://tickets.example/")
    assert shlex.split(output)[-1] == "https://tickets.example/api/order/cancel"


def test_an_unknown_order_can_be_signed_only_with_passengers_named(commands: Commands) -> None:
    assert "There is no order CTT404 here. To sign it all the same: --passenger ID" in commands.fail("sign", "CTT404")


def test_an_order_with_nobody_left_says_how_to_ask_again(commands: Commands) -> None:
    line = json.dumps(json.loads(order_line("CTT2")) | {"passengers": []})
    commands.succeed("orders", "import", "-", stdin=line)
    assert "CTT2 has no passenger left to cancel. To ask again" in commands.fail("sign", "CTT2")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (None, "There is no key: set REFUND_API_KEYS_FILE"),
        ("{", "The key ring cannot be read: "),
        (key_ring(not_after="2020-01-01T00:00:00Z"), f"no active {ANY_SCHEME} key for this terminal"),
    ],
)
def test_without_a_usable_key_the_way_out_is_told(commands: Commands, keys: str | None, words: str) -> None:
    commands.keys = keys
    assert words in commands.fail("sign", ORDER)


def test_an_empty_secret_file_is_refused(commands: Commands) -> None:
    (commands.folder / "secret").write_text("\n")
    assert "is empty" in commands.fail("sign", ORDER, "--secret-file", str(commands.folder / "secret"))


@pytest.mark.parametrize("value", ["", "2026", "20260230000000", "20260101-00000", "２０２６0101000000"])
def test_a_time_stamp_must_be_fourteen_digits_of_a_real_time(commands: Commands, value: str) -> None:
    assert commands.run("sign", ORDER, "--time-stamp", value).exit_code == 2


@pytest.mark.parametrize("name", FORMATS)
def test_a_command_is_one_line_of_ascii_that_a_shell_reads_back(name: str) -> None:
    text = 'it\'s "quoted" $(no) `no` \\ & <b> é改\r\n!'
    line = curl(name, TicketRefundRequest(Terminal.WEBPAGEEnum, "20260101000000", 1, "s", text), "http://h")
    assert line.isascii()
    assert "\n" not in line
    assert "\r" not in line
    assert str(ORDER_NUMBER[name](line)).replace("\r\n", "\n") == text.replace("\r\n", "\n")
