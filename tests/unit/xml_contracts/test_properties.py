"""What holds for every value and for any bytes."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.xml_contracts.documents import FULL_CONTENT, SERIALIZER, document
from xml_contracts import DataContractSerializer, DocumentError
from xml_contracts.refund import ApiResult

RESULT = DataContractSerializer(ApiResult)
BODY = document("<u/>" + FULL_CONTENT).encode()

# Char of XML 1.0 without CR, which is written CRLF like every new line.
carried = st.characters(
    exclude_categories=["Cs"], exclude_characters="".join(map(chr, set(range(32)) - {9, 10})) + "\ufffe\uffff"
)
texts = st.none() | st.text(carried)
int32 = st.integers(-(2**31), 2**31 - 1)
charsets = st.sampled_from(["utf-8", "utf-16"])


@given(st.builds(ApiResult, int32, texts, texts), charsets)
def test_what_is_written_is_read_back(value: ApiResult, charset: str) -> None:
    assert RESULT.read(RESULT.write(value, charset), charset) == value


@given(st.binary(), charsets)
def test_any_bytes_are_refused_with_a_document_error(data: bytes, charset: str) -> None:
    with contextlib.suppress(DocumentError):
        SERIALIZER.read(data, charset)


@given(
    st.integers(0, len(BODY)),
    st.integers(0, 40),
    st.binary(max_size=4) | st.sampled_from([b"<?", b"<!--", b"]]>", b"\r"]),
)
def test_a_damaged_document_is_read_or_refused_with_a_document_error(at: int, cut: int, put: bytes) -> None:
    with contextlib.suppress(DocumentError):
        SERIALIZER.read(BODY[:at] + put + BODY[at + cut :])
