"""Requests and responses as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from triptych.spec.json import Json
from triptych.spec.model import Step as Step  # noqa: PLC0414 - part of every request


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a multipart form. `filename` and `media_type` make it a file."""

    name: str
    data: bytes = field(repr=False)
    filename: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """An outbound request without credentials. At most one of `json` and `parts` is set.

    `from_response` marks an address that came out of an answer: it is hostile until the guard has seen it, and gets
    credentials only on the adapter's own origin and its declared trusted hosts. `stream` asks for server-sent events.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"] = "POST"
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Json = None
    parts: tuple[Part, ...] = ()
    step: Step = "submit"
    from_response: bool = False
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """An answer, read whole. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    url: str = ""
    step: Step = "submit"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHead:
    """A stream has begun: what stands before its events. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One event of a text/event-stream (WHATWG HTML, section 9.2)."""

    event: str
    data: str
