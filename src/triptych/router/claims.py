"""What a snapshot says of endpoints that the published catalogue says, too: recomputed for the same request.

Not here: whether an endpoint had a key or was switched on, its health (`triptych.router.derive` counts that again), the
user's taste, and what a model refuses in its own words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from triptych.network.published import cards_in
from triptych.router.data_policy import data_policy
from triptych.router.parts import price_of
from triptych.router.price import Price
from triptych.spec.errors import BadRequestError
from triptych.spec.image import ImageRequest
from triptych.spec.model import ModelCard
from triptych.spec.routing import EndpointState, Features, Reason, Snapshot
from triptych.spec.words import usd, utc

RequestFor = Callable[[ModelCard], ImageRequest | None]
"""The request as one card prices it; None where what it costs there cannot be known."""
_OWN_WORDS = frozenset({"mask_unsupported", "too_many_inputs", "size_unsupported", "request_unsupported"})
"""Reasons that a model may give by itself."""


@dataclass(frozen=True, slots=True)
class Claims:
    """`wrong` says in words what the catalogue says otherwise; `checked` endpoints were compared, of which `unpriced`
    could not be priced again."""

    wrong: tuple[str, ...]
    checked: int
    unpriced: tuple[str, ...]


def claims(snapshot: Snapshot, catalogue: bytes, features: Features, request_for: RequestFor, price: Price) -> Claims:
    """Compares each endpoint with its card. Raises BadRequestError for bytes that are no catalogue."""
    try:
        cards = cards_in(catalogue)
    except ValueError as error:
        raise BadRequestError(f"It cannot be compared: {error}.", param="catalogue") from None
    there = {state.endpoint for state in snapshot.endpoints}
    wrong = [f"{name} is left out" for name in cards if name not in there]
    unpriced: list[str] = []
    for state in snapshot.endpoints:
        card = cards.get(state.endpoint)
        if card is None:
            wrong.append(f"the catalogue has no {state.endpoint}")
            continue
        wrong += [f"{name} of {card.id} is {_say(said)} and not {_say(stated)}"
                  for name, (stated, said) in _facts(state, card).items() if stated != said]  # fmt: skip
        if _stands_aside(state):
            continue
        wrong += [f"{card.id} is {reason}" for reason in _limits(state, card, features, snapshot.taken_ms)]
        request = request_for(card)
        if request is None:
            unpriced.append(card.id)
            continue
        try:
            amount = None if state.supports else price_of(card, request, price).amount_micro_usd
        except ValueError:  # its size rule allows no size
            unpriced.append(card.id)
            continue
        if amount != state.price_micro_usd:
            wrong.append(f"the price of {card.id} is {_money(amount)} and not {_money(state.price_micro_usd)}")
    return Claims(tuple(wrong), len(snapshot.endpoints), tuple(unpriced))


def _stands_aside(state: EndpointState) -> bool:
    """Whether only name, family and lane are noted, as of another model than was asked for. It cannot be picked so."""
    return state == EndpointState(endpoint=state.endpoint, family=state.family, lane=state.lane, ready=False)


def _facts(state: EndpointState, card: ModelCard) -> Mapping[str, tuple[object, object]]:
    facts: dict[str, tuple[object, object]] = {"family": (state.family, card.family), "lane": (state.lane, card.lane)}
    if _stands_aside(state):
        return facts
    data = data_policy(card)
    facts |= {
        "is_ai": (state.is_ai, card.is_ai),
        "training": (state.training, data.training),
        "retention_days": (state.retention_days, data.retention_days),
        "region": (state.region, data.region),
    }
    if state.latency_from == "card":
        typical = card.typical_seconds
        facts["latency_ms"] = (state.latency_ms, None if typical is None else typical[0] * 1000)
    return facts


def _limits(state: EndpointState, card: ModelCard, features: Features, taken_ms: int) -> list[str]:
    """What it is said not to take and takes by its card, and the other way round."""
    caps, stated = card.capabilities, set(state.supports)
    today = utc(taken_ms).partition(" ")[0]
    crowded = features.input_images > caps.max_input_images
    named = features.model == card.id and caps.max_input_images > 0  # says in its adjustments which are left out
    must: Mapping[Reason, bool] = {
        "retired": card.retires is not None and card.retires <= today,
        "operation_unsupported": features.operation not in caps.operations,
        "too_many_inputs": crowded and not named,
    }
    wrong = [f"{reason}, and not said to be" for reason, applies in must.items() if applies and reason not in stated]
    own = _OWN_WORDS - (frozenset() if features.mask else {"mask_unsupported"})
    own -= frozenset() if features.input_images else {"too_many_inputs"}
    return wrong + [f"not {reason}" for reason in state.supports if reason not in own and not must.get(reason, False)]


def _money(amount_micro_usd: int | None) -> str:
    return "unknown" if amount_micro_usd is None else usd(amount_micro_usd)


def _say(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else str(value)
