"""Whatever names clients send: the memory of a thread stays small, and good documents are read as ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, NoReturn, TypeVar
from xml.parsers import expat

import pytest
from lxml import etree

from xml_contracts import DocumentError, ParserOutOfMemory, parsing, prolog
from xml_contracts.parsing import MOST_IN_NEW, MOST_READ, parse

from .documents import FULL, FULL_CONTENT, document, read

T = TypeVar("T")

GOOD = document(FULL_CONTENT)
NAMELESS_URI = document('<a xmlns="%no-uri"/>')
_NUMBERS = count()


def in_a_thread(work: Callable[[], T]) -> T:
    """In a new one, whose dictionary is its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def of_names(number: int, size: int = 7) -> str:
    """A document with so many names that nobody has sent before."""
    return "<r>" + "".join(f"<a{next(_NUMBERS):0{size}x}/>" for _ in range(number)) + "</r>"


def names_kept() -> int:
    size: int = etree.memory_debugger.dict_size()  # type: ignore[attr-defined]
    return size


def test_lxml_still_keeps_the_names_of_a_thread_where_we_drop_them() -> None:
    """When this fails, lxml has changed: look at docs/adr/0010 before anything else."""

    def work() -> tuple[int, int, bool]:
        parse(of_names(3000))
        before = names_kept()
        parsing._LOCAL.means.renew()
        return before, names_kept(), parsing._LOCAL.means.parse is parsing._parse_elsewhere

    before, after, elsewhere = in_a_thread(work)
    assert before > 3000
    assert after <= MOST_IN_NEW
    assert not elsewhere


def test_the_names_of_a_thread_are_bounded_however_many_it_has_seen() -> None:
    def work() -> list[int]:
        sizes = []
        for _ in range(100):
            parse(of_names(1000))
            sizes.append(names_kept())
        return sizes

    sizes = in_a_thread(work)
    assert max(sizes) < 10_000, "100,000 names were seen"
    assert min(sizes[1:]) < sizes[0] * 1.1, "the dictionary began anew"


def test_names_that_all_clients_use_cost_no_renewal() -> None:
    def work() -> tuple[object, object]:
        read(GOOD)
        first = parsing._LOCAL.means.parser
        for _ in range(5 * MOST_READ // len(GOOD)):
            read(GOOD)
        return first, parsing._LOCAL.means.parser

    first, last = in_a_thread(work)
    assert first is last


def test_one_long_name_after_the_other_is_bounded_by_its_bytes() -> None:
    """A name in 48 KB: no number of names would tell."""

    def work() -> set[object]:
        return {parse(of_names(1, 40_000)) is None or parsing._LOCAL.means.parser for _ in range(10)}

    assert len(in_a_thread(work)) >= 4


def test_names_of_documents_that_are_refused_count_too() -> None:
    def work() -> int:
        for _ in range(100):
            with pytest.raises(DocumentError):
                parse(of_names(1000) + "<")
        return names_kept()

    assert in_a_thread(work) < 10_000


def test_a_tree_outlives_the_dictionary_it_was_made_with() -> None:
    def work() -> str:
        root = parse("<kept><child attribute='value'/></kept>")
        for _ in range(3):
            parse(of_names(MOST_READ // 11))
        return etree.tostring(root, encoding="unicode")

    assert in_a_thread(work) == '<kept><child attribute="value"/></kept>'


def fill_dictionary() -> None:
    """Of this thread, until libxml2 takes not one name more."""
    parse("<a/>")  # so that the dictionary is the one that our parser uses
    parser = etree.XMLParser()
    for size in (49_000, 1_000, 7):
        try:
            while True:
                etree.fromstring(of_names(1, size), parser)
        except etree.XMLSyntaxError:
            assert parser.error_log[0].type == etree.ErrorTypes.ERR_NO_MEMORY


def test_a_full_dictionary_is_no_fault_of_the_document() -> None:
    def work() -> list[Any]:
        fill_dictionary()
        unknown = f"<a{next(_NUMBERS)}-unknown/>"
        with pytest.raises(ParserOutOfMemory):
            parsing._parse_here(unknown, unknown.encode(), parsing._LOCAL.means.parser)
        means = parsing._LOCAL.means
        means.unseen = means.read = 0  # the good documents do not happen to meet fresh means
        return [parse(unknown).tag == unknown[1:-2], read(GOOD), read(NAMELESS_URI) is not None, names_kept()]

    understood, good, nameless, names = in_a_thread(work)
    assert understood and nameless
    assert good == FULL
    assert names <= MOST_IN_NEW


def test_a_full_dictionary_is_found_behind_other_entries_of_the_log_too() -> None:
    """The first namespace is no URI, which is a warning; the names after it find no room."""

    def work() -> None:
        fill_dictionary()
        text = f'<a xmlns:b="%">{of_names(3, 40)}</a>'
        for recover in (False, True):
            parser = parsing._new_parser(recover=recover)
            with pytest.raises(ParserOutOfMemory):
                parsing._parse_here(text, text.encode(), parser)
            assert parser.error_log[0].type != etree.ErrorTypes.ERR_NO_MEMORY

    in_a_thread(work)


class Failing:
    """Fails as often as it is told, then parses."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times = times
        self.error = error

    def __call__(self, text: str, data: bytes, parser: etree.XMLParser) -> parsing.Element:
        if self.times:
            self.times -= 1
            raise self.error
        return parsing._parse_here(text, data, parser)


def test_what_lacked_memory_is_parsed_once_more_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    means = parsing._LOCAL.means
    monkeypatch.setattr(means, "parse", Failing(1, ParserOutOfMemory()))
    assert parse("<good/>").tag == "good"
    failing = Failing(3, ParserOutOfMemory())
    monkeypatch.setattr(means, "parse", failing)
    with pytest.raises(ParserOutOfMemory):
        parse("<good/>")
    assert failing.times == 1


def no_memory(*_: object) -> NoReturn:
    raise MemoryError("malloc")


def test_a_failed_allocation_of_python_is_no_fault_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    parse("<a/>")
    monkeypatch.setattr(etree, "fromstring", no_memory)
    with pytest.raises(ParserOutOfMemory, match="malloc"):
        parse("<good/>")
    monkeypatch.undo()
    assert parse("<good/>").tag == "good"


def test_expat_without_memory_is_no_fault_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    class Expat:
        def Parse(self, text: str, is_final: bool) -> NoReturn:
            error = expat.ExpatError("out of memory")
            error.code = prolog._NO_MEMORY
            raise error

    monkeypatch.setattr(expat, "ParserCreate", lambda **_: Expat())
    with pytest.raises(ParserOutOfMemory, match="out of memory"):
        read(NAMELESS_URI)


def test_where_names_cannot_be_dropped_documents_are_parsed_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parsing, "_drop_dictionary", lambda: None)

    def work() -> tuple[list[int], object]:
        sizes = []
        for _ in range(100):
            parse(of_names(1000))
            sizes.append(names_kept())
        with pytest.raises(DocumentError):
            parse("<a>")
        return sizes, read(GOOD)

    sizes, good = in_a_thread(work)
    assert good == FULL
    assert sizes[-1] == sizes[20] < 20_000
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_where_no_thread_can_be_had_either_the_parser_has_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    def work() -> None:
        parsing._LOCAL.means.parse = parsing._parse_elsewhere
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(ParserOutOfMemory, match="can't start new thread"):
            parse("<good/>")

    in_a_thread(work)
