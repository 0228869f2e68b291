"""Server-sent events out of a byte stream (WHATWG HTML, section 9.2.6, read 2026-11-20)."""

from triptych.http.message import ServerSentEvent
from triptych.spec.errors import HostileContentError

_BOM = b"\xef\xbb\xbf"


class EventParser:
    """Feed it bytes as they come; it returns the events that are complete. Cuts may be anywhere, also inside a
    character or between CR and LF. An event that the stream does not finish with an empty line is not given out."""

    def __init__(self, max_event_bytes: int = 96 << 20) -> None:
        self._max = max_event_bytes
        self._pending: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._start = True
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Raises HostileContentError for an event over the size limit."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        self._size += len(chunk)
        if self._size > self._max:
            raise HostileContentError(f"An event of a stream is over {self._max >> 20} MB.")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._pending.append(chunk)
            return []
        whole = b"".join((*self._pending, chunk))
        self._after_cr = whole.endswith(b"\r")
        lines = whole.splitlines()
        self._pending = [] if whole.endswith((b"\r", b"\n")) else [lines.pop()]
        events = [event for line in lines if (event := self._line(line)) is not None]
        if events or not self._data:
            self._size = sum(map(len, self._pending))
        return events

    def _line(self, line: bytes) -> ServerSentEvent | None:
        if self._start:
            line = line.removeprefix(_BOM)
            self._start = False
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(text)
        elif name == b"event":
            self._event = text
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return ServerSentEvent(event=event, data="\n".join(data)) if data else None
