"""The pages are in Chinese and English; what is no page of the section is told so in the language of the reader."""

from __future__ import annotations

import re

import pytest

from .pages import ACTION_PAGE, EXPLAIN_PAGE, TRY_PAGE, document, pages

BOTH = ("/", "/Help", ACTION_PAGE, "/Help/ResourceModel", "/Help/ResourceModel?modelName=Terminal")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-TW", "zh"),
        ("en-GB,zh;q=0.5", "en"),
        ("fr", "en"),
        ("fr,zh;q=0.1", "zh"),
        (";;=,q", "en"),
    ],
)
@pytest.mark.parametrize("path", BOTH)
def test_the_browser_chooses_the_language(path: str, accepted: str | None, language: str) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    answer = pages().get(path, headers=headers)
    assert answer.headers["Content-Language"] == language
    assert answer.headers["Vary"] == "Accept-Language"
    assert f'<html lang="{language}">' in answer.text


def test_the_switch_goes_before_the_browser_and_every_link_keeps_it() -> None:
    page = document("/Help?lang=zh", language="en")
    assert page.get("lang") == "zh"
    links = [a.get("href", "") for a in page.iter("a")]
    within = [link for link in links if re.match(r"/Help(/Api|/ResourceModel|$|\?)", link)]
    assert within and all(link.endswith("lang=zh") for link in within)
    assert "?lang=en" in links


def test_the_switch_keeps_the_type_that_is_shown() -> None:
    page = document("/Help/ResourceModel?modelName=Terminal")
    assert "?modelName=Terminal&lang=zh" in [a.get("href") for a in page.iter("a")]


@pytest.mark.parametrize("name", ["TicketRefundRequest", "ticketrefundrequest", "ApiResultOfString", "Terminal"])
def test_each_type_has_a_page_whose_name_is_read_in_any_case(name: str) -> None:
    assert str(document(f"/Help/ResourceModel?modelName={name}").findtext(".//h1")).lower() == name.lower()


def test_the_page_of_an_enum_has_its_names_and_numbers() -> None:
    cells = [cell.text_content() for cell in document("/Help/ResourceModel?modelName=Terminal").iter("td")]
    assert cells == ["WEBPAGEEnum", "1"]


@pytest.mark.parametrize(
    "path",
    [
        "/Help/ResourceModel?modelName=Nope",
        "/Help/ResourceModel?modelName=",
        "/Help/Api/POST-nope",
        "/Help/a//b",
        "/Help/",
    ],
)
@pytest.mark.parametrize(("language", "words"), [("en", "There is no such page"), ("zh", "没有此页面")])
def test_what_is_no_page_of_the_section_is_its_own_404(path: str, language: str, words: str) -> None:
    answer = pages().get(path, headers={"Accept-Language": language})
    assert (answer.status_code, answer.headers["Content-Language"]) == (404, language)
    assert words in answer.text
    assert pages().head(path).status_code == 404


@pytest.mark.parametrize("path", ["/help", "/Help2", "/HELP/x", "/api/Help"])
def test_what_is_not_of_the_section_is_the_404_of_the_framework(path: str) -> None:
    assert pages().get(path).get_json()["Message"].startswith("No HTTP resource was found")


@pytest.mark.parametrize("path", [EXPLAIN_PAGE, TRY_PAGE, "/Help/TryIt/order", "/Help/try_it.js"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_pages_of_the_demo_are_not_there_without_it(path: str, method: str) -> None:
    assert pages("on").open(path, method=method).status_code == 404
    assert pages("off").open(path, method=method).get_json()["Message"].startswith("No HTTP resource")


@pytest.mark.parametrize("path", ["/", "/Help", ACTION_PAGE, EXPLAIN_PAGE, TRY_PAGE])
def test_a_page_has_no_script_and_no_style_of_its_own(path: str) -> None:
    text = pages("demo").get(path).text
    assert not re.search(
        r"<script(?! defer src=)|<style|\sstyle=|\son\w+=|https?://(?!localhost|schemas\.|www\.w3\.org/2001)", text
    )


@pytest.mark.parametrize("path", BOTH)
def test_both_languages_say_the_same_number_of_things(path: str) -> None:
    """A text that is left out, or not translated, would show in the number of elements."""
    english, chinese = (document(path, language=language) for language in ("en", "zh"))
    assert [e.tag for e in english.iter()] == [e.tag for e in chinese.iter()]


def test_a_host_that_is_none_is_not_repeated() -> None:
    answer = pages().get(ACTION_PAGE, headers={"Host": 'x"><b>'})
    assert "<b>" not in answer.text and "&lt;b&gt;" not in answer.text
