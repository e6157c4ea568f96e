"""The body is whole or refused, whatever the server's stream does."""

from __future__ import annotations

import io
from typing import Any

import pytest

from refund_api.http.body import MAX_BODY, read_body
from refund_api.http.headers import MAX_HEADER
from refund_api.http.media import BodyCutShort, BodyEncoded, BodyTooLong, TransferCoded


class Stream(io.RawIOBase):
    """Gives at most `step` bytes a time, counts what it gave, and fails at the end when told to."""

    def __init__(self, data: bytes, step: int = 7, failure: Exception | None = None) -> None:
        self.data, self.step, self.failure, self.given = data, step, failure, 0

    def read(self, size: int = -1) -> bytes:
        part = self.data[self.given : self.given + min(size, self.step)]
        if not part and self.failure:
            raise self.failure
        self.given += len(part)
        return part


def environ(data: bytes | Stream = b"", **more: Any) -> dict[str, Any]:
    stream = data if isinstance(data, Stream) else io.BytesIO(data)
    return {"wsgi.input": stream, **more}


def chunked(data: bytes | Stream, **more: Any) -> dict[str, Any]:
    return environ(data, **{"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", **more})


def test_the_promised_bytes_are_read_and_no_more() -> None:
    stream = Stream(b"0123456789 and the next request", step=3)
    assert read_body(environ(stream, CONTENT_LENGTH="10")) == b"0123456789"
    assert stream.given == 10


def test_no_length_and_no_end_mark_means_no_body() -> None:
    assert read_body(environ(b"not ours")) == b""
    assert read_body(environ(b"not ours", CONTENT_LENGTH="")) == b""


def test_a_length_of_zero_is_an_empty_body() -> None:
    assert read_body(environ(b"", CONTENT_LENGTH="0")) == b""


def test_a_chunked_body_is_read_to_its_end() -> None:
    assert read_body(chunked(Stream(b"x" * 1000))) == b"x" * 1000


@pytest.mark.parametrize("promised", ["50", "4", "65536"])
def test_fewer_bytes_than_promised_are_refused(promised: str) -> None:
    with pytest.raises(BodyCutShort):
        read_body(environ(b"abc", CONTENT_LENGTH=promised))


@pytest.mark.parametrize("promised", ["+4", "-1", "0x4", "4.0", " 4", "4 ", "4,4", "four", "\u0664", "4\n"])
def test_an_unreadable_length_is_refused(promised: str) -> None:
    with pytest.raises(BodyCutShort):
        read_body(environ(b"abcd", CONTENT_LENGTH=promised))


def test_leading_zeros_of_a_length_count_for_nothing() -> None:
    assert read_body(environ(b"abcd", CONTENT_LENGTH="0" * 5000 + "4")) == b"abcd"


def test_the_longest_body_is_taken_either_way() -> None:
    body = b"x" * MAX_BODY
    assert read_body(environ(body, CONTENT_LENGTH=str(MAX_BODY))) == body
    assert read_body(chunked(body)) == body


@pytest.mark.parametrize("promised", [str(MAX_BODY + 1), "9" * 18, "9" * 5000, "0" * 9 + "65537"])
def test_a_promise_above_the_limit_is_refused_unread(promised: str) -> None:
    stream = Stream(b"x" * 10)
    with pytest.raises(BodyTooLong):
        read_body(environ(stream, CONTENT_LENGTH=promised))
    assert stream.given == 0


def test_a_chunked_body_above_the_limit_is_read_no_further_than_one_byte_above() -> None:
    stream = Stream(b"x" * (3 * MAX_BODY), step=5000)
    with pytest.raises(BodyTooLong):
        read_body(chunked(stream))
    assert stream.given == MAX_BODY + 1


@pytest.mark.parametrize("failure", [OSError("reset"), ValueError("bad chunk size"), TimeoutError()])
def test_whatever_the_server_raises_while_reading_means_cut_short(failure: Exception) -> None:
    with pytest.raises(BodyCutShort) as refusal:
        read_body(chunked(Stream(b"half of it", failure=failure)))
    assert refusal.value.__cause__ is failure
    with pytest.raises(BodyCutShort):
        read_body(environ(Stream(b"half of it", failure=failure), CONTENT_LENGTH="20"))


@pytest.mark.parametrize("coding", ["gzip", "GZip", "br", "deflate, gzip", "identity, gzip"])
def test_an_encoded_body_is_refused_by_name_and_unread(coding: str) -> None:
    stream = Stream(b"\x1f\x8b")
    with pytest.raises(BodyEncoded) as refusal:
        read_body(environ(stream, CONTENT_LENGTH="2", HTTP_CONTENT_ENCODING=coding))
    assert refusal.value.coding == coding
    assert stream.given == 0


@pytest.mark.parametrize("coding", ["", " ", "identity", " Identity "])
def test_no_encoding_at_all_may_be_spelled_out(coding: str) -> None:
    assert read_body(environ(b"ab", CONTENT_LENGTH="2", HTTP_CONTENT_ENCODING=coding)) == b"ab"


def test_of_an_endless_encoding_no_more_is_repeated_than_a_header_may_have() -> None:
    with pytest.raises(BodyEncoded) as refusal:
        read_body(environ(b"", HTTP_CONTENT_ENCODING="gzip," * 100_000))
    assert refusal.value.coding == ("gzip," * 103)[:MAX_HEADER]


@pytest.mark.parametrize("coding", ["gzip, chunked", "deflate,chunked", "identity, chunked", "gzip", ""])
def test_a_transfer_coding_beside_chunked_is_refused_unread(coding: str) -> None:
    stream = Stream(b"\x1f\x8b")
    with pytest.raises(TransferCoded):
        read_body(chunked(stream, HTTP_TRANSFER_ENCODING=coding))
    assert stream.given == 0


@pytest.mark.parametrize("coding", ["chunked", " Chunked "])
def test_chunked_alone_is_no_obstacle(coding: str) -> None:
    assert read_body(chunked(b"ab", HTTP_TRANSFER_ENCODING=coding)) == b"ab"
