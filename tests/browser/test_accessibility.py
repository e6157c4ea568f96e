"""axe-core finds no fault in any help page: in both languages, light and dark, on a phone and on a screen.

axe-core comes from npm, in the version of package-lock.json; `make test-browser` installs it.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Gunicorn

from .chromium import Chromium, Page
from .pages import EXPLAIN, PAGES, TRY, in_language

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run()).violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`)"""
SHOWN = {
    TRY: ("document.querySelector('#try button').click()", "!document.getElementById('sent').hidden"),
    EXPLAIN: ("document.querySelector('#explain button').click()", "!document.getElementById('result').hidden"),
}
"""Page -> what shows the parts of it that are hidden at first, and when they are there."""
LOOKS = [*itertools.product(["light", "dark"], [360, 1280])]


def open_with_axe(browser: Chromium, url: str) -> Page:
    if not AXE.exists():
        pytest.skip(f"{AXE} is missing; `make test-browser` installs it")
    page = browser.open(url)
    page.run(f"async () => {{ {AXE.read_text(encoding='utf-8')}\n }}")
    return page


def faults(page: Page, scheme: str, width: int) -> list[Any]:
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    found: list[Any] = page.run(RUN)
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", [*PAGES, "/Help/Api/nothing"])
def test_a_page_has_no_fault_that_axe_finds(browser: Chromium, server: Gunicorn, path: str, language: str) -> None:
    page = open_with_axe(browser, server.url + in_language(path, language))
    assert [(look, fault) for look in LOOKS for fault in faults(page, *look)] == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", SHOWN)
def test_what_a_page_shows_after_a_click_has_no_fault_either(
    browser: Chromium, server: Gunicorn, path: str, language: str
) -> None:
    page = open_with_axe(browser, server.url + in_language(path, language))
    if path == TRY:
        page.wait_until("document.getElementById('order_number').value !== ''")
    act, done = SHOWN[path]
    page.run(f"async () => {{ {act}; }}")
    page.wait_until(done)
    assert [(look, fault) for look in LOOKS for fault in faults(page, *look)] == []


def test_a_planted_fault_is_found(browser: Chromium, server: Gunicorn) -> None:
    page = open_with_axe(browser, server.url + TRY)
    page.run(
        """async () => {
            document.querySelector("label[for=order_number]").remove();
            document.querySelector("h1").style.color = "#888";
            document.querySelector("h1").style.background = "#999";
        }"""
    )
    assert [fault.partition(":")[0] for fault in faults(page, "light", 1280)] == ["color-contrast", "label"]
