"""The page of the action has every fact of the page of the old site: rows, types, samples, media types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml.html import HtmlElement

from .pages import ACTION_PAGE, document, rows_of, text_of

OLD_PAGE = (Path(__file__).parents[2] / "vectors" / "help" / "POST-api-order-cancel.txt").read_text(encoding="utf-8")
REQUEST, RESPONSE = OLD_PAGE.split("Response Information")


@pytest.fixture(scope="module", params=["en", "zh"])
def page(request: pytest.FixtureRequest) -> HtmlElement:
    return document(ACTION_PAGE, language=request.param)


def old_rows(text: str) -> Iterator[list[str]]:
    """The cells of the table, each row of which stands on several lines or on one."""
    table = text.partition("---|---|---|\n")[2].partition(" Formats")[0].rpartition("\n")[0]
    for row in table.replace("|\n|\n", "| |\n").split("None. |"):
        cells = [cell.strip() for cell in row.replace("\n", " ").split("|")]
        if len(cells) > 1:
            yield [cell for cell in cells if cell]


def old_samples(text: str) -> dict[str, str]:
    """Media types -> sample."""
    formats = text.partition(" Formats\n")[2]
    return dict(re.findall(r"^(\S+/\S.*)\nSample:\n(.*)$", formats, re.MULTILINE))


def table_of(page: HtmlElement, name: str) -> HtmlElement:
    (table,) = (table for table in page.iter("table") if table.findtext("caption") == name)
    return table


def samples_of(page: HtmlElement, kind: str) -> dict[str, str]:
    return {
        pre.getparent().findtext("h4"): " ".join(pre.text_content().split())
        for pre in page.xpath("//pre")
        if pre.get("id", "").startswith(f"{kind}-")
    }


def test_the_heading_and_the_summary_are_those_of_the_old_page(page: HtmlElement) -> None:
    heading, summary = OLD_PAGE.splitlines()[:2]
    assert page.findtext(".//h1") == heading
    assert summary in page.xpath("//main//p[1]")[0].text_content()


def test_the_members_of_the_request_have_the_names_descriptions_and_types_of_the_old_page(page: HtmlElement) -> None:
    old = [*old_rows(REQUEST)]
    assert len(old) == 7
    rows = rows_of(table_of(page, "TicketRefundRequest"))
    assert [[name, about.split()[0], type_] for name, about, type_, _ in rows] == old


def test_the_members_of_the_answer_have_the_names_and_types_of_the_old_page(page: HtmlElement) -> None:
    old = [*old_rows(RESPONSE)]
    assert old == [["code", "integer"], ["message", "string"], ["data", "string"]]
    assert [[name, type_] for name, _, type_, _ in rows_of(table_of(page, "ApiResultOfString"))] == old


def test_the_models_have_the_names_of_the_old_page() -> None:
    for text, name in ((REQUEST, "TicketRefundRequest"), (RESPONSE, "ApiResultOfString")):
        assert f"\n{name}Name | Description | Type | Additional information |\n" in text


def test_there_are_no_parameters_in_the_uri(page: HtmlElement) -> None:
    assert "URI Parameters\nNone.\n" in OLD_PAGE
    (heading,) = (h3 for h3 in page.iter("h3") if "URI" in h3.text_content())
    following = heading.getnext()
    assert following is not None and following.text in ("None.", "无。")


def test_the_samples_of_requests_are_those_of_the_old_page_and_the_form_has_one_now(page: HtmlElement) -> None:
    old, new = old_samples(REQUEST), samples_of(page, "request")
    assert [*new] == [*old] and len(old) == 3, "the same media types in the same order"
    form = "application/x-www-form-urlencoded"
    assert old.pop(form) == "Sample not available."
    assert new.pop(form).startswith("order_number=sample+string+1&")
    assert new == old


def test_the_samples_of_answers_are_those_of_the_old_page(page: HtmlElement) -> None:
    assert samples_of(page, "response") == old_samples(RESPONSE)


def test_the_order_of_the_members_in_xml_is_that_of_the_old_sample(page: HtmlElement) -> None:
    sample = old_samples(REQUEST)["application/xml, text/xml"]
    listed = [item.split()[0] for item in text_of(page, "xml-order").strip().splitlines()]
    assert listed == re.findall(r"<(\w+)[^>]*>[^<>]+</", sample) and len(listed) == 7


def told_again(page: HtmlElement) -> Iterator[str]:
    """The old page, written from what this one has of it, up to the sections that are new."""
    for element in page.xpath("//main//*[following::h2[@id='codes']]"):
        text = element.text_content().strip()
        if element.tag in ("h1", "h2", "h3", "h4") or (text in ("None.", "Sample:") and element.tag == "p"):
            yield text
        elif element.tag == "span" and element.get("lang") == "zh" and element.getparent().tag == "p":
            yield text  # the summary
        elif element.tag == "table":
            heads = " | ".join(th.text_content() for th in element.iter("th"))
            yield f"{element.findtext('caption')}{heads} | ---|---|---|---|"
            for name, about, type_, _ in element.xpath("./tbody/tr"):
                chinese = "".join(span.text_content() for span in about.xpath("./span[@lang='zh']"))
                yield f"{name.text_content()} | {chinese} | {type_.text_content()} | None. |"
        elif element.tag == "pre":
            yield "Sample not available." if element.get("id") == "request-form" else text


def test_nothing_of_the_old_page_is_left_out_or_changed_and_all_of_it_stands_in_its_order() -> None:
    """But for two things that this page tells and the old one did not: the form, and what a member must be like."""
    told = "\n".join(told_again(document(ACTION_PAGE, language="en")))
    assert told.replace("|", " ").split() == OLD_PAGE.replace("|", " ").split()
