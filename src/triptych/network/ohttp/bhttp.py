"""HTTP messages as bytes: Binary HTTP (RFC 9292, August 2022), in both its forms.

A message of known length has the length before each part. One of indeterminate length ends its parts with a zero, so that it
can be written before its end is known. Names, values and control data are held to the rules of HTTP/2 (RFC 9113 section 8),
as RFC 9292 section 3 asks; a message that breaks one is refused whole (section 4). Text is one character per byte (Latin-1).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from triptych.network.ohttp import varint
from triptych.network.ohttp.errors import BhttpError, Reason

MEDIA_TYPE = "message/bhttp"
MAX_FIELDS = 256  # lines in one section
MAX_SECTION = 64 * 1024  # bytes of one section
MAX_INTERIM = 64  # informational responses
MAX_CHUNKS = 65_536  # pieces of content
MAX_HEAD = 16 * 1024  # bytes before the content, of a message that comes bit by bit
MAX_PIECE = 1024 * 1024  # bytes of a piece of it
CHUNK = 16 * 1024  # bytes of content in a piece that is written here

Fields = tuple[tuple[str, str], ...]
"""Names in lower case, and values, in their order."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9a-z]+"  # noqa: S105 - the grammar's own word; RFC 9110 section 5.6.2, in lower case
_NAME = re.compile(rf":?{_TOKEN}")
_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
_AUTHORITY = re.compile(r"[!\"$-.0-9:;<=>A-~]*")  # no space, `/`, `?`, `#` or `@` (RFC 9113 section 8.3.1: no user)
_PATH = re.compile(r"/[!\"$-~]*|\*")
_CONTROL = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request (RFC 9292 section 3.4). `path` has the query in it; `authority` may be empty where a `host` field says it."""

    method: str
    path: str
    scheme: str = "https"
    authority: str = ""
    fields: Fields = ()
    content: bytes = b""
    trailers: Fields = ()


@dataclass(frozen=True, slots=True)
class Interim:
    """An informational response, status 100 to 199 (RFC 9292 section 3.5.1)."""

    status: int
    fields: Fields = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A final response, status 200 to 599 (RFC 9292 section 3.5), and the informational ones before it."""

    status: int
    fields: Fields = ()
    content: bytes = b""
    trailers: Fields = ()
    interim: tuple[Interim, ...] = ()


Message = Request | Response


def field(message: Message, name: str) -> str | None:
    """The value of the first field with a name in lower case; None where there is none."""
    return next((value for found, value in message.fields if found == name), None)


def encode(message: Message, *, short: bool = False) -> bytes:
    """A message of known length (RFC 9292 section 3.1). `short` leaves out the empty parts at its end. Raises BhttpError for
    a message that breaks a rule of HTTP."""
    check(message)
    parts = [_section(message.fields), _counted(message.content), _section(message.trailers)]
    while short and parts and parts[-1] == b"\0":
        parts.pop()
    interim = b"".join(_status(one.status) + _section(one.fields) for one in _interim(message))
    return bytes([isinstance(message, Response)]) + interim + _control(message) + b"".join(parts)


def encode_open(message: Message) -> bytes:
    """A message of indeterminate length (RFC 9292 section 3.2). Raises BhttpError for one that breaks a rule of HTTP."""
    check(message)
    pieces = (open_piece(message.content[at : at + CHUNK]) for at in range(0, len(message.content), CHUNK))
    return b"".join((open_head(message), *pieces, open_end(message.trailers)))


def open_head(message: Message) -> bytes:
    """The beginning of a message of indeterminate length, up to its content; that of `message` is not in it. Raises
    BhttpError."""
    check(message, whole=False)
    interim = b"".join(_status(one.status) + _lines(one.fields) + b"\0" for one in _interim(message))
    return bytes([2 + isinstance(message, Response)]) + interim + _control(message) + _lines(message.fields) + b"\0"


def open_piece(content: bytes | memoryview) -> bytes:
    """A piece of content of a message of indeterminate length; nothing for no bytes."""
    return _counted(content) if content else b""


def open_end(trailers: Fields = ()) -> bytes:
    """The end of a message of indeterminate length. Raises BhttpError."""
    _check_fields(trailers, trailer=True)
    return b"\0" + _lines(trailers) + b"\0"


def decode(data: bytes) -> Message:
    """Reads a message of either form; parts at its end may be missing where they are empty, and zeros may follow it (RFC 9292
    sections 3.1, 3.2 and 3.8). Raises BhttpError."""
    reader = _Reader(data)
    framing = reader.number("framing indicator")
    if framing > 3:
        _refuse(f"The framing indicator is {framing}; 0 to 3 are known.")
    message = _request(reader, known=framing == 0) if framing % 2 == 0 else _response(reader, known=framing == 1)
    _check_zeros(reader)
    check(message)
    return message


def decode_request(data: bytes) -> Request:
    """Reads what has to be a request. Raises BhttpError."""
    message = decode(data)
    return message if isinstance(message, Request) else _refuse("It is a response where a request belongs.")


def decode_response(data: bytes) -> Response:
    """Reads what has to be a response. Raises BhttpError."""
    message = decode(data)
    return message if isinstance(message, Response) else _refuse("It is a request where a response belongs.")


def check(message: Message, *, whole: bool = True) -> None:
    """Holds a message to the rules of HTTP/2 that RFC 9292 takes over (RFC 9113 sections 8.1.1 to 8.3); `whole` says that its
    content is in it. Raises BhttpError."""
    if isinstance(message, Request):
        _check_request(message)
    else:
        _check_statuses(message)
    for one in _interim(message):
        _check_fields(one.fields, trailer=False)
    _check_fields(message.fields, trailer=False)
    _check_fields(message.trailers, trailer=True)
    if whole:
        _check_length(message, len(message.content))


def _check_zeros(reader: "_Reader") -> None:
    if reader.data.count(b"\0", reader.at) != len(reader.data) - reader.at:
        _refuse("What follows the message is not all zeros.")


def _check_request(message: Request) -> None:
    rules = {
        "method": (_METHOD, message.method), "scheme": (_SCHEME, message.scheme),
        "authority": (_AUTHORITY, message.authority), "path": (_PATH, message.path),
    }  # fmt: skip
    for name, (rule, text) in rules.items():
        if rule.fullmatch(text) is None:
            _refuse(f"The {name} is none: {text[:60]!r}.")
    if message.method == "CONNECT":
        _refuse("CONNECT cannot be carried in a message (RFC 9292 section 5).")


def _check_statuses(message: Response) -> None:
    if not 200 <= message.status <= 599:
        _refuse(f"The status {message.status} is not between 200 and 599.")
    if len(message.interim) > MAX_INTERIM:
        _refuse(f"There are more than {MAX_INTERIM} informational responses.", "too_large")
    for one in message.interim:
        if not 100 <= one.status <= 199:
            _refuse(f"The status {one.status} of an informational response is not between 100 and 199.")


def _check_fields(fields: Fields, *, trailer: bool) -> None:
    if len(fields) > MAX_FIELDS:
        _refuse(f"A section has more than {MAX_FIELDS} fields.", "too_large")
    plain = trailer  # pseudo-fields stand before all others, and never in trailers (RFC 9113 section 8.3)
    for name, value in fields:
        if _NAME.fullmatch(name) is None or name in _CONTROL or name in _CONNECTION:
            _refuse(f"A field cannot be named {name[:60]!r} here.")
        if name.startswith(":") and plain:
            _refuse(f"The pseudo-field {name[:60]!r} stands behind other fields, or in the trailers.")
        if _VALUE.fullmatch(value) is None or (name == "te" and value != "trailers"):
            _refuse(f"The value of the field {name[:60]!r} is none that HTTP allows.")
        plain = plain or not name.startswith(":")


def _check_length(message: Message, size: int) -> None:
    """A stated length is the true one (RFC 9113 section 8.1.1); only an answer to HEAD, or 304, may have none of it."""
    stated = {value for name, value in message.fields if name == "content-length"}
    empty = isinstance(message, Response) and not size
    if stated and stated != {str(size)} and not (empty and _is_number(stated)):
        _refuse(f"The content has {size} bytes, and its length is stated otherwise.")


def _is_number(stated: set[str]) -> bool:
    one = next(iter(stated))
    return len(stated) == 1 and one.isascii() and one.isdigit()


def _interim(message: Message) -> tuple[Interim, ...]:
    return message.interim if isinstance(message, Response) else ()


def _control(message: Message) -> bytes:
    if isinstance(message, Response):
        return _status(message.status)
    return b"".join(_text(one) for one in (message.method, message.scheme, message.authority, message.path))


def _status(status: int) -> bytes:
    return varint.encode(status)


def _text(text: str) -> bytes:
    return _counted(text.encode("latin-1"))


def _counted(data: bytes | memoryview) -> bytes:
    return b"".join((varint.encode(len(data)), data))


def _lines(fields: Fields) -> bytes:
    lines = b"".join(_text(name) + _text(value) for name, value in fields)
    return lines if len(lines) <= MAX_SECTION else _refuse(f"A section is over {MAX_SECTION} bytes.", "too_large")


def _section(fields: Fields) -> bytes:
    return _counted(_lines(fields))


def _request(reader: "_Reader", *, known: bool, alone: bool = False) -> Request:
    """`alone` leaves the content and the trailers to whoever reads on."""
    method, scheme, authority, path = (reader.text(name) for name in ("method", "scheme", "authority", "path"))
    return Request(
        method=method, scheme=scheme, authority=authority, path=path, fields=_read_fields(reader, known=known, there=alone),
        content=b"" if alone else _read_content(reader, known=known),
        trailers=() if alone else _read_fields(reader, known=known),
    )  # fmt: skip


def _response(reader: "_Reader", *, known: bool, alone: bool = False) -> Response:
    interim: list[Interim] = []
    while 100 <= (status := reader.number("status")) <= 199:
        if len(interim) == MAX_INTERIM:
            _refuse(f"There are more than {MAX_INTERIM} informational responses.", "too_large")
        interim.append(Interim(status, _read_fields(reader, known=known, there=alone)))
    return Response(
        status=status, fields=_read_fields(reader, known=known, there=alone),
        content=b"" if alone else _read_content(reader, known=known),
        trailers=() if alone else _read_fields(reader, known=known), interim=tuple(interim),
    )  # fmt: skip


def _read_fields(reader: "_Reader", *, known: bool, there: bool = False) -> Fields:
    """`there` says that the section is not left out, and perhaps still on its way."""
    if reader.ended and not there:
        return ()
    return tuple(_bounded(reader.known_lines() if known else reader.open_lines()))


def _bounded(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    size = 0
    for count, (name, value) in enumerate(lines):
        size += len(name) + len(value)
        if count == MAX_FIELDS or size > MAX_SECTION:
            _refuse(f"A section has more than {MAX_FIELDS} fields or {MAX_SECTION} bytes.", "too_large")
        yield name, value


def _read_content(reader: "_Reader", *, known: bool) -> bytes:
    if reader.ended:
        return b""
    if known:
        return reader.counted("content")
    pieces: list[bytes] = []
    while piece := reader.counted("content"):
        pieces.append(piece)
        if len(pieces) > MAX_CHUNKS:
            _refuse(f"The content is in more than {MAX_CHUNKS} pieces.", "too_large")
    return b"".join(pieces)


class PieceReader:
    """A message of indeterminate length that comes bit by bit. `head` is the message without content and trailers, once that much
    is there. After a BhttpError it is of no more use, and before `finish` nobody may take the message to be whole."""

    __slots__ = ("_buffer", "_count", "_over", "_size", "head")

    def __init__(self) -> None:
        self._buffer, self._count, self._size, self._over = bytearray(), 0, 0, False
        self.head: Message | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of content that are whole now. Raises BhttpError."""
        self._buffer += data
        if self.head is None:
            self._read_head()
        found: list[bytes] = []
        while self.head is not None and not self._over and (piece := self._piece()) is not None:
            found += [piece] if piece else []
        return found

    def finish(self) -> Fields:
        """The trailers, when everything has been fed. Raises BhttpError where the message was cut off."""
        if self.head is None:
            self.head = decode(bytes(self._buffer))  # cut short where its parts are empty, as it may be
            return self.head.trailers
        if not self._over and (self._count or self._buffer):
            _refuse("The message ends in its content.", "truncated")
        reader = _Reader(bytes(self._buffer))
        trailers = _read_fields(reader, known=False)
        _check_fields(trailers, trailer=True)
        _check_zeros(reader)
        _check_length(self.head, self._size)
        return trailers

    def _read_head(self) -> None:
        reader = _Reader(bytes(self._buffer))
        try:
            framing = reader.number("framing indicator")
            if framing not in {2, 3}:
                _refuse("It is not a message of indeterminate length.")
            head = (
                _request(reader, known=False, alone=True)
                if framing == 2
                else _response(reader, known=False, alone=True)
            )
        except BhttpError as error:
            if error.reason != "truncated":
                raise
            if len(self._buffer) > MAX_HEAD:
                _refuse(f"The head of a message has at most {MAX_HEAD // 1024} KiB.", "too_large")
            return
        check(head, whole=False)
        self.head = head
        del self._buffer[: reader.at]

    def _piece(self) -> bytes | None:
        """The next piece, empty where it says that there are no more; None where it is not there yet."""
        found = varint.decode(self._buffer, 0)
        if found is None:
            return None
        size, at = found
        self._count += 1
        if size > MAX_PIECE or self._count > MAX_CHUNKS:
            _refuse(f"Content comes in at most {MAX_CHUNKS} pieces of {MAX_PIECE // 1024} KiB each.", "too_large")
        if len(self._buffer) < at + size:
            self._count -= 1
            return None
        with memoryview(self._buffer) as here:
            piece = bytes(here[at : at + size])
        del self._buffer[: at + size]
        self._size += size
        self._over = not size
        return piece


class _Reader:
    """Goes through the bytes of a message once."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def ended(self) -> bool:
        return self.at == len(self.data)

    def number(self, what: str) -> int:
        found = varint.decode(self.data, self.at)
        if found is None:
            _refuse(f"The message ends in its {what}.", "truncated")
        value, self.at = found
        return value

    def counted(self, what: str) -> bytes:
        size = self.number(what)
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            _refuse(f"The message ends in its {what}.", "truncated")
        return self.data[start : self.at]

    def text(self, what: str) -> str:
        return self.counted(what).decode("latin-1")

    def line(self, name: str) -> tuple[str, str]:
        return name, self.text("fields")

    def known_lines(self) -> Iterator[tuple[str, str]]:
        end = self.number("fields")
        end += self.at
        if end > len(self.data):
            _refuse("The message ends in its fields.", "truncated")
        while self.at < end:
            yield self.line(self.text("fields"))
        if self.at > end:
            _refuse("A field reaches over the end of its section.")

    def open_lines(self) -> Iterator[tuple[str, str]]:
        while name := self.text("fields"):
            yield self.line(name)


def _refuse(message: str, reason: Reason = "malformed") -> NoReturn:
    raise BhttpError(reason, message)
