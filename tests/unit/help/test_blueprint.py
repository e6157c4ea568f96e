"""The pages as they are served: on exactly their paths, for GET and HEAD, and only where they are switched on."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from lxml import etree

from app import create_app
from refund_api.actions import ACTIONS
from refund_api.help import xsd
from refund_api.help.blueprint import pages_about
from refund_api.settings import Settings

PATHS = [*pages_about(ACTIONS, Settings)]
NOT_THERE = "No HTTP resource was found that matches the request URI"


def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture(scope="module")
def switched_on() -> FlaskClient:
    return client(Settings(help="on"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "SEARCH"])
@pytest.mark.parametrize("path", [*PATHS, "/xsd", "/docs/"])
def test_switched_off_every_path_is_the_404_of_the_legacy_for_every_method(path: str, method: str) -> None:
    answer = client(Settings()).open(path, method=method)
    assert answer.status == "404 Not Found"
    assert answer.headers.getlist("Cache-Control") == ["no-cache"] and "ETag" not in answer.headers
    if method != "HEAD":
        assert answer.get_json() == {"Message": f"{NOT_THERE} 'http://localhost{path}'."}


def test_pages_are_off_unless_an_operator_switches_them_on() -> None:
    assert Settings().help == "off"


@pytest.mark.parametrize("mode", ["on", "demo"])
@pytest.mark.parametrize("path", PATHS)
def test_switched_on_each_page_is_there_for_get_and_head(path: str, mode: str) -> None:
    pages = client(Settings.from_environ({"REFUND_API_HELP": mode}))
    answer, head = pages.get(path), pages.head(path)
    assert answer.status == head.status == "200 OK"
    assert answer.data and not head.data
    assert head.headers["Content-Length"] == str(len(answer.data))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_another_method_is_refused_as_the_framework_refuses_it(switched_on: FlaskClient, method: str) -> None:
    answer = switched_on.open("/docs", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.get_json() == {"Message": f"The requested resource does not support http method '{method}'."}


@pytest.mark.parametrize(
    "path", ["/xsd", "/docs/", "//docs", "/Docs", "/docs/../openapi.json", "/xsd/other.xsd", "/docs/LICENSE"]
)
def test_a_path_that_is_no_page_is_the_404_of_the_legacy(switched_on: FlaskClient, path: str) -> None:
    answer = switched_on.get(path)
    assert answer.status_code == 404
    assert answer.get_json()["Message"].startswith(NOT_THERE)


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_may_keep_a_page_and_is_told_when_it_is_still_the_same(switched_on: FlaskClient, path: str) -> None:
    first = switched_on.get(path)
    again = switched_on.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", PATHS)
def test_no_page_may_load_anything_from_elsewhere_or_stand_in_a_frame(switched_on: FlaskClient, path: str) -> None:
    headers = switched_on.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert set(" ".join(policy.values()).split()) <= {"'none'", "'self'", "data:"}
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_docs_names_only_assets_that_are_there_and_has_no_script_of_its_own(switched_on: FlaskClient) -> None:
    page = switched_on.get("/docs").text
    names = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(names) == 5
    assert [switched_on.get(f"/{name}").status_code for name in names] == [200] * 5
    assert "<script>" not in page and "<style" not in page and "style=" not in page


def test_the_entry_of_the_schemas_leads_to_all_of_them(switched_on: FlaskClient) -> None:
    root = etree.fromstring(switched_on.get("/xsd/").data)
    found = {}
    for element in root:
        document = etree.fromstring(switched_on.get(f"/xsd/{element.get('schemaLocation')}").data)
        found[document.get("targetNamespace")] = element.get("namespace")
    clr = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web"
    namespaces = ["http://schemas.microsoft.com/2003/10/Serialization/", f"{clr}.Areas.webApi.Models", f"{clr}.Models"]
    assert found == {namespace: namespace for namespace in namespaces}


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("http://schemas.microsoft.com/2003/10/Serialization/", "schemas.microsoft.com.2003.10.Serialization.xsd"),
        ("http://schemas.datacontract.org/2004/07/A.B", "schemas.datacontract.org.2004.07.A.B.xsd"),
        ("urn:shop:orders", "shop.orders.xsd"),
        ("http://example.org:8080/a?b=c&d", "example.org.8080.a.xsd"),
    ],
)
def test_a_schema_has_the_file_name_that_svcutil_gives_it(namespace: str, name: str) -> None:
    assert xsd.file_name(namespace) == name
