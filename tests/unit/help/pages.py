"""The help pages as tests read them: asked of an application that cannot reach any database."""

from __future__ import annotations

import json
from tempfile import gettempdir

from flask.testing import FlaskClient
from lxml import html
from lxml.html import HtmlElement

from app import create_app
from refund_api.settings import Settings

ACTION_PAGE = "/Help/Api/POST-api-order-cancel"
EXPLAIN_PAGE = "/Help/Explain/POST-api-order-cancel"
TRY_PAGE = "/Help/TryIt/POST-api-order-cancel"
LEGACY_SECRET, V2_SECRET = "a legacy secret that is the demo's", "a secret of v2 that belongs to the demo"
REAL_SECRET = "a secret that no page may show or use, ever"
RING = {
    "keys": [
        {"kid": "shop", "scheme": "v2", "secret": REAL_SECRET},
        {"kid": "demo", "scheme": "legacy", "secret": LEGACY_SECRET},
        {"kid": "demo-v2", "scheme": "v2", "secret": V2_SECRET},
    ]
}


def pages(mode: str = "on") -> FlaskClient:
    """The service, with its database away."""
    away = f"sqlite:///{gettempdir()}/there is no such ledger.db"
    environ = {"REFUND_API_HELP": mode, "REFUND_API_DATABASE_URL": away, "REFUND_API_KEYS": json.dumps(RING)}
    return create_app(Settings.from_environ(environ)).test_client()


def document(path: str, mode: str = "on", language: str = "en") -> HtmlElement:
    """The page, parsed."""
    answer = pages(mode).get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, path
    return html.document_fromstring(answer.text)


def text_of(page: HtmlElement, id_: str) -> str:
    """The text of the element with this id, as a reader would copy it."""
    return page.get_element_by_id(id_).text_content()


def rows_of(table: HtmlElement) -> list[list[str]]:
    """The cells of the body of a table, with runs of white space as one blank."""
    return [[" ".join(cell.text_content().split()) for cell in row] for row in table.xpath("./tbody/tr")]
