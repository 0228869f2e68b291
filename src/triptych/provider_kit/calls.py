"""What became of one outbound call: status, time, and the name that the provider itself gave it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from triptych.http.message import StreamHead
from triptych.spec.clock import Clock
from triptych.spec.model import Answered, CallEvent, WireRecord
from triptych.spec.replacing import replace

REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "x-fal-request-id", "x-amzn-requestid", "apim-request-id", "cf-ray",
)  # fmt: skip
"""Response headers by which services name a call, the service's own before those of what stands in front of it (as the
vendors' pages and packages have them, read 2026-11-20; `cf-ray` is Cloudflare's)."""
_MAX_ID = 120


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's own id of a call, by the names in lower-case that are in use."""
    return next((found for name in REQUEST_ID_HEADERS if (found := plain_id(headers.get(name)))), None)


def plain_id(text: object) -> str | None:
    """An id as one short printable word; None for what is none."""
    word = text.strip() if isinstance(text, str) else ""
    return word if 0 < len(word) <= _MAX_ID and word.isascii() and word.isprintable() and " " not in word else None


@dataclass(slots=True)
class Timed:
    """A call that is out, from now on. Tells once how it was answered."""

    wire: WireRecord
    clock: Clock
    tell: Callable[[CallEvent], Awaitable[None]]
    head: StreamHead | None = None
    over: bool = False
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()

    async def answered(self, status: int, headers: Mapping[str, str], named: str | None = None) -> None:
        """An answer is here whole. `named` is the id out of its body, for services that have no header for it."""
        await self._end(status, request_id(headers) or plain_id(named))

    async def streamed(self, named: str | None = None) -> None:
        """A stream is over, whichever way."""
        if self.head is None:
            await self.lost()
        else:
            await self.answered(self.head.status, self.head.headers, named)

    async def lost(self) -> None:
        """No whole answer came."""
        await self._end(None, None)

    async def _end(self, status: int | None, named: str | None) -> None:
        self.over = True
        ms = max(0, round((self.clock.monotonic() - self._began) * 1000))
        await self.tell(Answered(replace(self.wire, status=status, ms=ms, request_id=named)))
