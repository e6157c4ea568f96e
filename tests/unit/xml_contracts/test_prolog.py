"""Encoding, XML declaration, and what may stand before and behind the root (wire-facts 4.2-4.6, 4.13)."""

from __future__ import annotations

import pytest

from tests.unit.xml_contracts.documents import EMPTY, FULL, FULL_CONTENT, SERIALIZER, document, read
from xml_contracts import DocumentError

BODY = document(FULL_CONTENT)
BOM = "\ufeff"
FAR = " " * 120

ENCODED = [
    # text, as sent, charset, whether it is read
    (BODY, "utf-8", "utf-8", True),
    (BOM + BODY, "utf-8", "utf-8", True),
    (BOM + BOM + BODY, "utf-8", "utf-8", False),
    (BOM + " " + BODY, "utf-8", "utf-8", True),
    (BODY, "utf-16-le", "utf-16", True),
    (BOM + BODY, "utf-16-le", "utf-16", True),
    (BOM + BOM + BODY, "utf-16-le", "utf-16", False),
    (" " + BODY, "utf-16-le", "utf-16", False),
    (BOM + " " + BODY, "utf-16-le", "utf-16", True),
    (BODY, "utf-16-be", "utf-16", False),
    (BOM + BODY, "utf-16-be", "utf-16", False),
    (BODY, "utf-8", "utf-16", False),
    (BODY, "utf-16-le", "utf-8", False),
    (BOM + BODY, "utf-16-le", "utf-8", False),
    (BODY, "gb2312", "utf-8", False),
]


@pytest.mark.parametrize(("text", "sent_as", "charset", "is_read"), ENCODED)
def test_the_bytes_must_be_in_the_charset_of_the_request(text: str, sent_as: str, charset: str, is_read: bool) -> None:
    data = text.encode(sent_as)
    if is_read:
        assert SERIALIZER.read(data, charset) == FULL
    else:
        with pytest.raises(DocumentError):
            SERIALIZER.read(data, charset)


@pytest.mark.parametrize("bad", [b"\xe4\xb8", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xff"])
def test_bytes_that_are_no_utf_8_are_refused_even_where_the_element_is_skipped(bad: bytes) -> None:
    with pytest.raises(DocumentError, match="bytes that the encoding does not have: 'utf-8'"):
        SERIALIZER.read(document("<u>|</u>").encode().replace(b"|", bad))


@pytest.mark.parametrize("bad", [b"\0\xd8", b"x"])
def test_bytes_that_are_no_utf_16_are_refused(bad: bytes) -> None:
    with pytest.raises(DocumentError, match="bytes that the encoding does not have: 'utf-16LE'"):
        SERIALIZER.read(BODY.encode("utf-16-le") + bad, "utf-16")


@pytest.mark.parametrize(
    "data", [b"", b"<", b"<a/", b" ", b"\n", b"x", b"\0", b"\xef\xbb", b"\xff\xfe", b"</a>", b"<a/>"]
)
def test_what_is_too_short_for_a_document_is_refused(data: bytes) -> None:
    for charset in ("utf-8", "utf-16"):
        with pytest.raises(DocumentError):
            SERIALIZER.read(data, charset)


@pytest.mark.parametrize(
    "declaration",
    [
        '<?xml version="1.0"?>',
        "<?xml version='1.0' encoding='utf-8'?>",
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
        '<?xml\tversion\r\n=\n"1.0"  encoding = "Utf-8"\tstandalone=\'no\' ?>\r\n',
        '<?xml version="1.0" standalone="yes"?><!-- c -->',
        f'<?xml version="1.0"{FAR} encoding="gb2312"?>',
    ],
)
def test_a_declaration_that_dotnet_takes(declaration: str) -> None:
    assert read(declaration + BODY) == FULL
    assert read(BOM + declaration + BODY) == FULL


@pytest.mark.parametrize(
    "declaration",
    [
        "<?xml?>", "<?xml ?>", '<?XML version="1.0"?>', '<?xmlx version="1.0"?>',
        '<?xml version="1.1"?>', '<?xml version="1.00"?>', '<?xml version="1.0\'?>', '<?xml encoding="utf-8"?>',
        '<?xml version="1.0"encoding="utf-8"?>', '<?xml version="1.0" encoding=""?>',
        '<?xml version="1.0" encoding="utf8"?>', '<?xml version="1.0" encoding="utf-16"?>',
        '<?xml version="1.0" encoding="gb2312"?>',
        '<?xml version="1.0" encoding="us-ascii"?>', '<?xml version="1.0" encoding="iso-8859-1"?>',
        '<?xml version="1.0" standalone="maybe"?>', '<?xml version="1.0" standalone="yes" encoding="utf-8"?>',
        '<?xml version="1.0" foo="1"?>', '<?xml version="1.0"', '<?xml version="1.0"?><?xml version="1.0"?>',
        f'<?xml version="1.0" encoding={FAR}"utf-8"?>', ' <?xml version="1.0"?>', '\n<?xml version="1.0"?>',
        '<!-- c --><?xml version="1.0"?>',
    ],
)  # fmt: skip
def test_a_declaration_that_dotnet_refuses(declaration: str) -> None:
    with pytest.raises(DocumentError):
        read(declaration + BODY)


@pytest.mark.parametrize(
    ("name", "is_read"), [("utf-16", True), ("UTF-16LE", True), ("utf-16be", False), ("utf-8", False)]
)
def test_a_utf_16_document_may_declare_itself_little_endian_only(name: str, is_read: bool) -> None:
    data = f'<?xml version="1.0" encoding="{name}"?>{BODY}'.encode("utf-16-le")
    if is_read:
        assert SERIALIZER.read(data, "utf-16") == FULL
    else:
        with pytest.raises(DocumentError, match=f"declared in another encoding: '{name}', 'utf-16LE'"):
            SERIALIZER.read(data, "utf-16")


@pytest.mark.parametrize("before", ["", " ", "\r\n", "\r", "<!-- c -->", "<!---->\n<!-- <?pi?> <!DOCTYPE a> -->"])
@pytest.mark.parametrize(
    "behind", ["", " ", "\r", "<!-- c -->", " <?pi?>", "<!-- c --><?pi?><!-- d -->", "\n<?a <!-- ?>"]
)
def test_blanks_and_comments_may_stand_around_the_root_and_anything_behind_them(before: str, behind: str) -> None:
    assert read(before + document() + behind) == EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "<?pi?>{}", " <?pi?>{}", "<!-- c --><?pi?>{}", "<!DOCTYPE a>{}", " <!DOCTYPE a>{}", "<!-- c --><!DOCTYPE a>{}",
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">{}', '<!DOCTYPE a [<!ENTITY e "x">]>{}', "x{}", "&#32;{}",
        "<![CDATA[ ]]>{}", "{}<?pi?>", "{}<!DOCTYPE a>", "{}x", "{}\0", "{}&amp;", "{}&#32;", "{}<a/>", "{}{}",
        "{}<![CDATA[ ]]>", "<!-- -- -->{}",
    ],
)  # fmt: skip
def test_anything_else_around_the_root_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        read(text.replace("{}", document()))


@pytest.mark.parametrize(
    "where", ["{}<b:sign>s</b:sign>", " {}<b:sign>s</b:sign>", "<b:sign>s{}</b:sign>", "<u> {}</u>"]
)
@pytest.mark.parametrize(
    "what", ["<?pi x?>", '<?xml version="1.0"?>', "<!DOCTYPE a>", "&undefined;", "<!-- a -- b -->"]
)
def test_instructions_entities_and_bad_comments_inside_the_root_are_refused(where: str, what: str) -> None:
    with pytest.raises(DocumentError):
        read(document(where.format(what)))


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<![CDATA[a\r\nb\rc]]>\r\nd\re", "a\r\nb\rc\nd\ne"),
        ("<!-- <![CDATA[ \r -->\r<![CDATA[<!-- \r -->]]>", "\n<!-- \r -->"),
        ("<![CDATA[]]]]><![CDATA[>\r]]>", "]]>\r"),
        ("<![CDATA[<?pi?><!DOCTYPE a>]]>", "<?pi?><!DOCTYPE a>"),
    ],
)
def test_a_carriage_return_is_kept_in_cdata_and_nowhere_else(inside: str, text: str) -> None:
    value = read(document(f"<b:sign>{inside}</b:sign>"))
    assert value is not None
    assert value.sign == text


@pytest.mark.parametrize("text", ["<!--", "<![CDATA[", "<b:sign><![CDATA[\r", "<?", "<!"])
def test_markup_that_never_ends_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        read(document(text))


@pytest.mark.parametrize("name", ["é", "中", "a·b"])
def test_names_of_xml_1_0_beyond_ascii_are_taken(name: str) -> None:
    assert read(document(f'<{name}/><u {name}="1"/><u xmlns:{name}="urn:x"/>')) == EMPTY


@pytest.mark.parametrize(
    "content", ["<{}/>", "<u><{}/></u>", '<u {}="1"/>', "<u a='>' {}='1'/>", '<u xmlns:{}="urn:x"/>']
)
@pytest.mark.parametrize("name", ["😀", "５", "a\ufeff"])
def test_names_that_only_the_fifth_edition_allows_are_refused(content: str, name: str) -> None:
    with pytest.raises(DocumentError, match="not well-formed XML: 1, "):
        read(document(content.format(name)))
