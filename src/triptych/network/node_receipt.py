"""Receipts of nodes: which job, which bytes came out, by what, and when; signed by the node, checked before a picture is shown.

A line of the form that `jws` says, by the key of the node's card. It names the job by the hash of its body, which has a random nonce
in it, and the nonce by its own hash, so that whoever is shown a receipt cannot guess a short prompt. What it cannot prove
is which model ran: that is what jobs drawn twice are for.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn, get_args

import msgspec

from triptych.imaging.header import header
from triptych.network.card import SKEW_MS, Card, CardModel
from triptych.network.job import Job, Submit
from triptych.network.jws import JwsError, SignedLine, read_line, sign_line
from triptych.network.strict import Hash, NodeId, Strict, StrictError, Text, Whole, body_of
from triptych.spec.errors import HostileContentError
from triptych.tlog.note import Signer

FORMAT = "triptych-node-receipt/1"
TYPE = "triptych-node-receipt"

Media = Literal["image/png", "image/jpeg", "image/webp"]
Verdict = Literal["ok", "refused", "censored"]

Reason = Literal["malformed", "forged", "wrong_key", "card", "other_nonce", "other_request", "inputs", "other_model", "sampler", "steps", "seed",
                 "policy", "count", "other_bytes", "twice", "hostile", "type", "size", "time"]  # fmt: skip
REASONS = frozenset[str](get_args(Reason))


class NodeReceiptError(Exception):
    """A receipt that is none, or that does not fit what was asked and what came. `reason` says why in one word."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Output(Strict, frozen=True):
    """A picture that came out: its SHA-256 in hex, bytes, width and height in pixels. `pdq` is its perceptual hash in hex."""

    sha256: Hash
    bytes: Whole
    width: Whole
    height: Whole
    media_type: Media
    pdq: Hash | None = None


class NodeLog(Strict, frozen=True):
    """The node's own log, where it keeps one: how many entries, and the root of its tree in hex."""

    size: Whole
    root: Hash


class ReceiptBody(Strict, frozen=True):
    """What a receipt says. `req` is `Submit.hash`, `nonce` the SHA-256 of the nonce, `inputs` are those of the pictures that the job
    brought, all in hex; times are the node's own, in milliseconds since 1970. `refused` is before drawing, `censored` after
    it: pictures that were drawn are not among the outputs."""

    node: NodeId
    card_seq: Whole
    req: Hash
    nonce: Hash
    inputs: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=16)]
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(max_length=16)]
    model: Text
    engine: Text
    precision: Text
    seed: Whole
    steps: Whole
    policy: Verdict
    received_ms: Whole
    started_ms: Whole
    ended_ms: Whole
    digest: Hash | None = None
    sampler: Text | None = None
    log: NodeLog | None = None


@dataclass(frozen=True, slots=True)
class NodeReceipt:
    """A receipt whose signature fits the key it carries. Whether it is of this job, `check` says."""

    line: SignedLine
    body: ReceiptBody


def output(data: bytes, *, pdq: str | None = None) -> Output:
    """A picture as a receipt lists it. Raises NodeReceiptError for bytes that no receipt is made over."""
    info = _info(data)
    return Output(
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        width=info[1],
        height=info[2],
        media_type=info[0],
        pdq=pdq,
    )


def nonce_hash(nonce: str) -> str:
    """The nonce of a job as its receipt has it."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def sign(body: ReceiptBody, signer: Signer) -> str:
    """The receipt as one line of ASCII. Raises NodeReceiptError for one that could not be read."""
    built: dict[str, Any] = msgspec.to_builtins(body)
    text = sign_line({"format": FORMAT, **built}, signer, TYPE)
    read(text.encode("ascii"))
    return text


def read(data: bytes) -> NodeReceipt:
    """Reads a receipt and checks its signature; one line break at its end is allowed. Raises NodeReceiptError."""
    try:
        line = read_line(data, TYPE, "receipt")
        body = body_of(line, FORMAT, ReceiptBody, "receipt")
    except JwsError as error:
        raise NodeReceiptError("forged", f"It is no receipt of a node: {error}") from None
    except StrictError as error:
        raise NodeReceiptError("malformed", str(error)) from None
    if body.node != line.kid:
        raise NodeReceiptError("wrong_key", f"The receipt is signed by {line.kid} and says that it is of {body.node}.")
    return NodeReceipt(line, body)


def check(receipt: NodeReceipt, asked: Submit, card: Card, pictures: Sequence[bytes], now_ms: int) -> Verdict:
    """Whether a receipt is of this job, by the node that it was sealed to, over these very bytes. `card` is the one that the job
    was sealed by; `now_ms` is when the answer came. Returns what became of the job. Raises NodeReceiptError; then no
    picture may be shown."""
    body = receipt.body
    _same_job(body, asked, card)
    _same_model(body, asked.job, card)
    _in_time(body, asked.job, now_ms)
    _fits_policy(body, asked.job)
    if len(pictures) != len(body.outputs):
        _refuse("count", f"The receipt is over {len(body.outputs)} pictures, and {len(pictures)} came.")
    for number, (stated, data) in enumerate(zip(body.outputs, pictures, strict=True), 1):
        _same_picture(number, stated, data, asked.job.size)
    return body.policy


def _same_job(body: ReceiptBody, asked: Submit, card: Card) -> None:
    if body.node != card.id:
        _refuse("wrong_key", f"The receipt is by {body.node}, and the job was sealed to {card.id}.")
    if body.card_seq < card.body.seq:
        _refuse("card", f"The receipt is by card {body.card_seq}, and the job was sealed by card {card.body.seq}.")
    if body.nonce != nonce_hash(asked.job.nonce):
        _refuse("other_nonce", "The receipt is of another job: its nonce is another.")
    if body.req != asked.hash:
        _refuse("other_request", "The node says that it was asked something else.")
    if body.inputs != tuple(one.sha256 for one in asked.job.images):
        _refuse("inputs", "The pictures that the node says it was given are not those that were sent.")


def _same_model(body: ReceiptBody, job: Job, card: Card) -> None:
    offered = next((one for one in card.body.models if one.id == job.model), None)
    stated = (body.model, body.digest, body.engine, body.precision)
    if offered is None or stated != (offered.id, offered.digest, offered.engine, offered.precision):
        _refuse("other_model", "The receipt names another model, engine or precision than the card of the node does.")
    if body.policy != "refused":  # then nothing was drawn
        _same_way(body, job, offered)
    if body.seed != job.seed:
        _refuse("seed", f"Seed {job.seed} was asked for; the receipt says {body.seed}.")


def _same_way(body: ReceiptBody, job: Job, offered: CardModel) -> None:
    """A sampler and default steps that are not the card's would be compared with nobody's: whoever names them has to stand by them."""
    if body.sampler != offered.sampler:
        _refuse("sampler", f"The receipt names the sampler {body.sampler}, and the card {offered.sampler}.")
    if job.steps is None and body.steps != offered.steps:
        _refuse(
            "steps", f"The receipt says {body.steps} steps; where none are asked for, the card says {offered.steps}."
        )
    if job.steps not in {None, body.steps}:
        _refuse("steps", f"{job.steps} steps were asked for; the receipt says {body.steps}.")


def _in_time(body: ReceiptBody, job: Job, now_ms: int) -> None:
    if not job.sent_ms - SKEW_MS <= body.received_ms <= body.started_ms <= body.ended_ms <= now_ms + SKEW_MS:
        _refuse("time", "The times of the receipt are not between the question and the answer, or not in their order.")


def _fits_policy(body: ReceiptBody, job: Job) -> None:
    count = len(body.outputs)
    wanted = {"ok": count == job.n, "refused": count == 0, "censored": count < job.n}
    if not wanted[body.policy]:
        _refuse("policy", f"{count} pictures of {job.n} do not go with a job that is {body.policy!r}.")
    if len({one.sha256 for one in body.outputs}) != count:
        _refuse("twice", "The same picture is there twice.")


def _same_picture(number: int, stated: Output, data: bytes, size: str | None) -> None:
    if (stated.bytes, stated.sha256) != (len(data), hashlib.sha256(data).hexdigest()):
        _refuse("other_bytes", f"Picture {number} is not the one that the node signed.")
    media_type, width, height = _info(data)
    if media_type != stated.media_type:
        _refuse("type", f"Picture {number} is {media_type}, and the receipt says {stated.media_type}.")
    if (width, height) != (stated.width, stated.height):
        _refuse(
            "size", f"Picture {number} has {width}x{height} pixels; the receipt says {stated.width}x{stated.height}."
        )
    if size not in {None, f"{width}x{height}"}:
        _refuse("size", f"Picture {number} has {width}x{height} pixels; {size} was asked for.")


def _info(data: bytes) -> tuple[Media, int, int]:
    """What the bytes say of themselves, without a decoder."""
    try:
        info = header(data)
    except HostileContentError as error:
        raise NodeReceiptError("hostile", f"It is not a picture that is opened here: {error.message}") from None
    kinds: dict[str, Media] = {"image/png": "image/png", "image/jpeg": "image/jpeg", "image/webp": "image/webp"}
    kind = kinds.get(info.media_type)
    if kind is None or info.frames != 1:
        _refuse("hostile", "From a node only PNG, JPEG and WebP of a single frame are taken.")
    return kind, info.width, info.height


def _refuse(reason: Reason, message: str) -> NoReturn:
    raise NodeReceiptError(reason, message)
