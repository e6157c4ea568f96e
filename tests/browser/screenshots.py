"""Writes the screenshots of docs/images anew: `python -m tests.browser.screenshots`. Needs a font with Chinese characters.

Chromium is driven as in the tests, against a real gunicorn with orders of a demo.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Final

from tests.demo_service import demo_service
from tests.servers import ROOT, Gunicorn

from .chromium import Chromium, Page, chromium
from .pages import ACTION, EXPLAIN, TRY

FOLDER: Final = ROOT / "docs" / "images"
KEYS: Final = [
    {"kid": "demo", "scheme": "legacy", "secret": "0c5a7e1f" * 8},
    {"kid": "demo-v2", "scheme": "v2", "secret": "9b3d2e4f" * 8},
]
_LATE: Final = """<TicketRefundRequest xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models">
  <order_number>DEMO20261127000000000</order_number>
  <random xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models">12345</random>
</TicketRefundRequest>"""


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_service(Path(folder), KEYS, mode="demo", more_orders=["DEMO20261127000000000"]) as server,
        chromium(Path(folder)) as browser,
    ):
        _shoot(_opened(browser, server, f"{ACTION}?lang=en", 900), "help-action.png", 900, 1000)
        _shoot(_opened(browser, server, f"{ACTION}?lang=zh", 390), "help-phone.png", 390, 800)
        page = _opened(browser, server, f"{TRY}?lang=en", 900)
        page.wait_until("document.getElementById('order_number').value")
        page.run("async () => document.querySelector('#try button').click()")
        page.wait_until("!document.getElementById('sent').hidden")
        _shoot(page, "help-try.png", 900, 900)
        page = _opened(browser, server, f"{EXPLAIN}?lang=zh", 900, dark=True)
        page.run("async text => { document.getElementById('body').value = text; }", _LATE)
        page.run("async () => { document.getElementById('content-type').value = 'application/xml'; }")
        page.run("async () => document.querySelector('#explain button').click()")
        page.wait_until("!document.getElementById('result').hidden")
        _shoot(page, "help-explain.png", 900, 1100)


def _opened(browser: Chromium, server: Gunicorn, path: str, width: int, *, dark: bool = False) -> Page:
    page = browser.open("about:blank")
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.send("Emulation.setEmulatedMedia", features=[scheme])
    page.go(server.url + path)
    return page


def _shoot(page: Page, name: str, width: int, height: int) -> None:
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = page.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    (FOLDER / name).write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main()
