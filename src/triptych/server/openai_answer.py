"""The answer to an image call: OpenAI's fields, and what only we say under `triptych`.

It is made from what is stored, so that it is the same whenever it is asked for.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pybase64
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from triptych.server.errors import as_json, envelope, error_response
from triptych.server.openai_fields import ImageCall
from triptych.spec import errors
from triptych.spec.errors import AmbiguousError, TriptychError
from triptych.spec.image import Usage
from triptych.spec.model import WireRecord
from triptych.spec.records import FINAL_STATES, AttemptRecord, PictureRecord, TileError
from triptych.store.receipts import ReceiptRecord
from triptych.studio.views import TileView, difference

RECEIPT_HEADER = "X-Triptych-Receipt"
_SMALL = 1 << 16  # bytes of an answer that is sent in one piece
_KINDS: dict[str, type[TriptychError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TriptychError)
}


class TileFailedError(TriptychError):
    """A failure that has no class of its own: a bug of ours, or a tile lost in a restart."""

    def __init__(self, code: str, failure: str, message: str, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.code = code  # type: ignore[misc]  # the record says which error it was
        self.failure = failure  # type: ignore[misc,assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back: pictures with their facts, or an error. `about` are the facts that an error has besides, `base64`
    the pictures' bytes in order, where they are sent: they stay out of `content`, so that megabytes are not copied from one
    text into the next."""

    content: dict[str, Any] = field(default_factory=dict)
    base64: tuple[bytes, ...] = field(default=(), repr=False)
    error: TriptychError | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    receipt: str | None = None

    def response(self, headers: Mapping[str, str]) -> Response:
        """The answer as a whole."""
        headers = self.with_receipt(headers)
        if self.error is not None:
            return error_response(self.error, self.about, headers)
        if not self.base64:
            return self.laid_out(self.content, "", headers)
        mark = new_mark()
        items = [{**item, "b64_json": mark} for item in self.content["data"]]
        return self.laid_out({**self.content, "data": items}, mark, headers)

    def with_receipt(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers, and the one that names the receipt."""
        return {**headers, **({RECEIPT_HEADER: self.receipt} if self.receipt else {})}

    def laid_out(self, content: Any, mark: str, headers: Mapping[str, str]) -> Response:
        """`content` as JSON, in which the base64 of each picture takes the place of a `mark`, as a piece of its own."""
        pieces = [as_json(content)]
        if self.base64:
            first, *others = pieces[0].split(mark.encode())
            pieces = [first, *(piece for pair in zip(self.base64, others, strict=True) for piece in pair)]
        return InPieces(pieces, {"Cache-Control": "no-store", **headers}, "application/json")

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The last events of a stream: one for each picture, and the error where some or all did not come."""
        if self.error is not None:
            yield "error", envelope(self.error, self.about)
            return
        shared = {name: self.content[name] for name in ("quality", "background", "usage", "triptych")}
        texts = iter(self.base64)
        for item in self.content["data"]:
            text = next(texts, None)
            given = {} if text is None else {"b64_json": msgspec.Raw(b"".join((b'"', text, b'"')))}
            size = f"{item['triptych']['width']}x{item['triptych']['height']}"
            kind = item["triptych"]["media_type"].rpartition("/")[2]
            yield "completed", {**item, **given, **shared, "created_at": self.content["created"], "size": size,
                                "output_format": kind, "triptych": {**self.content["triptych"], **item["triptych"]}}  # fmt: skip
        if (error := self.content["triptych"]["error"]) is not None:
            yield "error", {"error": error}


def new_mark() -> str:
    """What stands in no text of anybody's, for `Answer.laid_out`."""
    return secrets.token_hex(16)


class InPieces(Response):
    """An answer whose body is sent piece by piece, as it lies."""

    def __init__(self, pieces: Sequence[bytes], headers: Mapping[str, str], media_type: str) -> None:
        size = sum(map(len, pieces))
        super().__init__(None, 200, {**headers, "content-length": str(size)}, media_type)
        self._sent = [b"".join(pieces)] if size <= _SMALL else pieces

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        *others, last = self._sent
        for piece in others:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": last})


def answer_of(
    tile: TileView,
    attempts: Sequence[AttemptRecord],
    call: ImageCall,
    pictures: Sequence[bytes],
    base: str,
    receipt: ReceiptRecord | None = None,
) -> Answer:
    """The answer for a tile, with its receipt. `pictures` are its bytes in order, empty when addresses were asked for; those begin with
    `base`, the address of this server as the client wrote it."""
    record = tile.record
    told = [_attempt(attempt) for attempt in attempts]
    signed = None if receipt is None else {"id": receipt.id, "jws": receipt.body}
    name = None if receipt is None else receipt.id
    if not has_pictures(tile):
        about = {"run": record.run_id, "tile": record.id, "attempts": told, "receipt": signed}
        return Answer(error=_failure(tile), about=about, receipt=name)
    first, asked = tile.pictures[0], call.request
    warnings = [msgspec.to_builtins(a) for a in (*record.adjustments, *call.notes) if a.kind != "native"]
    content = {
        "created": (record.ended_ms or record.updated_ms) // 1000,
        "background": asked.background or "auto",
        "output_format": first.media_type.rpartition("/")[2],
        "quality": asked.quality or "auto",
        "size": f"{first.width}x{first.height}",
        "data": [_item(picture, base, sent=bool(pictures)) for picture in tile.pictures],
        "usage": _usage(record.usage),
        "triptych": {
            "run": record.run_id, "tile": record.id, "endpoint": record.endpoint, "model_served": record.model_served,
            "lane": record.lane, "attempts": told, "warnings": warnings,
            "cost": msgspec.to_builtins(record.cost or record.estimate), "billed": record.billed,
            "estimate": msgspec.to_builtins(record.estimate), "difference_micro_usd": difference(record),
            "fee_micro_usd": record.fee_micro_usd,
            "missing": max(0, asked.n - len(tile.pictures)),
            "error": None if record.state == "done" else envelope(_failure(tile))["error"],
            "receipt": signed,
        },
    }  # fmt: skip
    return Answer(content=content, base64=tuple(pybase64.b64encode(data) for data in pictures), receipt=name)


def has_pictures(tile: TileView) -> bool:
    """Whether there is something to send: all of it, or what came before the rest failed or was stopped. Pictures that
    could not be written down are not there a second time."""
    kept = tile.record.error is None or tile.record.error.code != "storage"
    return tile.ended and kept and len(tile.pictures) > 0


def _failure(tile: TileView) -> TriptychError:
    """Why a tile has no picture, or no more of them."""
    record = tile.record
    if record.state not in FINAL_STATES and record.job is None:
        return AmbiguousError(
            "The server stopped before this picture was made; it is made after the next start.",
            hint="Find it in the studio, or ask again with the same Idempotency-Key.",
        )
    if record.state not in FINAL_STATES:
        return AmbiguousError(
            "The server stopped meanwhile; the provider goes on with the job, and it is picked up at the next start.",
            hint="Find it in the studio, or ask again with the same Idempotency-Key.",
        )
    found = record.error or TileError(code="cancelled", failure="rejected", message="It was cancelled.", hint=None,
                                      billed=record.billed)  # fmt: skip
    amount = record.cost.amount_micro_usd if record.cost is not None else None
    facts: dict[str, Any] = {
        "hint": found.hint, "provider": found.provider or _provider(record.endpoint), "status": found.status,
        "param": found.param, "billed": found.billed, "retry_after_s": found.retry_after_s,
        "upstream": found.upstream, "amount_micro_usd": amount,
    }  # fmt: skip
    kind = _KINDS.get(found.code)
    if kind is None:
        return TileFailedError(found.code, found.failure, found.message, **facts)
    return kind(found.message, **facts)


def _provider(endpoint: str | None) -> str | None:
    return endpoint.partition("/")[0] if endpoint else None


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    """Tokens in OpenAI's shape; None where the provider counts none, and null for what it does not say."""
    if usage is None or usage.output_tokens is None:
        return None
    total = usage.total_tokens
    if total is None and usage.input_tokens is not None:
        total = usage.input_tokens + usage.output_tokens
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": total,
        "input_tokens_details": {
            "text_tokens": usage.input_text_tokens, "image_tokens": usage.input_image_tokens,
        },
        "output_tokens_details": {"image_tokens": usage.output_image_tokens, "text_tokens": None},
    }  # fmt: skip


def _item(picture: PictureRecord, base: str, *, sent: bool) -> dict[str, Any]:
    return {
        "b64_json": None,
        "url": None if sent else f"{base}/api/images/{picture.id}",
        "revised_prompt": picture.revised_prompt,
        "triptych": {
            "image": picture.id, "sha256": picture.sha256, "seed": picture.seed, "width": picture.width,
            "height": picture.height, "media_type": picture.media_type, "cost": msgspec.to_builtins(picture.cost),
        },
    }  # fmt: skip


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    kept = ("id", "number", "endpoint", "started_ms", "ended_ms", "outcome", "error", "cost", "billed", "hedge",
            "fee_micro_usd")  # fmt: skip
    built: dict[str, Any] = msgspec.to_builtins(attempt)
    return {**{name: built[name] for name in kept}, "calls": [_call(wire) for wire in attempt.wires]}


def _call(wire: WireRecord) -> dict[str, Any]:
    """Whom a call went to and how it was answered; what was in it is for the inspector."""
    return {"step": wire.step, "host": urlsplit(wire.url).netloc.rpartition("@")[2], "status": wire.status,
            "ms": wire.ms, "request_id": wire.request_id, "calls": wire.calls}  # fmt: skip
