"""What an emulator is told to do with the next request, and the gate that lets a test hold an answer back."""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """One behaviour. Not every vendor has every one: `Emulator.play` refuses what that vendor never does."""

    SUCCESS = "success"
    PARTIAL = "partial"  # some pictures of a group are missing
    REFUSAL = "refusal"  # HTTP 200 without a picture
    MODERATION_INPUT = "moderation_input"
    MODERATION_FREE = "moderation_free"
    MODERATION_BILLED = "moderation_billed"
    WRONG_KEY = "wrong_key"
    FORBIDDEN = "forbidden"
    NO_CREDIT = "no_credit"
    WRONG_REGION = "wrong_region"
    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_HTML = "rate_limit_html"  # a front proxy's page instead of the vendor's JSON
    QUOTA = "quota"  # 429 that waiting does not cure
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_FIELD = "unknown_field"

    HTML_502 = "html_502"
    EMPTY_BODY = "empty_body"
    EMPTY_DATA = "empty_data"
    INVALID_JSON = "invalid_json"
    HALF_JSON = "half_json"  # a whole HTTP message with half of the JSON in it
    TRUNCATED_BODY = "truncated_body"  # fewer bytes than Content-Length says, then the end
    HUGE_BODY = "huge_body"  # `size_bytes` of filler, for size caps

    INVALID_BASE64 = "invalid_base64"
    TEXT_AS_PNG = "text_as_png"
    SVG_AS_PNG = "svg_as_png"
    WRONG_MIME = "wrong_mime"  # another format than the one declared, as real bytes
    HALF_IMAGE = "half_image"
    PIXEL_BOMB = "pixel_bomb"

    URL_PRIVATE = "url_private"
    URL_EXPIRED = "url_expired"
    URL_REDIRECT_PRIVATE = "url_redirect_private"

    CUT_BEFORE_READ = "cut_before_read"  # the connection is reset before one byte of the request is read
    CUT_AFTER_READ = "cut_after_read"  # the whole request is read, carried out and charged; no answer

    STREAM_ODD_BYTES = "stream_odd_bytes"
    STREAM_ERROR = "stream_error"
    STREAM_NO_FINAL = "stream_no_final"
    STREAM_FINAL_FIRST = "stream_final_first"
    STREAM_CRLF_COMMENTS = "stream_crlf_comments"
    STREAM_CUT = "stream_cut"

    JOB_ENDLESS = "job_endless"
    JOB_LOST = "job_lost"
    JOB_FAULTED = "job_faulted"
    JOB_IMPOSSIBLE = "job_impossible"
    JOB_CENSORED = "job_censored"


TRANSPORT_KINDS = frozenset(
    {
        Kind.SUCCESS,
        Kind.RATE_LIMIT_HTML,
        Kind.HTML_502,
        Kind.EMPTY_BODY,
        Kind.INVALID_JSON,
        Kind.HALF_JSON,
        Kind.TRUNCATED_BODY,
        Kind.HUGE_BODY,
        Kind.CUT_BEFORE_READ,
        Kind.CUT_AFTER_READ,
    }
)
STATUS_KINDS = frozenset(
    {
        Kind.WRONG_KEY,
        Kind.FORBIDDEN,
        Kind.NO_CREDIT,
        Kind.RATE_LIMIT,
        Kind.OVERLOADED,
        Kind.SERVER_ERROR,
        Kind.UNKNOWN_MODEL,
        Kind.UNKNOWN_FIELD,
    }
)
PICTURE_KINDS = frozenset(
    {Kind.TEXT_AS_PNG, Kind.SVG_AS_PNG, Kind.WRONG_MIME, Kind.HALF_IMAGE, Kind.PIXEL_BOMB, Kind.INVALID_BASE64}
)
URL_KINDS = frozenset({Kind.URL_PRIVATE, Kind.URL_EXPIRED, Kind.URL_REDIRECT_PRIVATE})
STREAM_KINDS = frozenset(
    {
        Kind.STREAM_ODD_BYTES,
        Kind.STREAM_ERROR,
        Kind.STREAM_NO_FINAL,
        Kind.STREAM_FINAL_FIRST,
        Kind.STREAM_CRLF_COMMENTS,
        Kind.STREAM_CUT,
    }
)
JOB_KINDS = frozenset({Kind.JOB_ENDLESS, Kind.JOB_LOST, Kind.JOB_FAULTED, Kind.JOB_IMPOSSIBLE, Kind.JOB_CENSORED})


class Gate:
    """Holds an answer until the test lets it go. One gate may hold several requests.

    `reached` and `release` work from any thread and any event loop.
    """

    def __init__(self) -> None:
        self._reached: Future[None] = Future()
        self._released: Future[None] = Future()

    def release(self) -> None:
        if not self._released.done():
            self._released.set_result(None)

    @property
    def released(self) -> bool:
        return self._released.done()

    def wait_reached(self, timeout: float = 60.0) -> None:
        """Blocks a test without a loop of its own until a request stands at the gate."""
        self._reached.result(timeout)

    async def reached(self, timeout: float = 60.0) -> None:
        async with asyncio.timeout(timeout):
            await asyncio.shield(asyncio.wrap_future(self._reached))

    async def hold(self) -> None:
        """The emulator's side."""
        if not self._reached.done():
            self._reached.set_result(None)
        await asyncio.shield(asyncio.wrap_future(self._released))


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to the next `times` requests of the step `on` (0: to all of them until `reset`).

    `on` is the step of the protocol: "submit" (makes pictures), "models", "account", "check", "status", "cancel",
    "file", or "any". `retry_after_s` is given in that vendor's own form; None gives the vendor's usual hint, if it
    has one. `variant` and `reason` select one of several real shapes; the README lists them.
    """

    kind: Kind = Kind.SUCCESS
    times: int = 1
    on: str = "submit"
    gate: Gate | None = None  # before the answer's first byte
    final_gate: Gate | None = None  # streams: before the last event; jobs: before the job is done
    delay_s: float = 0.0
    retry_after_s: float | None = None
    variant: str = ""
    reason: str = ""
    field: str = "style"  # the field that UNKNOWN_FIELD names
    fail_indexes: tuple[int, ...] = (1,)  # the pictures that PARTIAL leaves out
    url: str = "http://10.255.255.1/picture.png"  # where URL_PRIVATE and URL_REDIRECT_PRIVATE point
    size_bytes: int = 64 * 1024 * 1024
    polls: int = 1  # jobs: how many checks say "not yet"
    wait_time_s: int = 30
    queue_position: int = 3


def scenario_from_text(text: str) -> Scenario:
    """Reads a scenario out of a header or a control request: a kind's name, or a JSON object of the plain fields.

    Raises ValueError for a name that does not exist.
    """
    value: Any = json.loads(text) if text.lstrip().startswith("{") else {"kind": text.strip()}
    return scenario_from_json(value)


def scenario_from_json(value: Mapping[str, Any]) -> Scenario:
    known = {one.name for one in fields(Scenario)} - {"gate", "final_gate"}
    unknown = sorted(set(value) - known)
    if unknown:
        raise ValueError(f"scenario has no field {unknown[0]!r}; it has {', '.join(sorted(known))}")
    plain = dict(value)
    plain["kind"] = Kind(plain.get("kind", "success"))
    if "fail_indexes" in plain:
        plain["fail_indexes"] = tuple(plain["fail_indexes"])
    return Scenario(**plain)


class Playlist:
    """The scenarios that wait for their requests, first in, first out for each step."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Scenario, list[int]]] = []

    def add(self, scenario: Scenario) -> None:
        self._waiting.append((scenario, [scenario.times]))

    def take(self, step: str) -> Scenario | None:
        for entry in self._waiting:
            scenario, left = entry
            if scenario.on not in (step, "any") or scenario.kind is Kind.CUT_BEFORE_READ:
                continue
            self._spend(entry, left)
            return scenario
        return None

    def take_cut(self, variant: str) -> bool:
        """Whether the connection at hand is to be reset unread: with the variant "connect" as soon as it stands, else
        when the first bytes lie there. Only while such a scenario is first in line: the step is not known yet."""
        if not self._waiting:
            return False
        first = self._waiting[0][0]
        if first.kind is not Kind.CUT_BEFORE_READ or first.variant != variant:
            return False
        self._spend(self._waiting[0], self._waiting[0][1])
        return True

    def _spend(self, entry: tuple[Scenario, list[int]], left: list[int]) -> None:
        if left[0] == 1:
            self._waiting.remove(entry)
        elif left[0] > 1:
            left[0] -= 1

    @property
    def pending(self) -> tuple[Scenario, ...]:
        return tuple(scenario for scenario, _ in self._waiting)

    def clear(self) -> None:
        """Lets everything go that waits at a gate."""
        for scenario, _ in self._waiting:
            open_gates(scenario)
        self._waiting.clear()


def open_gates(scenario: Scenario) -> None:
    for gate in (scenario.gate, scenario.final_gate):
        if gate is not None:
            gate.release()
