"""Text -> element tree, by lxml and in bounded memory. The one module that knows lxml.

Tree mode only: a parser *target* switches its guards off.

What is difficult: libxml2 keeps every name it has ever seen (of elements, attributes, prefixes, namespaces, entities,
and short blank runs) in a dictionary. lxml has one for each thread, keeps it as long as the thread lives, and offers no
way to empty it. Clients choose names: so a thread would grow until libxml2 refuses every new name, and with it good
documents (docs/adr/0010). The states of a thread, in its `_Means`:

- it parses here. Every now and then it looks whether the dictionary has grown, which it does not while clients send
  the names that all of them use. After MOST_READ bytes with new names among them it renews its means: it drops lxml's
  entry from its own thread state and makes a new parser, whose empty dictionary lxml takes for the thread. A tree that
  is still in use keeps the dictionary it was made with.
- it parses elsewhere, once dropping the entry, which is a private name of lxml, has had no effect: each document in a
  thread of its own. That is slower, but its dictionary ends with it.

A parser that had no memory says nothing about the document: it is parsed once more with fresh means, and then it is
ParserOutOfMemory. libxml2 wants namespace names to be URIs and .NET does not: such a document is parsed again with
`recover`, after expat has called it well-formed.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from lxml import etree

from .errors import DocumentError, ParserOutOfMemory
from .prolog import check_well_formed
from .reasons import XmlFault

Element = etree._Element

MOST_READ: Final = 48 * 1024
"""Bytes that may bring new names into one dictionary, in which names take up to ten times their bytes."""

UNSEEN: Final = 16 * 1024
"""Bytes after which a thread looks at its dictionary."""

MOST_IN_NEW: Final = 100
"""Names in a new dictionary, at most; libxml2 itself brings about ten."""

_NAMESPACE_IS_NO_URI: Final = {etree.ErrorTypes.WAR_NS_URI, etree.ErrorTypes.WAR_NS_URI_RELATIVE}

_thread_state = ctypes.pythonapi.PyThreadState_GetDict
_thread_state.restype = ctypes.c_void_p  # a borrowed reference; as py_object it would be given back once too often

_log = logging.getLogger(__name__)


def parse(text: str) -> Element:
    """The root of a document. DocumentError: not well-formed, or too deep. ParserOutOfMemory."""
    data = text.encode()
    means = _LOCAL.means
    try:
        if means.unseen > UNSEEN:
            means.look()
        means.unseen += len(data)
        return means.parse(text, data, means.parser)
    except ParserOutOfMemory:
        means.renew()
        return means.parse(text, data, means.parser)


class _Means:
    """What a thread parses with: a shared parser locks, and a new one for each document adds a fifth to the parse."""

    __slots__ = ("names", "parse", "parser", "read", "unseen")

    def __init__(self) -> None:
        self.parse = _parse_here
        self.names = 0  # in the dictionary, when it was last looked at
        self.unseen = 0  # bytes parsed since then
        self.read = 0  # bytes parsed that may have brought the names
        self.renew()

    def look(self) -> None:
        """Renew, when there were enough new names. ParserOutOfMemory."""
        names = _names_kept()
        if names != self.names:
            self.names = names
            self.read += self.unseen
        self.unseen = 0
        if self.read > MOST_READ:
            self.renew()

    def renew(self) -> None:
        """An empty dictionary, and a parser that uses it. ParserOutOfMemory."""
        _drop_dictionary()
        self.parser = _new_parser()
        self.read = self.unseen = 0
        _parse_here("<a/>", b"<a/>", self.parser)  # the thread adopts the dictionary of the parser that it uses first
        self.names = _names_kept()
        if self.parse is not _parse_elsewhere and self.names > MOST_IN_NEW:
            self.parse = _parse_elsewhere
            _log.error("lxml does not let go of the names it has seen: each document is parsed in a thread of its own")


class _Local(threading.local):
    def __init__(self) -> None:
        self.means = _Means()


def _names_kept() -> int:
    """In the dictionary of this thread."""
    size: int = etree.memory_debugger.dict_size()  # type: ignore[attr-defined]
    return size


def _drop_dictionary() -> None:
    """Of this thread. Whatever tree or parser uses it keeps it alive."""
    state: ctypes.py_object[dict[str, object]] = ctypes.cast(_thread_state(), ctypes.py_object)
    state.value.pop("_ParserDictionaryContext", None)


def _new_parser(*, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,  # so libxml2 stops below 256 levels, which is .NET's MaxDepth too (wire-facts 4.1)
        remove_comments=True,
        collect_ids=False,  # the values of xml:id are nobody's business
        recover=recover,
    )


def _parse_here(text: str, data: bytes, parser: etree.XMLParser) -> Element:
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        _check_memory(parser.error_log)
        if error.code not in _NAMESPACE_IS_NO_URI:
            raise _unreadable(error.code, *error.position) from None
    except MemoryError as error:
        raise ParserOutOfMemory(str(error)) from error
    else:
        # libxml2 judges by the last entry of its log: a warning hides the namespace errors before it.
        log = parser.error_log
        if not log:
            return root
        _check_memory(log)
    check_well_formed(text)
    return _parse_despite_namespaces(data)


def _parse_elsewhere(text: str, data: bytes, parser: etree.XMLParser) -> Element:
    """In a new thread with a new parser; `parser` is this thread's."""
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_parse_here, text, data, _new_parser()).result()
    except RuntimeError as error:  # no thread can be started
        raise ParserOutOfMemory(str(error)) from error


def _parse_despite_namespaces(data: bytes) -> Element:
    """For well-formed text: libxml2 wants namespace names to be URIs, .NET takes any; no other error may be there."""
    parser = _new_parser(recover=True)
    root = etree.fromstring(data, parser)
    log = parser.error_log
    _check_memory(log)
    for entry in log:
        if entry.level >= etree.ErrorLevels.ERROR and entry.type not in _NAMESPACE_IS_NO_URI:
            raise _unreadable(entry.type, entry.line, entry.column)
    return root


def _check_memory(log: Iterable[etree._LogEntry]) -> None:
    """ParserOutOfMemory where it is anywhere in the log: libxml2 may have found something else before."""
    for entry in log:
        if entry.type == etree.ErrorTypes.ERR_NO_MEMORY:
            raise ParserOutOfMemory(entry.message)


def _unreadable(code: int, line: int, column: int) -> DocumentError:
    reason = XmlFault.TOO_DEEP if code == etree.ErrorTypes.ERR_RESOURCE_LIMIT else XmlFault.NOT_WELL_FORMED
    return DocumentError(reason, line, column)


_LOCAL: Final = _Local()
