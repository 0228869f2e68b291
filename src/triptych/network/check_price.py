"""Whether what a receipt says it cost is the catalogue's price for what was asked and delivered, plus the declared fee."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

import msgspec

from triptych.network.check_fee import fee_line
from triptych.network.evidence import Line, Opening, RequestFor
from triptych.network.named import File, Files, others, rules
from triptych.network.published import cards_in
from triptych.network.receipt import commitment, own_inputs
from triptych.spec.image import AspectRatio, ImageRequest, InputImage, Size, Task, Usage
from triptych.spec.model import ModelCard
from triptych.spec.price import delivered, estimate, from_usage, unpriced_options
from triptych.spec.words import usd

_PLAIN = ("n", "resolution", "quality", "background")
_LISTED = 40  # pictures that a receipt lists at most


_MOST_N, _MOST_SIDE = 10_000, 65_536


class _Sides(msgspec.Struct):
    width: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SIDE)]
    height: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SIDE)]


class _Asked(msgspec.Struct):
    """What a price depends on, of what was asked."""

    n: Annotated[int, msgspec.Meta(ge=1, le=_MOST_N)] | None = None
    resolution: str | None = None
    quality: str | None = None
    background: str | None = None
    size: str | _Sides | None = None
    aspect_ratio: str | _Sides | None = None
    task: Task | None = None

    @property
    def shape(self) -> tuple[Size | None, AspectRatio | None]:
        """Raises ValueError."""
        size = Size.parse(self.size) if isinstance(self.size, str) else self.size
        ratio = AspectRatio.parse(self.aspect_ratio) if isinstance(self.aspect_ratio, str) else self.aspect_ratio
        if any(max(one.width, one.height) > _MOST_SIDE for one in (size, ratio) if one is not None):
            raise ValueError("larger than any picture")
        return (
            None if size is None else Size(size.width, size.height),
            None if ratio is None else AspectRatio(ratio.width, ratio.height),
        )


class _UnknownError(Exception):
    """Why a price cannot be computed again."""


def price_lines(payload: Mapping[str, Any], opening: bytes | None, known: Files) -> list[Line]:
    """The catalogue, the price and the fee."""
    catalogue = known.catalogue.line
    return [*([catalogue] if catalogue else []), _price(payload, opening, known), _fee(payload, known.policy)]


def request_for(payload: Mapping[str, Any], opening: bytes | None) -> RequestFor:
    """What was asked for, as far as the receipt and its opening say it, for one card after the other."""

    def found(card: ModelCard) -> ImageRequest | None:
        try:
            request = _request(payload, opening, card)
        except _UnknownError:
            return None
        return None if len(own_inputs(payload)) >= _LISTED else request

    return found


def _price(payload: Mapping[str, Any], opening: bytes | None, files: Files) -> Line:
    cost = payload.get("cost") or {}
    stated, source = cost.get("amount_micro_usd"), cost.get("source")
    if stated and (payload.get("billed") == "no" or source == "free"):
        how = "nothing was billed" if payload.get("billed") == "no" else "it was free"
        return Line("price", "FALSE", f"It says that {how}, and that it cost {usd(stated)}.")
    known = "nothing is known of the cost" if stated is None else f"the cost is {usd(stated)}"
    told = f"As stated: billed {payload.get('billed')}, {known}."
    if strange := others(files.policy, files.catalogue):
        return Line("price", "not checked", f"{told} It was not computed again: {strange}.")
    if files.catalogue.data is None:
        return Line("price", "not checked", f"{told} Give the policy and its catalogue to compute the price again.")
    if stated is None:
        return Line("price", "not checked", told)
    try:
        prices = _prices(payload, opening, files.catalogue.data)
    except _UnknownError as error:
        return Line("price", "not checked", f"As stated {known}, from {source}. It cannot be computed again: {error}")
    return _compared(stated, str(source), prices, payload)


def _compared(stated: int, source: str, prices: Mapping[str, int | None], payload: Mapping[str, Any]) -> Line:
    """`prices` are what the catalogue gives: by the table, and by the tokens that were counted."""
    if source == "provider":
        table = prices["usage"] if prices["usage"] is not None else prices["table"]
        if table is None:
            return Line("price", "not checked", f"{usd(stated)} is the provider's word; the catalogue has no price.")
        apart = "just that" if stated == table else f"{usd(abs(stated - table))} {'less' if table > stated else 'more'}"
        return Line("price", "not checked", f"{usd(stated)} is the provider's word, and not to be proved; by the "
                    f"catalogue it would be {usd(table)}, so it took {apart}.")  # fmt: skip
    expected = prices.get(source)
    if expected is None:
        return Line("price", "not checked", f"The catalogue has no price of the kind {source} for this.")
    # Each call is rounded by itself, so that several may differ from their sum by as many micro-dollars.
    calls = max(1, sum(one.get("billed") != "no" for one in payload.get("attempts", ())))
    if abs(stated - expected) < calls:
        return Line("price", "proved", f"{usd(stated)} is the catalogue's price for these parameters.")
    whole = prices["all"] or 0
    if source == "table" and expected < whole and expected < stated < whole + calls:
        return Line("price", "not checked", f"{usd(stated)} is stated, by the catalogue it is {usd(expected)} for what "
                    "came; fewer pictures came than were asked for, and a failed one may be billed.")  # fmt: skip
    return Line("price", "FALSE", f"{usd(stated)} is stated; by the catalogue it is {usd(expected)}.")


def _prices(payload: Mapping[str, Any], opening: bytes | None, catalogue: bytes) -> Mapping[str, int | None]:
    card = _card(payload, catalogue)
    request = _request(payload, opening, card)
    if unpriced_options(card, request):
        raise _UnknownError("the request had options of this provider that no price list tells of.")
    outputs = len(payload.get("outputs", ()))
    if len(own_inputs(payload)) >= _LISTED or outputs >= _LISTED:
        raise _UnknownError("the receipt does not list every picture.")
    _paid_once(payload, card, request)
    try:
        usage = msgspec.convert(payload.get("usage") or {}, Usage)
    except msgspec.ValidationError:
        raise _UnknownError("the usage cannot be read.") from None
    try:
        return _by_catalogue(card, request, usage, outputs)
    except ValueError:
        raise _UnknownError("the card of this endpoint allows no size.") from None


def _by_catalogue(card: ModelCard, request: ImageRequest, usage: Usage, outputs: int) -> Mapping[str, int | None]:
    by_usage = from_usage(card, usage, request)
    by_table = delivered(card, request, outputs) if outputs else estimate(card, request)
    return {"table": by_table.amount_micro_usd, "all": delivered(card, request, request.n).amount_micro_usd, "free": 0 if card.free else None,
            "usage": by_usage.amount_micro_usd if by_usage else None}  # fmt: skip


def _paid_once(payload: Mapping[str, Any], card: ModelCard, request: ImageRequest) -> None:
    """Raises _UnknownError when more calls were paid for than the request needs."""
    paid = sum(one.get("billed") != "no" for one in payload.get("attempts", ()))
    if paid > -(-request.n // max(1, card.capabilities.max_images_per_call)):
        raise _UnknownError("more calls were paid for than the request needs: one that failed was billed, too.")


def _card(payload: Mapping[str, Any], catalogue: bytes) -> ModelCard:
    """The card of the one endpoint that was paid. Raises _UnknownError."""
    paid = [one.get("endpoint") for one in payload.get("attempts", ()) if one.get("billed") != "no"]
    served = payload.get("served")
    names = paid or [served.get("endpoint") if isinstance(served, dict) else None]
    name, in_all = names[0], payload.get("attempts_in_all")
    hidden = isinstance(in_all, int) and in_all > len(payload.get("attempts", ()))
    if any(one != name for one in names) or not isinstance(name, str) or hidden:
        raise _UnknownError("not one endpoint alone was paid.")
    if payload.get("state") != "done":
        raise _UnknownError("it did not end with pictures.")
    try:
        cards = cards_in(catalogue)
    except ValueError as error:
        raise _UnknownError(f"{error}.") from None
    if name not in cards:
        raise _UnknownError(f"the catalogue has no {name}.")
    return cards[name]


def _request(payload: Mapping[str, Any], opening: bytes | None, card: ModelCard) -> ImageRequest:
    """The request without its words: from its opening where there is one, else from what the receipt says was asked."""
    stated = payload.get("asked")
    asked: Mapping[str, Any] = stated if isinstance(stated, dict) else {}
    opened, others_for = _opened(payload, opening), asked.get("options_for")
    if opened is None and isinstance(others_for, list) and card.provider in others_for:
        raise _UnknownError("the request had options of this provider; give its opening.")
    said = asked if opened is None else opened
    try:
        read = msgspec.convert({name: said.get(name) for name in (*_PLAIN, "size", "aspect_ratio", "task")}, _Asked)
        size, ratio = read.shape
        options = {} if opened is None else msgspec.convert(opened.get("options") or {}, dict[str, dict[str, Any]])
    except (ValueError, OverflowError):
        raise _UnknownError("what was asked cannot be read.") from None
    images = tuple(_input(one) for one in own_inputs(payload) if one.get("role") != "mask")
    return ImageRequest(
        prompt="", images=images, options=options, n=read.n or 1, size=size, aspect_ratio=ratio,
        resolution=read.resolution, quality=read.quality, background=read.background, task=read.task,
    )  # fmt: skip


def _opened(payload: Mapping[str, Any], opening: bytes | None) -> Mapping[str, Any] | None:
    if opening is None:
        return None
    try:
        raw = msgspec.json.decode(opening, type=Opening)
        fits = commitment(bytes.fromhex(raw.salt), "request", raw.request.encode()) == payload["commitments"]["request"]
        found = msgspec.json.decode(raw.request) if fits else None
    except (msgspec.MsgspecError, ValueError, KeyError):
        return None
    return found if isinstance(found, dict) else None


def _input(stated: Mapping[str, Any]) -> InputImage:
    names = {one.name for one in fields(InputImage)}
    return InputImage(data=b"", **{name: value for name, value in stated.items() if name in names - {"data"}})


def _fee(payload: Mapping[str, Any], policy: File) -> Line:
    fee, said = payload["fee_micro_usd"], rules(policy)
    told = f"As stated: {usd(fee)}."
    if strange := others(policy):
        return Line("fee", "not checked", f"{told} It was not computed again: {strange}.")
    fees = said.get("fees") if said else None
    if not isinstance(fees, dict):
        return Line("fee", "not checked", f"{told} Give the policy, which declares the fee.")
    return fee_line(payload, fees)
