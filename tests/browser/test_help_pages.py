"""The help pages in a real Chromium, against a real gunicorn: what a developer sees and clicks who has only the URL.

Nothing may be asked of another host, and the console must stay empty. The screenshots in docs/ are written by
`python -m tests.browser.screenshots`.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from tests.demo_service import download
from tests.fakes import signed
from tests.servers import Gunicorn
from tests.wire import FORMATS, members_of
from tests.world import ALICE

from .chromium import Chromium, Page
from .pages import ACTION, EXPLAIN, KEYS, PAGES, TRY, in_language

TEXT = "async (id) => document.getElementById(id).textContent"
SET = "async (id, value) => { document.getElementById(id).value = value; }"


def press(page: Page, key: str) -> None:
    codes = {"Tab": 9, "Enter": 13}
    for kind in ("rawKeyDown", "char", "keyUp") if key == "Enter" else ("rawKeyDown", "keyUp"):
        more = {"text": "\r"} if kind == "char" else {}
        page.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key], **more)


def try_once(page: Page, format_name: str, accept: str) -> tuple[str, str]:
    """(status, raw answer) after one click, with the order that the page has filled in."""
    page.wait_until("document.getElementById('order_number').value !== ''")
    page.run(SET, "format", format_name)
    page.run(SET, "accept", accept)
    page.run(
        "async () => { document.getElementById('sent').hidden = true; document.querySelector('#try button').click(); }"
    )
    page.wait_until("!document.getElementById('sent').hidden")
    return page.run(TEXT, "status"), page.run(TEXT, "answer")


@pytest.mark.parametrize(
    ("format_name", "accept"), [*itertools.product(["json", "xml", "form"], ["application/json", "application/xml"])]
)
def test_one_click_cancels_a_demo_order_in_every_format(
    browser: Chromium, server: Gunicorn, format_name: str, accept: str
) -> None:
    page = browser.open(server.url + TRY)
    status, answer = try_once(page, format_name, accept)
    assert status == "HTTP 200 OK"
    assert f"content-type: {accept}; charset=utf-8\n" in answer and "\ndate: " in answer
    assert re.search(r'"code":1,|<code>1</code>', answer), answer
    assert page.run(TEXT, "request").startswith("POST /api/order/cancel\nContent-Type: application/")
    assert "x-data-contract-ignored" not in answer, "every member was read"


def test_the_same_order_again_has_the_same_number_and_another_order_can_be_asked_for(
    browser: Chromium, server: Gunicorn
) -> None:
    page = browser.open(server.url + TRY)
    first, again = try_once(page, "json", "application/json"), try_once(page, "xml", "application/json")
    assert first[1].splitlines()[-1] == again[1].splitlines()[-1]
    before = page.run("async () => document.getElementById('order_number').value")
    page.run("async () => document.getElementById('another').click()")
    page.wait_until(f"document.getElementById('order_number').value !== '{before}'")


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_pasted_request_is_explained_in_every_format(
    browser: Chromium, server: Gunicorn, form: Any, language: str
) -> None:
    page = browser.open(f"{server.url}{EXPLAIN}?lang={language}")
    body = form.write(members_of(signed("<b>bold</b>", ALICE, secret=KEYS[0]["secret"].encode()), colour="red"))
    page.run(SET, "content-type", form.content_type.partition(";")[0])
    page.run(SET, "body", body.decode())
    page.run("async () => document.querySelector('#explain button').click()")
    page.wait_until("!document.getElementById('result').hidden")
    assert "order_number<b>bold</b>" in page.run(TEXT, "members"), "as text, whatever is pasted"
    if form.name != "xml":  # which was written without the member that is unknown
        assert page.run(TEXT, "skipped") == {"en": "colour: unknown", "zh": "colour：未知成员"}[language]
    too_old = {"en": "time_stamp is too far from the clock of the service", "zh": "time_stamp 与服务时钟相差过大"}
    outcome = page.run(TEXT, "outcome")
    assert outcome.startswith("1002: ") and outcome.endswith(too_old[language])
    assert "random=12345&timestamp=20261123081022&terminal=1" in page.run(TEXT, "signing")


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_paste_chooses_its_format(browser: Chromium, server: Gunicorn, form: Any) -> None:
    page = browser.open(server.url + EXPLAIN)
    page.run(
        """async (text) => {
            const body = document.getElementById("body");
            body.value = text;
            body.dispatchEvent(new InputEvent("input", { inputType: "insertFromPaste" }));
        }""",
        form.write(members_of(signed())).decode(),
    )
    chosen = page.run("async () => document.getElementById('content-type').value")
    assert chosen == form.content_type.partition(";")[0]


def test_what_is_refused_is_shown_as_it_came(browser: Chromium, server: Gunicorn) -> None:
    page = browser.open(server.url + EXPLAIN)
    page.run(SET, "body", " " * 65537)
    page.run("async () => document.querySelector('#explain button').click()")
    page.wait_until("!document.getElementById('refused').hidden")
    assert "HTTP 413\n" in page.run(TEXT, "refused")


def test_a_keyboard_alone_is_enough(browser: Chromium, server: Gunicorn) -> None:
    page = browser.open(server.url + TRY)
    page.wait_until("document.getElementById('order_number').value !== ''")
    press(page, "Tab")
    assert page.run("async () => document.activeElement.className") == "skip", "first of all past the navigation"
    reached = []
    for _ in range(20):
        press(page, "Tab")
        reached.append(page.run("async () => document.activeElement.id || document.activeElement.type"))
        if reached[-1] == "submit":
            break
    fields = ["order_number", "refund_passanger_ids", "refund_reason", "format", "accept", "submit"]
    assert reached[-6:] == fields
    press(page, "Enter")
    page.wait_until("!document.getElementById('sent').hidden")
    assert page.run(TEXT, "status") == "HTTP 200 OK"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_its_width_asks_nobody_else_and_breaks_no_policy(
    browser: Chromium, server: Gunicorn, path: str, language: str, width: int
) -> None:
    page = browser.open("about:blank")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.send("Emulation.setDeviceMetricsOverride", **size)
    for domain in ("Log", "Runtime"):
        page.send(f"{domain}.enable")
    page.go(server.url + in_language(path, language))
    page.run("async () => new Promise(done => setTimeout(done, 100))")
    told = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert [event for event in told if page.seen(event)] == []
    assert page.run("async () => document.documentElement.scrollWidth - innerWidth") <= 0
    asked = page.run("async () => performance.getEntriesByType('resource').map(entry => entry.name)")
    assert asked and all(url.startswith(server.url + "/Help/") for url in asked)


def test_the_pages_print_without_their_navigation(browser: Chromium, server: Gunicorn) -> None:
    page = browser.open(server.url + ACTION)
    page.send("Emulation.setEmulatedMedia", media="print")
    assert page.run("async () => getComputedStyle(document.querySelector('header')).display") == "none"
    assert page.run("async () => getComputedStyle(document.querySelector('pre')).whiteSpace") == "pre-wrap"


def test_the_key_of_the_demo_is_on_the_page_that_signs_and_on_no_other(server: Gunicorn) -> None:
    secrets = [key["secret"].replace("'", "&#39;").encode() for key in KEYS]
    holding = [path for path in PAGES if any(secret in download(server, path) for secret in secrets)]
    assert holding == [TRY]
