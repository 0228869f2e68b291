"""From the end of a call to its result: pictures fetched and looked at, cost worked out, what is missing said."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from triptych.http.message import HttpRequest, HttpResponse
from triptych.http.transport import AnswerLostError, Transport
from triptych.imaging.sniff import sniff
from triptych.provider_kit.adapter import Done, RemoteImage
from triptych.provider_kit.calls import Timed
from triptych.provider_kit.reach import Reach, Target
from triptych.provider_kit.wire import wire_record
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    AmbiguousError,
    BlockedError,
    EmptyAnswerError,
    ExpiredError,
    HostileContentError,
    NotSentError,
    ProviderFailedError,
    TriptychError,
)
from triptych.spec.image import (
    FREE,
    Adjustment,
    Billed,
    Cost,
    GeneratedImage,
    ImageRequest,
    ImageResult,
    ItemFailure,
    Usage,
)
from triptych.spec.model import CallEvent, ModelCard
from triptych.spec.price import delivered, from_usage

_FETCH_TRIES = 3
_TRY_AGAIN = frozenset({404, 408, 425, 429, 500, 502, 503, 504})
_KINDS: dict[str, type[TriptychError]] = {
    kind.code: kind for kind in (AmbiguousError, BlockedError, EmptyAnswerError, ExpiredError, HostileContentError)
}


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches the pictures of one call. `auth` is the header with the key, for the provider's own and trusted
    addresses; `own_allowed` opens the configured origin although it is not public or not https."""

    client: Transport
    clock: Clock
    reach: Reach
    auth: dict[str, str]
    own_allowed: bool
    deadline: float
    tell: Callable[[CallEvent], Awaitable[None]]

    async def picture(
        self, index: int, image: GeneratedImage | RemoteImage, billed: Billed
    ) -> GeneratedImage | ItemFailure:
        """The picture with its bytes, or why there is none."""
        if isinstance(image, GeneratedImage):
            return image if _is_picture(image.data) else _not_a_picture(index, image.data, billed)
        try:
            data, claimed = await self._fetch(image.url)
        except TriptychError as error:
            return ItemFailure(index=index, code=error.code, message=error.message, billed=billed)
        if not _is_picture(data):
            return _not_a_picture(index, data, billed)
        return GeneratedImage(
            data=data, media_type=image.media_type or claimed, revised_prompt=image.revised_prompt, seed=image.seed,
            cost=image.cost, metadata=image.metadata,
        )  # fmt: skip

    async def _fetch(self, url: str) -> tuple[bytes, str | None]:
        target = self.reach.address(url)
        why = ""
        for attempt in range(_FETCH_TRIES):
            try:
                response = await self._fetch_once(target)
            except (AnswerLostError, NotSentError) as error:
                why = error.message
            else:
                if response.status == 200:
                    return response.body, response.headers.get("content-type")
                why = f"its address answers {response.status}"
                if response.status not in _TRY_AGAIN:
                    break
            left = self.deadline - self.clock.monotonic()
            if left <= 0 or attempt == _FETCH_TRIES - 1:
                break
            await self.clock.sleep(min(float(attempt + 1), left))
        raise ExpiredError(f"The picture was made but could not be fetched: {why}.")

    async def _fetch_once(self, target: Target) -> HttpResponse:
        headers = self.auth if target.trusted else {}
        shown = HttpRequest(method="GET", url=target.url, headers=dict.fromkeys(headers, "<key>"), step="fetch")
        timed = Timed(wire_record(shown, target.url, None), self.clock, self.tell)
        try:
            response = await self.client.fetch_image(
                target.url, deadline=self.deadline, headers=headers,
                allow_private_origin=self.reach.origin if self.own_allowed else None,
            )  # fmt: skip
        except TriptychError:
            await timed.lost()
            raise
        await timed.answered(response.status, response.headers)
        return response


def _is_picture(data: bytes) -> bool:
    kind = sniff(data) or ""
    return kind.startswith("image/") and kind != "image/svg+xml"


def _not_a_picture(index: int, data: bytes, billed: Billed) -> ItemFailure:
    found = sniff(data)
    what = f"but {found}" if found else f"but {len(data)} bytes of something else" if data else "but nothing at all"
    return ItemFailure(
        index=index, code=EmptyAnswerError.code, message=f"What came is not a picture {what}.", billed=billed
    )


async def finish(
    done: Done, request: ImageRequest, card: ModelCard, fetcher: Fetcher, adjustments: tuple[Adjustment, ...]
) -> ImageResult:
    """Everything one call brought back. Raises one of our errors when there is no picture in the end."""
    billed: Billed = "no" if card.free else done.billed
    found = await asyncio.gather(*(fetcher.picture(index, image, billed) for index, image in enumerate(done.images)))
    images = tuple(
        replace(item, context_of=card.id) if item.context is not None else item
        for item in found
        if isinstance(item, GeneratedImage)
    )
    failures = done.failures + tuple(item for item in found if isinstance(item, ItemFailure)) + _absent(done, request)
    cost = cost_of(done, request, card)
    if not images:
        raise _nothing(card, failures, billed, cost)
    return ImageResult(
        images=images,
        adjustments=adjustments,
        failures=failures,
        usage=done.usage,
        cost=cost,
        billed=billed,
        model_served=done.model_served,
        provider_request_id=done.provider_request_id,
        metadata=done.metadata,
    )


def _absent(done: Done, request: ImageRequest) -> tuple[ItemFailure, ...]:
    """A list that is shorter than what was asked for says nothing of the rest; a tile does."""
    told = len(done.images) + len(done.failures)
    return tuple(
        ItemFailure(index=place, code=EmptyAnswerError.code, message="It was not among the pictures.", billed="unknown")
        for place in range(told, request.n)
    )


def cost_of(done: Done, request: ImageRequest, card: ModelCard) -> Cost:
    """The provider's own figure, else its usage times the rate, else the table, else unknown. A picture that was made
    and then could not be fetched or opened is paid for too."""
    if card.free:
        return FREE
    if done.cost is not None:
        return done.cost
    if done.billed == "no":
        return Cost(0, "provider")
    each = [image.cost.amount_micro_usd for image in done.images if image.cost is not None]
    if each and len(each) == len(done.images) and all(amount is not None for amount in each):
        return Cost(sum(amount for amount in each if amount is not None), "provider")
    charged = len(done.images) + sum(failure.billed == "yes" for failure in done.failures)
    return from_usage(card, done.usage, request) or delivered(card, request, charged)


def _nothing(card: ModelCard, failures: Sequence[ItemFailure], billed: Billed, cost: Cost) -> TriptychError:
    """Why there is no picture at all, by the first failure."""
    first = failures[0] if failures else None
    kind = _KINDS.get(first.code, ProviderFailedError) if first else EmptyAnswerError
    return kind(
        first.message if first else f"{card.name} answered without a picture.",
        provider=card.provider,
        billed=billed,
        amount_micro_usd=cost.amount_micro_usd if billed == "yes" else None,
        hint="Look at what the provider says, change the prompt, or try another model.",
    )


def merged(parts: Sequence[Done], missing: Sequence[ItemFailure] = ()) -> Done:
    """The ends of several events of one stream as one: pictures and failures add up, later figures replace earlier."""
    last = parts[-1]
    return Done(
        images=tuple(image for part in parts for image in part.images),
        failures=(*(failure for part in parts for failure in part.failures), *missing),
        usage=next((part.usage for part in reversed(parts) if part.usage != Usage()), last.usage),
        cost=next((part.cost for part in reversed(parts) if part.cost is not None), None),
        billed=last.billed,
        model_served=next((part.model_served for part in reversed(parts) if part.model_served), None),
        provider_request_id=next(
            (part.provider_request_id for part in reversed(parts) if part.provider_request_id), None
        ),
        metadata=last.metadata,
    )
