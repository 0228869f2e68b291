"""One model of one node, as a model like any other: what its card offers, a job made of a request, pictures out of a checked answer."""

import hashlib
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal, get_args

import msgspec

from triptych.app.paying import Paying, Signed
from triptych.network import card as cards
from triptych.network import job as jobs
from triptych.network import remote
from triptych.network.card import Card, CardError, CardModel, Price
from triptych.network.job import Job, JobError, Submit, Working
from triptych.network.jose import encode_url64
from triptych.network.remote import Line, Result
from triptych.provider_kit.calls import Timed
from triptych.provider_kit.fit import Fit
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    BadRequestError,
    BlockedError,
    ExpiredError,
    NotSentError,
    RateLimitedError,
    TriptychError,
)
from triptych.spec.image import (
    FREE,
    SEEDS,
    Adjustment,
    Billed,
    Cost,
    GeneratedImage,
    ImageRequest,
    ImageResult,
    InputImage,
    Size,
)
from triptych.spec.json import Json
from triptych.spec.model import (
    Accepted,
    CallContext,
    Capabilities,
    JobHandle,
    KeyCheck,
    Lane,
    ModelCard,
    PolicyFact,
    PriceLine,
    Progress,
    Sent,
    SizeRule,
    WireRecord,
)

PROVIDER = "node"
SHORT = 10  # letters of a node's id in the names of its models
PREVIEWS = 3
_STEP = 16  # pixels that sides are a multiple of: what the engines of today take
_BRIDGED_STEP = 64
_OK = 200  # how a hub hands on what a node answered; with anything else there is no answer of the node
_SIDE = 1024  # pixels of a square that nobody asked otherwise for
STEPS = 25  # that are asked for where the node counts them; who leaves it open lets a node off, see docs/concepts/checking.md
_Media = Literal["image/png", "image/jpeg", "image/webp"]
_Role = Literal["edit", "mask", "reference"]
_READERS: Final[Mapping[Lane, str]] = {
    "pinned": "Whoever runs this node can read the prompt. You know them: they invited you.",
    "attested": "A program that you trust can read the prompt. The hardware vouches that it runs, and that its owner cannot look inside.",
    "community": "Whoever runs this node can read the prompt. Nobody here knows who that is.",
}

_BRIDGED: Final[Mapping[Lane, str]] = {
    "pinned": "Whoever runs this node can read the prompt, and so can whoever runs one of the workers behind it, to which it goes in plain text.",
    "community": "Strangers can read the prompt: who runs this node, and who runs one of the workers behind it, to which it goes in plain text.",
}
"""Where workers draw for a node."""

Reach = Callable[[], Awaitable[Line]]
"""Gives the way to the node as it is now. Raises TriptychError where there is none that may be used."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A job as it went out, for the call of that id, and the pictures that came of it: checked, or none."""

    submit: Submit
    call: str
    pictures: tuple[bytes, ...] = field(default=(), repr=False)


Ended = Callable[[str | None, TriptychError | None, Asked], Awaitable[None]]
"""Hears how a call ended: the node's receipt, or the error."""


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a job that a node has taken. The prompt is not in it: the request is kept with the tile."""

    card: str
    capability: str
    seed: int
    nonce: str
    sent_ms: int
    hash: str
    steps: int | None = None


def provider_of(node: str) -> str:
    """The id under which a node is a provider."""
    return f"{PROVIDER}-{node[:SHORT]}"


def model_card(found: Card, offered: CardModel, lane: Lane, name: str, price: Price | None = None) -> ModelCard:
    """What the studio and the router are told of a model on a node; `name` is the node's, `price` what it asks this studio."""
    changes, bridged = "i2i" in offered.caps, offered.engine == cards.BRIDGED
    lane = "community" if bridged and lane == "attested" else lane  # what is vouched for does not draw
    readers = (_BRIDGED if bridged else _READERS).get(lane, "")
    return ModelCard(
        id=f"{PROVIDER}/{found.id[:SHORT]}/{offered.id}", provider=provider_of(found.id), provider_model_id=offered.id,
        family=offered.family, name=f"{offered.id} on {name}", maker=name, lane=lane, provider_name=name,
        capabilities=Capabilities(
            operations=("generate", "edit") if changes else ("generate",), max_input_images=1 if changes else 0,
            size_rule=SizeRule(multiple=_BRIDGED_STEP if bridged else _STEP, max_side=max(_STEP, offered.max_px // 64), max_pixels=max(4096, offered.max_px)),
            mask="inpaint" in offered.caps, seed=True, previews=True, progress=True, cancel=True, resume=True,
        ),
        free=price is None, prices=() if price is None else (_line_of(found, price),), typical_seconds=_seconds(found.body.load.p50_ms),
        policy=(PolicyFact(topic="readers", statement=readers, source=f"node {found.id}",
                           as_of="2026-11-21"),),
    )  # fmt: skip


def _line_of(found: Card, price: Price) -> PriceLine:
    day = datetime.fromtimestamp(found.body.issued_ms // 1000, UTC).date().isoformat()
    return PriceLine(
        unit="image", micro_usd_per_million=price.per_image_micro_usd * 1_000_000, source=f"node {found.id}", as_of=day
    )


def _seconds(p50_ms: int) -> tuple[int, int] | None:
    seconds = max(1, round(p50_ms / 1000))
    return (seconds, 2 * seconds) if p50_ms else None


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """Implements `ImageModel` for one model of one node. `shown` is the node's card that this was made of; `reach` gives the
    newest one with the hubs that lead there. Where the node asks a `price`, `paying` pays it: the transfer goes with the job, and the node takes
    the money when it has the picture. From when it has the transfer, it can."""

    card: ModelCard
    shown: Card
    reach: Reach
    clock: Clock
    ended: Ended
    guest: str | None = field(default=None, repr=False)
    price: Price | None = None
    paying: Paying | None = None
    random: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Raises BadRequestError."""
        return self._fitted(request)[1].done()

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. Raises what `remote.submit` and `remote.follow` raise."""
        fit = self._fitted(request)[1]
        nonce, sent_ms = encode_url64(self.random(16)), self.clock.now_ms()
        seed = request.seed if request.seed is not None else int.from_bytes(self.random(4), "big") % SEEDS
        asked = self._job(request, nonce, sent_ms, seed, self._steps())
        return await self._counted(self._made(asked, context), fit.done(), Asked(asked, context.call_id))

    async def _made(self, asked: Submit, context: CallContext) -> tuple[Result, int]:
        line = await self.reach()
        asked = await self._paid(line, asked)
        call = Timed(_wire(line, asked), self.clock, context.tell)
        await context.tell(Sent(call.wire))
        return await _named(self._followed(line, asked, context), call), asked.job.seed

    async def _followed(self, line: Line, asked: Submit, context: CallContext) -> Result:
        capability = await remote.submit(line, asked)
        state = _State(
            line.card.line.text,
            capability,
            asked.job.seed,
            asked.job.nonce,
            asked.job.sent_ms,
            asked.hash,
            asked.job.steps,
        )
        await context.tell(Accepted(self._handle(state)))
        return await remote.follow(line, asked, capability, context.deadline, partial(_told, context))

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. Raises ExpiredError where the request is not what the node was given any more."""
        fit, state = self._fitted(request)[1], _state(job)
        asked = self._job(request, state.nonce, state.sent_ms, state.seed, state.steps)
        if asked.hash != state.hash:
            raise ExpiredError("The stored job is not the same any more, so it cannot be picked up.", billed="no",
                               hint="Make it again.", provider=self.card.provider)  # fmt: skip
        return await self._counted(self._again(asked, state, context), fit.done(), Asked(asked, context.call_id))

    async def _paid(self, line: Line, asked: Submit) -> Submit:
        """The job with its payment. Raises BillingError, and NotSentError where the node asks another price by now."""
        if self.price is None or self.paying is None:
            return asked
        if line.card.body.price != self.price:
            raise NotSentError(f"{line.name} asks another price than a moment ago. Nothing was sent, and nothing paid.",
                               hint="Look at the new price, and make it again.")  # fmt: skip
        signed = await self.paying.pay(line.name, self.price, asked.job.nonce)
        return replace(asked, payment=signed.header)

    async def _again(self, asked: Submit, state: _State, context: CallContext) -> tuple[Result, int]:
        signed = await self._signed(asked)
        asked = asked if signed is None else replace(asked, payment=signed.header)
        line = await self._line(state)
        going = remote.follow(line, asked, state.capability, context.deadline, partial(_told, context))
        asks = replace(_wire(line, asked), step="poll", body=None, body_sha256=None)  # the job went out before
        return await _named(going, Timed(asks, self.clock, context.tell)), asked.job.seed

    async def cancel(self, job: JobHandle) -> bool:
        """See `ImageModel`."""
        state = _state(job)
        try:
            return await remote.cancel(await self._line(state), state.capability)
        except TriptychError:
            return False

    async def check(self) -> KeyCheck:
        """See `ImageModel`: whether there is a way to the node, and no call."""
        try:
            await self.reach()
        except TriptychError as error:
            return KeyCheck(ok=False, message=error.message, code=error.code)
        return KeyCheck(ok=True, message="The node is there.")

    async def _counted(
        self, made: Awaitable[tuple[Result, int]], adjustments: tuple[Adjustment, ...], asked: Asked
    ) -> ImageResult:
        try:
            found, seed = await made
        except TriptychError as error:
            error.provider = error.provider or self.card.provider
            error.billed, error.amount_micro_usd = await self._owed(asked.submit, error)
            await self.ended(error.upstream if error.code == "blocked" else None, error, asked)
            raise
        await self.ended(found.receipt, None, replace(asked, pictures=found.pictures))
        mark: dict[str, Json] = {"node": self.shown.id, "node_receipt": remote.receipt_id(found.receipt)}
        billed, cost = await self._settled(asked.submit, found, mark)
        images = tuple(
            GeneratedImage(data=one, seed=seed, cost=cost, metadata=mark) for one in found.pictures
        )  # fmt: skip
        return ImageResult(images=images, adjustments=adjustments, cost=cost, billed=billed, metadata=mark,
                           model_served=self.card.provider_model_id)  # fmt: skip

    async def _signed(self, asked: Submit) -> Signed | None:
        return None if self.paying is None else await self.paying.paid(asked.job.nonce)

    async def _owed(self, asked: Submit, error: TriptychError) -> tuple[Billed, int | None]:
        """What an error cost: a node that has a signed transfer can have it carried out until that ends, whatever it says."""
        signed = await self._signed(asked)
        if signed is None or isinstance(error, NotSentError | RateLimitedError):
            return "no", None
        return "unknown", signed.micro_usd

    async def _settled(self, asked: Submit, found: Result, mark: dict[str, Json]) -> tuple[Billed, Cost]:
        """What the pictures cost, by what the node says became of the payment."""
        signed = await self._signed(asked)
        if signed is None or self.paying is None:
            return "no", FREE
        told = await self.paying.told(asked.job.nonce, found.paid)
        if told is None or not told.success:
            return "unknown", Cost(signed.micro_usd, "table")
        mark["payment"] = {"transaction": told.transaction, "network": told.network, "micro_usd": signed.micro_usd}
        return "yes", Cost(signed.micro_usd, "provider")

    async def _line(self, state: _State) -> Line:
        """The way as it is now, with the card that the job was sealed by: its receipt is held to that one, or a newer."""
        line = await self.reach()
        try:
            sealed_by = cards.read(state.card.encode())
        except CardError as error:
            raise ExpiredError(f"The stored job cannot be picked up: {error}", billed="no") from None
        newest = {one.encode() for one in line.card.keys}
        known = any(one.encode() in newest for one in sealed_by.keys)
        return replace(line, card=sealed_by) if known else line

    def _fitted(self, request: ImageRequest) -> tuple[str, Fit]:
        """The size that is asked for, and what becomes of everything. Raises BadRequestError."""
        fit = Fit(request, self.card)
        fit.prompt(), fit.seed(), fit.count(), fit.mask()
        size = fit.size(default=self._square())
        if fit.images() and request.size is None and request.aspect_ratio is None and request.resolution is None:
            size = None  # an edit is as large as its picture
        if request.previews:
            sent = min(request.previews, PREVIEWS)
            fit.record("previews", "native" if sent == request.previews else "adjusted", f"{sent} previews at most")
        return "" if size is None else str(size), fit

    def _square(self) -> Size:
        rule = self.card.capabilities.size_rule
        most = math.isqrt(rule.max_pixels if rule is not None else _SIDE * _SIDE)
        side = max(_STEP, min(_SIDE, most) // _STEP * _STEP)
        return Size(side, side)

    def _steps(self) -> int | None:
        """So many that two nodes which draw the same job draw it alike; None for an engine that has no steps to set."""
        most = next((one.steps_max for one in self.shown.body.models if one.id == self.card.provider_model_id), 0)
        return min(STEPS, most) or None

    def _job(self, request: ImageRequest, nonce: str, sent_ms: int, seed: int, steps: int | None) -> Submit:
        """The job of a request: the same bytes each time. Raises BadRequestError."""
        size, fit = self._fitted(request)
        pictures = [(one, _role(one)) for one in fit.images()]
        if (mask := fit.mask()) is not None:
            pictures.append((mask, "mask"))
        try:
            listed = tuple(jobs.described(one.data, _media(one.media_type), role) for one, role in pictures)
            return Submit.of(
                Job(model=self.card.provider_model_id, prompt=fit.prompt(), seed=seed, nonce=nonce, sent_ms=sent_ms,
                    steps=steps, size=size or None, previews=min(request.previews, PREVIEWS), images=listed, guest=self.guest),
                [one.data for one, _ in pictures],
            )  # fmt: skip
        except JobError as error:
            raise BadRequestError(f"{self.card.name} cannot be asked this: {_field(error)}",
                                  provider=self.card.provider) from None  # fmt: skip

    def _handle(self, state: _State) -> JobHandle:
        kept: dict[str, Json] = {name: getattr(state, name) for name in state.__struct_fields__}
        name = hashlib.sha256(state.capability.encode()).hexdigest()[
            :16
        ]  # whoever has the capability may ask for the job
        return JobHandle(provider=self.card.provider, endpoint=self.card.id, job_id=name, state=kept)


def _state(job: JobHandle) -> _State:
    """Raises ExpiredError."""
    try:
        return msgspec.convert(dict(job.state), _State)
    except msgspec.ValidationError:
        raise ExpiredError(f"The stored job {job.job_id} cannot be picked up again.", provider=job.provider,
                           billed="no", hint="Make it again.") from None  # fmt: skip


def _role(image: InputImage) -> _Role:
    return "edit" if image.role == "edit" else "reference"


def _media(media_type: str) -> _Media:
    for one in get_args(_Media):
        if one == media_type:
            found: _Media = one
            return found
    raise BadRequestError(f"A node takes PNG, JPEG and WebP, not {media_type[:40]}.", param="image")


def _field(error: JobError) -> str:
    """What is wrong without the words that are: a message of the decoder names the field behind its `$`."""
    return (
        f"`{str(error).rpartition('$.')[2].rstrip('`.')}` is not as it may be."
        if "$." in str(error)
        else "it is too large."
    )


def _wire(line: Line, asked: Submit) -> WireRecord:
    """What goes out, as it may be shown: sealed, so that there is nothing to read in it."""
    sealed = len(jobs.encode_question(asked))
    where = line.hubs[0].origin if line.hubs else "no hub"
    return WireRecord(method="POST", url=f"{where}/hub/v1/relay/{line.card.id}", headers={"content-type": "message/ohttp-req"},
                      body=f"sealed: {sealed} bytes that only the node can read; the hash is that of the job inside", body_sha256=asked.hash)  # fmt: skip


async def _named(made: Awaitable[Result], call: Timed) -> Result:
    """The pictures. The call is told as answered, by the name of the receipt that the node signed of it, also of a refusal: so the router's
    own receipt names the node's."""
    try:
        found = await made
    except BlockedError as error:
        if error.upstream is not None:
            await call.answered(_OK, {}, remote.receipt_id(error.upstream))
        raise
    await call.answered(_OK, {}, remote.receipt_id(found.receipt))
    return found


async def _told(context: CallContext, news: Working | jobs.Accepted, preview: bytes | None) -> None:
    steps = news.steps if isinstance(news, Working) else 0
    step = news.step if isinstance(news, Working) else 0
    await context.tell(Progress(fraction=min(1.0, step / steps) if steps else None,
                                queue_position=news.queue or None, preview=preview))  # fmt: skip
