"""News of a job as it is drawn, in one answer that stays open: sealed in pieces (`ohttp.chunks`), Binary HTTP of indeterminate length
inside, and in that one framed piece of news after the other. Previews arrive when they are drawn, without asking again.

Each piece of news is padded to 16 KiB: a hub sees how many there are and when, not what. An answer that is cut off in the middle is
noticed, and what had come before it was true all the same; the job is then asked after with `job.Poll`.
"""

from collections.abc import Iterator

from triptych.network import job
from triptych.network.job import JobError, Reply
from triptych.network.ohttp import bhttp, varint
from triptych.network.ohttp.bhttp import PieceReader, Response
from triptych.network.ohttp.errors import BhttpError
from triptych.network.ohttp.padding import MAX_RESPONSE

MEDIA_TYPE = "application/vnd.triptych.news"
BLOCK = 16 * 1024  # bytes that a piece of news is a multiple of


def begin() -> bytes:
    """The head of the answer."""
    return bhttp.open_head(Response(status=200, fields=(("content-type", MEDIA_TYPE),)))


def tell(reply: Reply) -> Iterator[bytes]:
    """A piece of news, in parts of 16 KiB each of which is to be sealed as one piece. Raises JobError."""
    frame = job.pack(reply)
    head = varint.encode(len(frame))
    size = len(head) + len(frame)
    whole = memoryview(b"".join((head, frame, bytes(-size % BLOCK))))
    for at in range(0, len(whole), BLOCK):
        yield bhttp.open_piece(whole[at : at + BLOCK])


def end() -> bytes:
    """The end of the answer."""
    return bhttp.open_end()


class NewsReader:
    """Takes what was in the sealed pieces, as it comes. After a JobError it is of no more use."""

    def __init__(self) -> None:
        self._pieces, self._buffer = PieceReader(), bytearray()

    def feed(self, data: bytes) -> list[Reply]:
        """The pieces of news that are whole now. Raises JobError."""
        try:
            for piece in self._pieces.feed(data):
                self._buffer += piece
        except BhttpError as error:
            raise JobError("malformed", str(error)) from None
        self._check_head()
        found: list[Reply] = []
        while (reply := self._next()) is not None:
            found.append(reply)
        return found

    def finish(self) -> None:
        """Everything has come. Raises JobError where the answer was cut off."""
        try:
            self._pieces.finish()
        except BhttpError as error:
            raise JobError("malformed", str(error)) from None
        self._check_head()
        if self._buffer:
            raise JobError("malformed", "The last piece of news is not whole.")

    def _check_head(self) -> None:
        head = self._pieces.head
        if head is None:
            return
        if not isinstance(head, Response) or head.status != 200 or bhttp.field(head, "content-type") != MEDIA_TYPE:
            raise JobError("malformed", "It is not news of a job.")

    def _next(self) -> Reply | None:
        found = varint.decode(self._buffer, 0)
        if found is None:
            return None
        size, at = found
        whole = -(-(at + size) // BLOCK) * BLOCK
        if whole > MAX_RESPONSE:
            raise JobError("too_large", f"A piece of news has at most {MAX_RESPONSE // 2**20} MiB.")
        if len(self._buffer) < whole:
            return None
        with memoryview(self._buffer) as here:
            frame = bytes(here[at : at + size])
        del self._buffer[:whole]
        return job.unpack(frame)
