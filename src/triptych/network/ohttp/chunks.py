"""Sealed messages in pieces, for what comes bit by bit (draft-ietf-ohai-chunked-ohttp-06, September 2025).

Every piece is sealed with its number, and the last one says that it is: one that is dropped, repeated or put elsewhere is noticed,
and so is an end that comes too early. Before `finish` has returned, nobody may take a message to be whole (section 7.1).
"""

import secrets
from collections.abc import Iterable

from triptych.network.ohttp import varint
from triptych.network.ohttp.errors import SealError
from triptych.network.ohttp.keys import KeyConfig, NodeKey
from triptych.network.ohttp.seal import HEADER_SIZE, TAG_SIZE, AnswerKey, Context, Random, receive, send, unseal

REQUEST_TYPE = "message/ohttp-chunked-req"
RESPONSE_TYPE = "message/ohttp-chunked-res"
MAX_CHUNK = 1024 * 1024  # bytes of a piece in the clear; 16,384 is what everybody has to take (section 3)
_REQUEST, _RESPONSE = b"message/bhttp chunked request", b"message/bhttp chunked response"
_FINAL = b"final"


class _Stream:
    """Pieces with their lengths before them; 0 announces the last, which goes on to the end (sections 4 and 5)."""

    __slots__ = ("_buffer", "_last", "ended")

    def __init__(self) -> None:
        self._buffer, self._last, self.ended = bytearray(), False, False

    def feed(self, data: bytes) -> None:
        if self.ended:
            raise SealError("finished", "There is more behind the end of the message.")
        self._buffer += data

    def header(self, size: int) -> bytes | None:
        """The first bytes, once they are there."""
        if len(self._buffer) < size:
            return None
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    def next(self) -> bytes | None:
        """The next sealed piece that is not the last, once it is there. Raises SealError."""
        found = None if self._last else varint.decode(self._buffer, 0)
        if self._last or found is None:
            self._bound(len(self._buffer))
            return None
        size, at = found
        if size == 0:
            self._last = True
            del self._buffer[:at]
            self._bound(len(self._buffer))
            return None
        self._bound(size)
        if len(self._buffer) < at + size:
            return None
        with memoryview(self._buffer) as here:
            piece = bytes(here[at : at + size])
        del self._buffer[: at + size]
        return piece

    def last(self) -> bytes:
        """The last sealed piece, when everything has been fed. Raises SealError."""
        if not self._last:
            raise SealError("truncated", "The message was cut off: its last piece is not there.")
        self.ended = True
        return bytes(self._buffer)

    @staticmethod
    def _bound(size: int) -> None:
        if size > MAX_CHUNK + TAG_SIZE:
            raise SealError("too_large", f"A piece of a message has at most {MAX_CHUNK} bytes.")


class ChunkSealer:
    """Seals the pieces of one message, in their order."""

    def __init__(self, context: Context, key: AnswerKey | None) -> None:
        self._context, self._key, self._count, self._ended = context, key, 0, False

    def seal(self, data: bytes) -> bytes:
        """The next piece, with its length before it. Raises SealError."""
        sealed = self._seal(data, b"")
        return varint.encode(len(sealed)) + sealed

    def finish(self, data: bytes = b"") -> bytes:
        """The last piece, which may be empty. Raises SealError."""
        sealed = self._seal(data, _FINAL)
        self._ended = True
        return b"\0" + sealed

    def _seal(self, data: bytes, aad: bytes) -> bytes:
        if self._ended:
            raise SealError("finished", "The last piece of this message has been sealed.")
        if len(data) > MAX_CHUNK:
            raise SealError("too_large", f"A piece of a message has at most {MAX_CHUNK} bytes.")
        count, self._count = self._count, self._count + 1
        return self._context.hpke.seal(data, aad) if self._key is None else self._key.seal(count, data, aad)


class RequestSealer(ChunkSealer):
    """The client's side of a request in pieces. `header` goes first."""

    def __init__(self, configs: Iterable[KeyConfig], *, random: Random = secrets.token_bytes) -> None:
        """Raises KeysError, SealError."""
        context = send(configs, _REQUEST, random)
        super().__init__(context, None)
        self.header = context.header

    def answer(self) -> "AnswerOpener":
        """What opens the answer."""
        return AnswerOpener(self._context)


class ReplySealer(ChunkSealer):
    """The node's side of an answer in pieces. `header` goes first."""

    def __init__(self, context: Context, *, random: Random = secrets.token_bytes) -> None:
        self.header = random(context.entropy)
        super().__init__(context, context.answer_key(_RESPONSE, self.header))


class RequestOpener:
    """The node's side of a request in pieces: takes bytes as they come. After a SealError it is of no more use."""

    def __init__(self, keys: Iterable[NodeKey]) -> None:
        self._keys, self._stream = tuple(keys), _Stream()
        self.context: Context | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces that are whole now, in the clear. The last one comes from `finish`. Raises SealError."""
        self._stream.feed(data)
        if self.context is None and (header := self._stream.header(HEADER_SIZE)) is not None:
            self.context = receive(self._keys, header, _REQUEST)
        found: list[bytes] = []
        while self.context is not None and (piece := self._stream.next()) is not None:
            found.append(unseal(self.context.hpke, piece, b""))
        return found

    def finish(self) -> bytes:
        """The last piece, when the stream has ended. Raises SealError where the message was cut off."""
        last = self._stream.last()
        return unseal(self._context().hpke, last, _FINAL)

    def reply(self, *, random: Random = secrets.token_bytes) -> ReplySealer:
        """What seals the answer; the request need not be whole. Raises SealError before its header is."""
        return ReplySealer(self._context(), random=random)

    def _context(self) -> Context:
        if self.context is None:
            raise SealError("truncated", "The sealed request ends in its header.")
        return self.context


class AnswerOpener:
    """The client's side of an answer in pieces: takes bytes as they come. After a SealError it is of no more use."""

    def __init__(self, context: Context) -> None:
        self._context, self._stream, self._count = context, _Stream(), 0
        self._key: AnswerKey | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces that are whole now, in the clear. The last one comes from `finish`. Raises SealError."""
        self._stream.feed(data)
        if self._key is None and (nonce := self._stream.header(self._context.entropy)) is not None:
            self._key = self._context.answer_key(_RESPONSE, nonce)
        found: list[bytes] = []
        while self._key is not None and (piece := self._stream.next()) is not None:
            found.append(self._key.open(self._count, piece))
            self._count += 1
        return found

    def finish(self) -> bytes:
        """The last piece, when the stream has ended. Raises SealError where the message was cut off."""
        last = self._stream.last()
        if self._key is None:
            raise SealError("truncated", "The sealed answer ends in its header.")
        return self._key.open(self._count, last, _FINAL)
