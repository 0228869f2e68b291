"""Binary HTTP: the examples of RFC 9292 section 5, round trips, and what is refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.network.ohttp import bhttp, varint
from triptych.network.ohttp.bhttp import Interim, Message, Request, Response
from triptych.network.ohttp.errors import BhttpError


def hexed(text: str) -> bytes:
    return bytes.fromhex("".join(text.split()))


REQUEST = Request(
    method="GET", path="/hello.txt",
    fields=(("user-agent", "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3"), ("host", "www.example.com"),
            ("accept-language", "en, mi")),
)  # fmt: skip
KNOWN = hexed("""
00034745 54056874 74707300 0a2f6865 6c6c6f2e 74787440 6c0a7573 65722d61 67656e74 34637572 6c2f372e 31362e33
206c6962 6375726c 2f372e31 362e3320 4f70656e 53534c2f 302e392e 376c207a 6c69622f 312e322e 3304686f 73740f77
77772e65 78616d70 6c652e63 6f6d0f61 63636570 742d6c61 6e677561 67650665 6e2c206d 690000""")
OPEN = hexed("""
02034745 54056874 74707300 0a2f6865 6c6c6f2e 7478740a 75736572 2d616765 6e743463 75726c2f 372e3136 2e33206c
69626375 726c2f37 2e31362e 33204f70 656e5353 4c2f302e 392e376c 207a6c69 622f312e 322e3304 686f7374 0f777777
2e657861 6d706c65 2e636f6d 0f616363 6570742d 6c616e67 75616765 06656e2c 206d6900 00000000 00000000 00000000""")
RESPONSE = Response(
    status=200,
    interim=(
        Interim(102, (("running", '"sleep 15"'),)),
        Interim(103, (("link", "</style.css>; rel=preload; as=style"), ("link", "</script.js>; rel=preload; as=script"))),
    ),
    fields=(("date", "Mon, 27 Jul 2009 12:28:53 GMT"), ("server", "Apache"),
            ("last-modified", "Wed, 22 Jul 2009 19:15:56 GMT"), ("etag", '"34aa387-d-1568eb00"'),
            ("accept-ranges", "bytes"), ("content-length", "51"), ("vary", "Accept-Encoding"),
            ("content-type", "text/plain")),
    content=b"Hello World! My content includes a trailing CRLF.\r\n",
)  # fmt: skip
INTERIM = hexed("""
03406607 72756e6e 696e670a 22736c65 65702031 35220040 67046c69 6e6b233c 2f737479 6c652e63 73733e3b 2072656c
3d707265 6c6f6164 3b206173 3d737479 6c65046c 696e6b24 3c2f7363 72697074 2e6a733e 3b207265 6c3d7072 656c6f61
643b2061 733d7363 72697074 0040c804 64617465 1d4d6f6e 2c203237 204a756c 20323030 39203132 3a32383a 35332047
4d540673 65727665 72064170 61636865 0d6c6173 742d6d6f 64696669 65641d57 65642c20 3232204a 756c2032 30303920
31393a31 353a3536 20474d54 04657461 67142233 34616133 38372d64 2d313536 38656230 30220d61 63636570 742d7261
6e676573 05627974 65730e63 6f6e7465 6e742d6c 656e6774 68023531 04766172 790f4163 63657074 2d456e63 6f64696e
670c636f 6e74656e 742d7479 70650a74 6578742f 706c6169 6e003348 656c6c6f 20576f72 6c642120 4d792063 6f6e7465
6e742069 6e636c75 64657320 61207472 61696c69 6e672043 524c462e 0d0a0000""")
TRAILED = Response(status=200, content=b"This content contains CRLF.\r\n", trailers=(("trailer", "text"),))
CHUNKED = hexed("""
0140c800 1d546869 7320636f 6e74656e 7420636f 6e746169 6e732043 524c462e 0d0a0d07 74726169 6c657204 74657874""")


@pytest.mark.parametrize(
    ("message", "data"), [(REQUEST, KNOWN), (REQUEST, OPEN), (RESPONSE, INTERIM), (TRAILED, CHUNKED)]
)
def test_the_examples_of_the_rfc_are_read(message: Message, data: bytes) -> None:
    assert bhttp.decode(data) == message


def test_the_examples_of_the_rfc_are_written() -> None:
    assert bhttp.encode(REQUEST) == KNOWN
    assert bhttp.encode_open(REQUEST) == OPEN[:-10]  # the RFC's own has ten bytes of padding
    assert bhttp.encode_open(RESPONSE) == INTERIM
    assert bhttp.encode(TRAILED) == CHUNKED


@pytest.mark.parametrize(("data", "cut"), [(KNOWN, 2), (OPEN, 12)])
def test_empty_parts_at_the_end_may_be_missing_and_nothing_else(data: bytes, cut: int) -> None:
    """RFC 9292 section 5.1: up to 2 and 12 bytes can be removed."""
    for size in range(len(data) - cut, len(data) + 1):
        assert bhttp.decode(data[:size]) == REQUEST
    for size in range(len(data) - cut):
        if bare(data, size):
            continue
        with pytest.raises(BhttpError) as told:
            bhttp.decode(data[:size])
        assert told.value.reason == "truncated"


def bare(data: bytes, size: int) -> bool:
    """Whether the message ends right behind the control data, which leaves a request without fields."""
    return data[:size].endswith(b"\n/hello.txt")


def test_the_short_form() -> None:
    """The messages of RFC 9458 appendix A."""
    request = Request(method="GET", authority="example.com", path="/")
    assert bhttp.encode(request, short=True).hex() == "00034745540568747470730b6578616d706c652e636f6d012f"
    assert bhttp.encode(Response(status=200), short=True).hex() == "0140c8"
    assert bhttp.decode(bytes.fromhex("0140c8")) == Response(status=200)


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 5000])
def test_zeros_may_follow_and_nothing_else(tail: bytes) -> None:
    for data in (bhttp.encode(RESPONSE), bhttp.encode_open(RESPONSE)):
        assert bhttp.decode(data + tail) == RESPONSE
        with pytest.raises(BhttpError, match="not all zeros"):
            bhttp.decode(data + tail + b"\1")


@pytest.mark.parametrize("name", ["Upper", "with space", "", "a:b", ":method", ":status", "connection", "transfer-encoding",
                                  "upgrade", "ä", "nul\0", "new\nline"])  # fmt: skip
def test_names_that_http_does_not_allow(name: str) -> None:
    with pytest.raises(BhttpError):
        bhttp.encode(replace(REQUEST, fields=((name, "x"),)))
    raw = name.encode("latin-1")
    line = bytes([len(raw)]) + raw + b"\1x"
    data = bhttp.encode(Request(method="GET", path="/"), short=True) + bytes([len(line)]) + line
    with pytest.raises(BhttpError) as told:
        bhttp.decode(data)
    assert told.value.reason == "malformed"


@pytest.mark.parametrize("value", [" x", "x ", "\tx", "a\rb", "a\nb", "a\0b", "a\x7fb"])
def test_values_that_http_does_not_allow(value: str) -> None:
    with pytest.raises(BhttpError, match="value of the field 'a'"):
        bhttp.encode(replace(REQUEST, fields=(("a", value),)))


def test_pseudo_fields_stand_first_and_never_in_the_trailers() -> None:
    first = replace(REQUEST, fields=((":protocol", "x"), ("a", "b")))
    assert bhttp.decode(bhttp.encode(first)) == first
    for wrong in (replace(REQUEST, fields=(("a", "b"), (":protocol", "x"))),
                  replace(REQUEST, trailers=((":protocol", "x"),))):  # fmt: skip
        with pytest.raises(BhttpError, match="pseudo-field"):
            bhttp.encode(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(REQUEST, method=""), replace(REQUEST, method="GE T"), replace(REQUEST, scheme="1s"),
        replace(REQUEST, authority="me@example.com"), replace(REQUEST, authority="a/b"), replace(REQUEST, path=""),
        replace(REQUEST, path="hello"), replace(REQUEST, path="/a b"), replace(REQUEST, path="/a#b"),
        replace(REQUEST, method="CONNECT"), replace(REQUEST, fields=(("content-length", "1"),)),
        replace(REQUEST, fields=(("te", "gzip"),)), replace(RESPONSE, status=600), replace(RESPONSE, status=99),
        replace(RESPONSE, interim=(Interim(200),)), replace(TRAILED, fields=(("content-length", "1"),)),
        replace(REQUEST, fields=(("a", "b"),) * (bhttp.MAX_FIELDS + 1)),
        replace(REQUEST, fields=(("a", "b" * bhttp.MAX_SECTION),)),
        replace(RESPONSE, interim=(Interim(100),) * (bhttp.MAX_INTERIM + 1)),
    ],
)  # fmt: skip
def test_messages_that_http_does_not_allow(wrong: Message) -> None:
    with pytest.raises(BhttpError):
        bhttp.encode(wrong)
    with pytest.raises(BhttpError):
        bhttp.encode_open(wrong)


def test_an_answer_to_head_states_a_length_that_it_does_not_have() -> None:
    head = Response(status=200, fields=(("content-length", "51"),))
    assert bhttp.decode(bhttp.encode(head)) == head
    with pytest.raises(BhttpError, match="stated otherwise"):
        bhttp.encode(replace(head, fields=(("content-length", "51"), ("content-length", "52"))))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"), (b"\4", "malformed"), (b"\1\x40\x64", "truncated"), (b"\1\x42\x58", "malformed"),
        (b"\1\x40\xc8\3\1a\1b", "malformed"),  # a field that reaches over the end of its section
        (b"\3\x40\xc8\1a\1b", "truncated"), (b"\1\x40\xc8\0\5abc", "truncated"),
        (b"\3" + b"\x40\x64\0" * 70 + b"\x40\xc8", "too_large"),
        (b"\3\x40\xc8\0" + b"\1a" * (bhttp.MAX_CHUNKS + 1) + b"\0", "too_large"),
        (b"\3\x40\xc8" + b"\1a\1b" * 300 + b"\0", "too_large"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_message(data: bytes, reason: str) -> None:
    with pytest.raises(BhttpError) as told:
        bhttp.decode(data)
    assert told.value.reason == reason


def test_a_request_is_no_response() -> None:
    assert bhttp.decode_request(KNOWN) == REQUEST
    assert bhttp.decode_response(CHUNKED) == TRAILED
    with pytest.raises(BhttpError, match="where a response belongs"):
        bhttp.decode_response(KNOWN)
    with pytest.raises(BhttpError, match="where a request belongs"):
        bhttp.decode_request(CHUNKED)


def test_the_first_field_of_a_name() -> None:
    assert bhttp.field(RESPONSE, "server") == "Apache"
    assert bhttp.field(RESPONSE, "cookie") is None


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_!#", min_size=1, max_size=12).filter(
    lambda name: name not in {"te", "connection", "upgrade", "keep-alive", "content-length"}
)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f" + "".join(map(chr, range(128, 160)))),
                max_size=40)  # fmt: skip
FIELDS = st.lists(st.tuples(TOKEN, VALUE), max_size=6).map(tuple)
REQUESTS = st.builds(
    Request, method=st.sampled_from(["GET", "POST", "patch"]), scheme=st.sampled_from(["https", "http"]),
    authority=st.sampled_from(["", "example.com", "[::1]:80"]), path=st.sampled_from(["/", "/a?b=c&d", "*"]), fields=FIELDS,
    content=st.binary(max_size=300), trailers=FIELDS,
)  # fmt: skip
RESPONSES = st.builds(
    Response, status=st.integers(200, 599), fields=FIELDS, content=st.binary(max_size=300), trailers=FIELDS,
    interim=st.lists(st.builds(Interim, st.integers(100, 199), FIELDS), max_size=3).map(tuple),
)  # fmt: skip


@settings(deadline=None)
@given(message=st.one_of(REQUESTS, RESPONSES), zeros=st.integers(0, 50), short=st.booleans())
def test_what_is_written_is_read(message: Message, zeros: int, short: bool) -> None:
    assert bhttp.decode(bhttp.encode(message, short=short) + bytes(zeros)) == message
    assert bhttp.decode(bhttp.encode_open(message) + bytes(zeros)) == message


def test_content_in_many_pieces() -> None:
    message = Response(status=200, content=bytes(range(256)) * 300)
    assert bhttp.decode(bhttp.encode_open(message)) == message
    assert bhttp.encode_open(message).count(varint.encode(bhttp.CHUNK) + b"\0\1\2\3") == 4


@settings(deadline=None)
@given(data=st.binary(max_size=200), first=st.sampled_from([b"", b"\0", b"\1\x40\xc8", b"\2", b"\3\x40\xc8"]))
def test_any_bytes_are_a_message_or_are_refused(data: bytes, first: bytes) -> None:
    try:
        found = bhttp.decode(first + data)
    except BhttpError:
        return
    assert bhttp.decode(bhttp.encode(found)) == found


class TestPieces:
    """Messages of indeterminate length, as they come in."""

    @settings(deadline=None)
    @given(message=st.one_of(REQUESTS, RESPONSES), data=st.data())
    def test_they_are_read_however_they_are_cut(self, message: Message, data: st.DataObject) -> None:
        whole = bhttp.encode_open(message) + bytes(data.draw(st.integers(0, 9)))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=9)))
        reader, found = bhttp.PieceReader(), b""
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            found += b"".join(reader.feed(whole[start:end]))
        trailers = reader.finish()
        assert reader.head is not None
        assert replace(reader.head, content=found, trailers=trailers) == message

    def test_a_piece_is_there_as_soon_as_its_last_byte(self) -> None:
        reader = bhttp.PieceReader()
        response = Response(status=512, fields=(("a", "b"),))  # a status whose last byte is zero
        for byte in bhttp.open_head(response):
            assert reader.head is None
            reader.feed(bytes([byte]))
        assert reader.head == response
        assert reader.feed(bhttp.open_piece(b"one") + bhttp.open_piece(b"two")[:-1]) == [b"one"]
        assert reader.feed(b"o") == [b"two"]
        assert bhttp.open_piece(b"") == b""
        assert reader.feed(bhttp.open_end((("t", "u"),))) == []
        assert reader.finish() == (("t", "u"),)

    def test_a_message_that_is_cut_off_is_noticed(self) -> None:
        whole = bhttp.encode_open(RESPONSE)
        fine = {whole.index(b"3Hello"), len(whole) - 1, len(whole)}  # without content, without trailers, whole
        for size in range(len(whole)):
            reader = bhttp.PieceReader()
            reader.feed(whole[:size])
            if size in fine or whole[:size].endswith(b"\x40\xc8"):
                reader.finish()
                continue
            with pytest.raises(BhttpError) as told:
                reader.finish()
            assert told.value.reason == "truncated"

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"\0", "malformed"), (b"\1\x40\xc8", "malformed"), (b"\3\x42\x58\0", "malformed"),
            (b"\3\x40\xc8\0\x80\x20\0\0", "too_large"), (b"\3\x40\xc8\1a\x80\0\xff\xff" + bytes([97]) * 17_000, "too_large"),
            (b"\3\x40\xc8\0" + b"\1a" * (bhttp.MAX_CHUNKS + 1), "too_large"),
            (b"\3\x40\xc8\0\0\0\1", "malformed"), (b"\3\x40\xc8\0\0\1a\1\0\0", "malformed"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, data: bytes, reason: str) -> None:
        reader = bhttp.PieceReader()
        with pytest.raises(BhttpError) as told:
            reader.feed(data), reader.finish()
        assert told.value.reason == reason

    def test_a_stated_length_is_the_true_one(self) -> None:
        for stated, fine in (("3", True), ("4", False)):
            reader = bhttp.PieceReader()
            reader.feed(bhttp.open_head(Response(status=200, fields=(("content-length", stated),))) + b"\3abc\0\0")
            if fine:
                assert reader.finish() == ()
                continue
            with pytest.raises(BhttpError, match="stated otherwise"):
                reader.finish()

    @settings(deadline=None)
    @given(data=st.binary(max_size=100), first=st.sampled_from([b"", b"\2", b"\3\x40\xc8", b"\3\x40\xc8\0"]))
    def test_any_bytes_are_a_message_or_are_refused(self, data: bytes, first: bytes) -> None:
        reader = bhttp.PieceReader()
        try:
            found = b"".join(reader.feed(first + data))
            trailers = reader.finish()
        except BhttpError:
            return
        assert reader.head is not None
        whole = replace(reader.head, content=found or reader.head.content, trailers=trailers)
        assert bhttp.decode(first + data) == whole


@settings(deadline=None)
@given(value=st.integers(0, varint.MAX))
def test_numbers_of_variable_length(value: int) -> None:
    data = varint.encode(value)
    assert varint.decode(data + b"x", 0) == (value, len(data))
    assert varint.decode(data[:-1], 0) is None


def test_the_numbers_of_rfc_9000_appendix_a() -> None:
    for text, value in (("c2197c5eff14e88c", 151288809941952652), ("9d7f3e7d", 494878333), ("7bbd", 15293), ("25", 37)):
        assert varint.decode(bytes.fromhex(text), 0) == (value, len(text) // 2)
        assert varint.encode(value).hex() == text
    assert varint.decode(bytes.fromhex("4025"), 0) == (37, 2)
    for wrong in (-1, varint.MAX + 1):
        with pytest.raises(ValueError, match="between"):
            varint.encode(wrong)
