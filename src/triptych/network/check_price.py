"""Whether what a receipt says it cost is the catalogue's price for what was asked and delivered, plus the declared fee."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from triptych.network.evidence import Evidence, Line, Opening, RequestFor
from triptych.network.published import cards_in
from triptych.network.receipt import commitment
from triptych.spec.image import AspectRatio, ImageRequest, InputImage, Size, Usage
from triptych.spec.model import ModelCard
from triptych.spec.price import delivered, estimate, from_usage, unpriced_options

_PLAIN = ("n", "resolution", "quality", "seed", "background", "output_format", "output_compression", "moderation",
          "input_fidelity")  # fmt: skip
_LISTED = 40  # pictures that a receipt lists at most


class _UnknownError(Exception):
    """Why a price cannot be computed again."""


def price_lines(payload: Mapping[str, Any], evidence: Evidence) -> list[Line]:
    """The catalogue, the price and the fee."""
    catalogue = _catalogue(evidence)
    return [*([catalogue] if catalogue else []), _price(payload, evidence, catalogue), _fee(payload, evidence)]


def _policy(evidence: Evidence) -> Mapping[str, Any] | None:
    try:
        policy = msgspec.json.decode(evidence.policy or b"null")
    except (msgspec.DecodeError, RecursionError):
        return None
    return policy if isinstance(policy, dict) else None


def _catalogue(evidence: Evidence) -> Line | None:
    if evidence.catalogue is None:
        return None
    policy, digest = _policy(evidence), hashlib.sha256(evidence.catalogue).hexdigest()
    if policy is None:
        return Line(
            "catalogue", "not checked", f"It has the hash {digest}; give the policy, which names the catalogue."
        )
    if policy.get("catalogue") != digest:
        return Line("catalogue", "FALSE", f"Its SHA-256 is {digest}; the policy names {policy.get('catalogue')}.")
    return Line("catalogue", "proved", "It is the catalogue that the policy names.")


def request_for(payload: Mapping[str, Any], opening: bytes | None) -> RequestFor:
    """What was asked for, as far as the receipt and its opening say it, for one card after the other."""

    def found(card: ModelCard) -> ImageRequest | None:
        try:
            request = _request(payload, opening, card)
        except _UnknownError:
            return None
        return None if len(payload.get("inputs", ())) >= _LISTED else request

    return found


def _price(payload: Mapping[str, Any], evidence: Evidence, catalogue: Line | None) -> Line:
    cost = payload.get("cost") or {}
    stated, source = cost.get("amount_micro_usd"), cost.get("source")
    if stated and (payload.get("billed") == "no" or source == "free"):
        how = "nothing was billed" if payload.get("billed") == "no" else "it was free"
        return Line("price", "FALSE", f"It says that {how}, and that it cost {stated} micro-dollars.")
    known = "nothing is known of the cost" if stated is None else f"the cost is {stated} micro-dollars"
    if catalogue is None or evidence.catalogue is None or catalogue.verdict != "proved":
        return Line("price", "not checked", f"As stated: billed {payload.get('billed')}, {known}. Give the policy and its "
                    "catalogue to compute the price again.")  # fmt: skip
    if stated is None:
        return Line("price", "not checked", f"As stated: billed {payload.get('billed')}, {known}.")
    try:
        prices = _prices(payload, evidence)
    except _UnknownError as error:
        return Line("price", "not checked", f"As stated {known}, from {source}. It cannot be computed again: {error}")
    return _compared(stated, str(source), prices, payload)


def _compared(stated: int, source: str, prices: Mapping[str, int | None], payload: Mapping[str, Any]) -> Line:
    """`prices` are what the catalogue gives: by the table, and by the tokens that were counted."""
    if source == "provider":
        table = prices["usage"] if prices["usage"] is not None else prices["table"]
        if table is None:
            return Line(
                "price", "not checked", f"{stated} micro-dollars is the provider's word; the catalogue has no price."
            )
        apart = (
            "just that"
            if stated == table
            else f"{abs(stated - table)} micro-dollars {'less' if table > stated else 'more'}"
        )
        return Line("price", "not checked", f"{stated} micro-dollars is the provider's word, and not to be proved; by the "
                    f"catalogue it would be {table}, so it took {apart}.")  # fmt: skip
    expected = prices.get(source)
    if expected is None:
        return Line("price", "not checked", f"The catalogue has no price of the kind {source!r} for this.")
    # Each call is rounded by itself, so that several may differ from their sum by as many micro-dollars.
    calls = max(1, sum(one.get("billed") != "no" for one in payload.get("attempts", ())))
    if abs(stated - expected) < calls:
        return Line("price", "proved", f"{stated} micro-dollars is the catalogue's price for these parameters.")
    if source == "table" and expected < stated <= (prices["all"] or 0) + calls:
        return Line("price", "not checked", f"{stated} micro-dollars is stated, by the catalogue it is {expected} for what "
                    "came; fewer pictures came than were asked for, and a failed one may be billed.")  # fmt: skip
    return Line("price", "FALSE", f"{stated} micro-dollars is stated; by the catalogue it is {expected}.")


def _prices(payload: Mapping[str, Any], evidence: Evidence) -> Mapping[str, int | None]:
    card = _card(payload, evidence.catalogue or b"")
    request = _request(payload, evidence.opening, card)
    if unpriced_options(card, request):
        raise _UnknownError("the request had options of this provider that no price list tells of.")
    outputs = len(payload.get("outputs", ()))
    if len(payload.get("inputs", ())) >= _LISTED or outputs >= _LISTED:
        raise _UnknownError("the receipt does not list every picture.")
    usage = msgspec.convert(payload.get("usage") or {}, Usage)
    _paid_once(payload, card, request)
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
    paid = {one.get("endpoint") for one in payload.get("attempts", ()) if one.get("billed") != "no"}
    served = (payload.get("served") or {}).get("endpoint")
    names = paid or {served}
    if len(names) != 1 or names == {None} or payload.get("attempts_in_all", 0) > len(payload.get("attempts", ())):
        raise _UnknownError("not one endpoint alone was paid.")
    if payload.get("state") != "done":
        raise _UnknownError("it did not end with pictures.")
    name = next(iter(names))
    try:
        cards = cards_in(catalogue)
    except ValueError as error:
        raise _UnknownError(f"{error}.") from None
    if name not in cards:
        raise _UnknownError(f"the catalogue has no {name}.")
    return cards[str(name)]


def _request(payload: Mapping[str, Any], opening: bytes | None, card: ModelCard) -> ImageRequest:
    """The request without its words: from its opening where there is one, else from what the receipt says was asked."""
    asked: Mapping[str, Any] = payload.get("asked") or {}
    opened = _opened(payload, opening)
    if opened is None and card.provider in asked.get("options_for", ()):
        raise _UnknownError("the request had options of this provider; give its opening.")
    said = asked if opened is None else opened
    values = {name: said[name] for name in _PLAIN if said.get(name) is not None}
    try:
        if size := said.get("size"):
            values["size"] = Size.parse(size) if isinstance(size, str) else Size(**size)
        if ratio := said.get("aspect_ratio"):
            values["aspect_ratio"] = AspectRatio.parse(ratio) if isinstance(ratio, str) else AspectRatio(**ratio)
        images = tuple(_input(one) for one in payload.get("inputs", ()) if one.get("role") != "mask")
        options = {} if opened is None else dict(opened.get("options") or {})
        return ImageRequest(prompt="", images=images, options=options, **values)
    except (ValueError, TypeError, KeyError) as error:
        raise _UnknownError(f"what was asked cannot be read: {error}.") from None


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


def _fee(payload: Mapping[str, Any], evidence: Evidence) -> Line:
    fee, policy = payload.get("fee_micro_usd"), _policy(evidence)
    fees = policy.get("fees") if policy else None
    named = hashlib.sha256(evidence.policy or b"").hexdigest() == (payload.get("decision") or {}).get("policy_id")
    if not isinstance(fees, dict) or not named:
        return Line("fee", "not checked", f"As stated: {fee} micro-dollars. Give the policy, which declares the fee.")
    amount = (payload.get("cost") or {}).get("amount_micro_usd") or 0
    try:
        declared = int(amount) * int(fees.get("per_mille", 0)) // 1000 + int(fees.get("per_request_micro_usd", 0))
    except (TypeError, ValueError):
        return Line("fee", "not checked", "The fees of the policy cannot be read.")
    if fee == declared:
        return Line("fee", "proved", f"{fee} micro-dollars is the fee that the policy declares.")
    return Line("fee", "FALSE", f"{fee} micro-dollars is stated; the policy declares {declared}.")
