"""What a studio and a node say to each other, inside the seal: a job, questions after it, and what comes of it.

A job is a request of Binary HTTP with a JSON body as OpenAI's Images API has it, and `seed`, `nonce` and `sent_ms` besides. It is
answered at once with a capability: 128 random bits, and whoever has them may ask how the job goes. Pictures travel behind the
JSON as they are, not in base64: `varint(length of the JSON) || JSON || picture || picture …`, in the order in which it lists them.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from triptych.network.jose import encode_url64
from triptych.network.ohttp import bhttp, padding, varint
from triptych.network.ohttp.bhttp import Request, Response
from triptych.network.ohttp.errors import OhttpError
from triptych.network.ohttp.seal import Random
from triptych.network.strict import Hash, Strict, Text, Whole

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
POLL, WATCH, CANCEL = "/v1/jobs/poll", "/v1/jobs/watch", "/v1/jobs/cancel"
JSON_TYPE, FRAMED_TYPE = "application/json", "application/vnd.triptych.framed"
PAYMENT = "payment-signature"  # the field of a job that is paid for, as x402 names it
DATE_TYPE = "https://iana.org/assignments/http-problem-types#date"  # RFC 9458 section 9.4
MAX_JSON = 256 * 1024  # bytes of a body without its pictures
MAX_WAIT_MS = 25_000  # of one question
MAX_PICTURES = 16
T = TypeVar("T")

_Token = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{22}$")]  # 128 bits in base64url
_Nonce = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{22,43}$")]  # 128 to 256 bits
_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=65_535)]

Reason = Literal["malformed", "too_large", "picture", "unknown"]


class JobError(Exception):
    """A message that is none of these, or not whole. `reason` says why in one word; the text names the field."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Picture(Strict, frozen=True):
    """A picture behind the JSON: how many bytes, their SHA-256 in hex, and what they are. `role` is for what a job brings."""

    bytes: Annotated[int, msgspec.Meta(ge=1, le=padding.MAX_RESPONSE)]
    sha256: Hash
    media_type: Literal["image/png", "image/jpeg", "image/webp"]
    role: Literal["", "edit", "mask", "reference"] = ""


class Job(Strict, frozen=True):
    """What is to be drawn; what a node would not honour cannot be asked for. `nonce` is random, new for each job, and makes its hash unguessable; `sent_ms` is the studio's
    clock in milliseconds since 1970; `seed` is for noise made on the CPU, so that another machine can draw it again. `size` is
    width x height in pixels; what is not given is the model's own choice. `guest` is the word of an invite (`Invite.pass_`), by which
    a node knows whom it draws for; without it the job is a stranger's."""

    model: Text
    prompt: Annotated[str, msgspec.Meta(max_length=32_000)]
    seed: Whole
    nonce: _Nonce
    sent_ms: Whole
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    size: Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$")] | None = None
    quality: Text | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    negative_prompt: Annotated[str, msgspec.Meta(max_length=32_000)] | None = None
    steps: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    guidance: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    strength: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    previews: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0
    images: Annotated[tuple[Picture, ...], msgspec.Meta(max_length=MAX_PICTURES)] = ()
    guest: _Token | None = None


class Poll(Strict, frozen=True):
    """How does the job go? Answered when there is more than the `seen` first pieces of news, or after `wait_ms`."""

    job: _Token
    seen: Whole = 0
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT_MS)] = MAX_WAIT_MS


class Watch(Strict, frozen=True):
    """All news of a job after the `seen` first, as they come, in an answer that stays open; see `news`."""

    job: _Token
    seen: Whole = 0


class Cancel(Strict, frozen=True):
    """The job is not wanted any more."""

    job: _Token


class Accepted(Strict, frozen=True, tag_field="state", tag="accepted"):
    """The job is taken. The same job sent again, over whatever hub, gets the same answer."""

    job: _Token
    queue: Whole = 0


class Working(Strict, frozen=True, tag_field="state", tag="working"):
    """News number `seen`: so many jobs before it, or step by step; with a preview where one was asked for."""

    seen: Whole
    queue: Whole = 0
    step: Whole = 0
    steps: Whole = 0
    preview: Picture | None = None


class Done(Strict, frozen=True, tag_field="state", tag="done"):
    """The pictures, and the node's receipt over them: nothing is shown before it has been checked. `paid` is what became of a payment, as
    x402 says it in base64."""

    receipt: _Line
    images: Annotated[tuple[Picture, ...], msgspec.Meta(min_length=1, max_length=MAX_PICTURES)]
    paid: Annotated[str, msgspec.Meta(max_length=16 * 1024)] | None = None


class Refused(Strict, frozen=True, tag_field="state", tag="refused"):
    """The node does not draw this, or does not hand out what it drew. The receipt says so, and has no words of the job in it."""

    receipt: _Line


Code = Literal[
    "bad_request", "clock", "unknown_job", "nonce_used", "no_model", "busy", "draining", "cancelled", "failed", "unpaid"
]
STATUS: Final[dict[Code, int]] = {
    "bad_request": 400, "clock": 400, "unknown_job": 404, "nonce_used": 409, "no_model": 404, "busy": 503, "draining": 503,
    "cancelled": 410, "failed": 500, "unpaid": 402,
}  # fmt: skip


class Problem(Strict, frozen=True, tag_field="state", tag="problem"):
    """Why nothing came of it (RFC 9457). `now_ms` is the node's clock, where the studio's is too far from it (RFC 9458 section
    6.5.2)."""

    code: Code
    title: Annotated[str, msgspec.Meta(max_length=400)]
    type: Annotated[str, msgspec.Meta(max_length=200)] = "about:blank"
    retry_ms: Whole | None = None
    now_ms: Whole | None = None


News = Accepted | Working | Done | Refused | Problem


@dataclass(frozen=True, slots=True)
class Submit:
    """A job with its pictures. `body` is the JSON to the byte, which the receipt's hash is over; `payment` goes beside it, as x402 has it
    in its header."""

    job: Job
    body: bytes
    pictures: tuple[bytes, ...] = ()
    payment: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, job: Job, pictures: Sequence[bytes] = ()) -> "Submit":
        """A job as it is sent. Raises JobError where the pictures are not those that it lists."""
        body = msgspec.json.encode(job)
        made = cls(_decode(body, Job), body, tuple(pictures))
        _check_pictures(made.job.images, made.pictures)
        return made

    @property
    def hash(self) -> str:
        """What the node's receipt names the job by: the SHA-256 of the body. As the nonce is in it, a short prompt cannot be
        guessed from it."""
        return hashlib.sha256(self.body).hexdigest()


Question = Submit | Poll | Watch | Cancel


@dataclass(frozen=True, slots=True)
class Reply:
    """What a node says, and the pictures that go with it."""

    news: News
    pictures: tuple[bytes, ...] = ()


def capability(random: Random = secrets.token_bytes) -> str:
    """The name of a job that only who sent it knows: 128 random bits in base64url."""
    return encode_url64(random(16))


def described(data: bytes, media_type: Literal["image/png", "image/jpeg", "image/webp"],
              role: Literal["", "edit", "mask", "reference"] = "") -> Picture:  # fmt: skip
    """A picture as the JSON lists it."""
    return Picture(bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), media_type=media_type, role=role)


def encode_question(question: Question) -> bytes:
    """What a studio asks, as Binary HTTP, padded, ready to be sealed. Raises JobError."""
    fields: tuple[tuple[str, str], ...] = ()
    match question:
        case Submit():
            fields = () if question.payment is None else ((PAYMENT, question.payment),)
            path = EDITS if question.job.images else GENERATIONS
            content_type, content = _framed(question.body, question.pictures)
        case Poll() | Watch() | Cancel():
            path = {Poll: POLL, Watch: WATCH, Cancel: CANCEL}[type(question)]
            content_type, content = _framed(msgspec.json.encode(question), ())
    request = Request(method="POST", path=path, fields=(("content-type", content_type), *fields), content=content)
    return _guard(lambda: padding.pad_request(bhttp.encode(request)))


def decode_question(data: bytes) -> Question:
    """Reads what a studio asks. Raises JobError, which names the field that is wrong."""
    request = _guard(lambda: bhttp.decode_request(data))
    if request.method != "POST":
        raise JobError("unknown", f"Everything is asked by POST, not {request.method}.")
    body, blob = _unframed(request)
    if request.path in {GENERATIONS, EDITS}:
        job: Job = _decode(body, Job)
        if (request.path == EDITS) != bool(job.images):
            raise JobError("malformed", f"A job with pictures goes to {EDITS}, one without to {GENERATIONS}.")
        return Submit(job, body, _split(blob, job.images), bhttp.field(request, PAYMENT))
    _split(blob, ())
    asked: dict[str, type[Poll | Watch | Cancel]] = {POLL: Poll, WATCH: Watch, CANCEL: Cancel}
    if request.path not in asked:
        raise JobError("unknown", f"There is nothing at {request.path[:60]}.")
    question: Poll | Watch | Cancel = _decode(body, asked[request.path])
    return question


def encode_reply(reply: Reply) -> bytes:
    """What a node says, as Binary HTTP, padded, ready to be sealed. Raises JobError."""
    _check_pictures(listed(reply.news), reply.pictures)
    content_type, content = _framed(msgspec.json.encode(reply.news), reply.pictures)
    response = Response(status=status(reply.news), fields=(("content-type", content_type),), content=content)
    return _guard(lambda: padding.pad_response(bhttp.encode(response)))


def decode_reply(data: bytes) -> Reply:
    """Reads what a node says; its pictures are whole, and whether they are the right ones the receipt tells. Raises
    JobError."""
    response = _guard(lambda: bhttp.decode_response(data))
    body, blob = _unframed(response)
    news: News = _decode(body, News)
    if response.status != status(news):
        raise JobError("malformed", f"The status {response.status} does not go with what is said.")
    return Reply(news, _split(blob, listed(news)))


def pack(reply: Reply) -> bytes:
    """What a node says without HTTP around it, as one of several things in an answer that stays open. Raises JobError."""
    if [one.bytes for one in listed(reply.news)] != [len(one) for one in reply.pictures]:
        raise JobError("picture", "The pictures are not those that are listed.")
    body = msgspec.json.encode(reply.news)
    return b"".join((varint.encode(len(body)), body, *reply.pictures))


def unpack(data: bytes) -> Reply:
    """Reads what `pack` gave. Raises JobError."""
    body, blob = _behind(data, varint.decode(data, 0))
    news: News = _decode(body, News)
    return Reply(news, _split(blob, listed(news)))


def status(news: News) -> int:
    """The HTTP status that goes with what a node says."""
    if isinstance(news, Problem):
        return STATUS[news.code]
    return {Accepted: 202, Working: 200, Done: 200, Refused: 403}[type(news)]


def listed(news: News) -> tuple[Picture, ...]:
    """The pictures that go with what a node says."""
    if isinstance(news, Working):
        return () if news.preview is None else (news.preview,)
    return news.images if isinstance(news, Done) else ()


def clock_problem(now_ms: int) -> Problem:
    """What is said to a studio whose clock is too far off (RFC 9458 section 6.5.2)."""
    return Problem(code="clock", type=DATE_TYPE, now_ms=now_ms,
                   title="The time in the request is too far from the node's clock.")  # fmt: skip


def _framed(body: bytes, pictures: Sequence[bytes]) -> tuple[str, bytes]:
    if len(body) > MAX_JSON:
        raise JobError("too_large", f"A message without its pictures has at most {MAX_JSON // 1024} KiB.")
    if not pictures:
        return JSON_TYPE, body
    return FRAMED_TYPE, b"".join((varint.encode(len(body)), body, *pictures))


def _unframed(message: Request | Response) -> tuple[bytes, memoryview]:
    """The JSON, and what stands behind it."""
    content, kind = message.content, bhttp.field(message, "content-type")
    if kind == JSON_TYPE:
        return _behind(content, (len(content), 0))
    if kind == FRAMED_TYPE:
        return _behind(content, varint.decode(content, 0))
    raise JobError(
        "malformed", f"The content is of the type {(kind or 'none')[:60]}; {JSON_TYPE} or {FRAMED_TYPE} is known."
    )


def _behind(content: bytes, head: tuple[int, int] | None) -> tuple[bytes, memoryview]:
    """The JSON by its length and its place, and what stands behind it."""
    size, at = head or (len(content) + 1, 0)
    if size > MAX_JSON or at + size > len(content):
        raise JobError(
            "too_large" if size > MAX_JSON else "malformed", "The JSON is longer than it may be or is there."
        )
    return content[at : at + size], memoryview(content)[at + size :]


def _split(blob: memoryview, pictures: Sequence[Picture]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    at = 0
    for one in pictures:
        found.append(bytes(blob[at : at + one.bytes]))
        at += one.bytes
    if at != len(blob):
        raise JobError("picture", f"The pictures are {at} bytes long by the list, and {len(blob)} are there.")
    _check_pictures(pictures, found)
    return tuple(found)


def _check_pictures(pictures: Sequence[Picture], found: Sequence[bytes]) -> None:
    stated = [(one.bytes, one.sha256) for one in pictures]
    if stated != [(len(one), hashlib.sha256(one).hexdigest()) for one in found]:
        raise JobError("picture", "The pictures are not those that are listed.")


def _decode(data: bytes, kind: Any) -> Any:
    """Raises JobError, which names the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise JobError("malformed", f"The message cannot be taken: {error}.") from None


def _guard(act: Callable[[], T]) -> T:
    """What is wrong with the message below, as an error of this one."""
    try:
        return act()
    except OhttpError as error:
        raise JobError("too_large" if error.reason == "too_large" else "malformed", str(error)) from None
