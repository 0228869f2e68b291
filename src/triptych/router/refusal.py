"""Why no endpoint can be tried, as the error that helps most."""

import difflib
from collections.abc import Mapping

from triptych.catalog.retired import come_after, retired_model
from triptych.router.decide import AUTO
from triptych.router.price import usd
from triptych.router.registry import Endpoint
from triptych.router.snapshot import Sight
from triptych.spec.errors import (
    BadRequestError,
    BudgetError,
    ModelUnavailableError,
    NotConfiguredError,
    OverloadedError,
    TriptychError,
    UnknownModelError,
)
from triptych.spec.image import Operation
from triptych.spec.routing import Candidate, Decision, Features, Reason

_NEAREST_TO_SUCCESS: tuple[Reason, ...] = (
    "unhealthy", "price_cap", "price_unknown", "no_key", "disabled", "policy_filter", "data_training",
    "data_retention", "data_region", "no_community", "lane_floor", "request_unsupported", "size_unsupported", "too_many_inputs", "mask_unsupported", "operation_unsupported", "retired",
)  # fmt: skip
_WORDS: dict[Reason, str] = {
    "unhealthy": "is not called for now, after failures",
    "price_cap": "costs more than the limit",
    "price_unknown": "has no known price, and there is a price limit",
    "no_key": "has no key",
    "disabled": "is switched off",
    "policy_filter": "is left out by the policy",
    "data_training": "does not say that it never trains on what it is sent",
    "data_retention": "does not say that it keeps what it is sent no longer than allowed",
    "data_region": "does not say that it handles what it is sent where it must",
    "lane_floor": "is below the lane floor of this request",
    "no_community": "is drawn by volunteers, and this request is not for them",
    "request_unsupported": "does not take this request",
    "size_unsupported": "does not offer this size",
    "too_many_inputs": "does not take this many pictures",
    "mask_unsupported": "takes no mask",
    "operation_unsupported": "does not do this",
    "retired": "was retired by its provider",
}
_FLOORS: dict[Reason, tuple[str, str]] = {
    "lane_floor": ("lane_floor", "Choose a model above the floor."),
    "no_community": ("no_community", "Choose another model, or let the prompt go to volunteers."),
    "policy_filter": ("model", "Choose another model, or change the policy in the settings."),
    "data_training": ("no_training", "Choose a model whose provider says so, or give up this condition."),
    "data_retention": ("max_retention_days", "Choose a model whose provider says so, or allow more days."),
    "data_region": ("regions", "Choose a model whose provider says so, or allow more regions."),
}
_PARAMS: dict[Reason, str] = {
    "size_unsupported": "size", "too_many_inputs": "image", "mask_unsupported": "mask", "operation_unsupported": "model",
}  # fmt: skip


def known_or_raise(model: str, endpoints: Mapping[str, Endpoint]) -> None:
    """Raises UnknownModelError with the near names for a model that is no endpoint, no family and not `auto`."""
    families = {endpoint.model.card.family for endpoint in endpoints.values()}
    if model == AUTO or model in endpoints or model in families:
        return
    if (ended := ended_error(model, endpoints, "model")) is not None:
        raise ended
    near = difflib.get_close_matches(model, sorted({*endpoints, *families, AUTO}), n=4, cutoff=0.5)
    raise UnknownModelError(
        f"There is no model “{model}”.",
        hint=f"Did you mean {' or '.join(near)}?" if near else "List the models to see their names.",
        param="model",
        detail=", ".join(near) or None,
    )


def ended_error(name: str, endpoints: Mapping[str, Endpoint], param: str) -> UnknownModelError | None:
    """The error for a name that no endpoint has any more, with those that came after it; None for a name that nothing ever had."""
    gone = retired_model(name)
    if gone is None:
        return None
    after = come_after(gone.successors, {each: endpoint.model.card for each, endpoint in endpoints.items()})
    return UnknownModelError(
        f"There is no model “{name}” any more: it ended on {gone.ended}.",
        hint=f"Its successor here is {' or '.join(after)}." if after else "None that came after it is here.",
        param=param,
        detail=", ".join(after) or None,
    )


def no_route(
    decision: Decision,
    sight: Sight,
    *,
    wait_s: float | None,
    last: TriptychError | None,
) -> TriptychError:
    """The error for a decision without anything to try: that of the candidate nearest to success, with the others named.

    `wait_s` is when the first unhealthy candidate may be called again, `last` why it is not called now.
    """
    candidates = [c for c in decision.candidates if c.reason in _NEAREST_TO_SUCCESS]
    if not candidates:
        return NotConfiguredError("There is no model to choose from.", hint="Add a key or switch a model on.")
    best = min(candidates, key=lambda c: (_NEAREST_TO_SUCCESS.index(c.reason), c.endpoint))
    others = "; ".join(f"{c.endpoint} {_WORDS[c.reason]}" for c in candidates if c is not best)
    error = _error(best, decision.features, sight, sight.endpoints[best.endpoint], wait_s=wait_s, last=last)
    if others:
        error.detail = f"Others: {others}."
    return error


def _error(
    best: Candidate,
    features: Features,
    sight: Sight,
    endpoint: Endpoint,
    *,
    wait_s: float | None,
    last: TriptychError | None,
) -> TriptychError:
    card = endpoint.model.card
    plain = f"{card.name} ({card.id}) {_WORDS[best.reason]}."
    if best.reason == "unhealthy":
        return _unhealthy(plain, card.provider, wait_s, last)
    if best.reason in {"no_key", "disabled"}:
        return NotConfiguredError(endpoint.reason or plain, provider=card.provider, param="model")
    if best.reason in {"price_cap", "price_unknown"}:
        limit = f" The limit is {usd(features.max_price_micro_usd or 0)}"
        cost = f", it would cost {usd(best.price_micro_usd)}." if best.price_micro_usd is not None else "."
        return BudgetError(
            plain + limit + cost, hint="Raise the limit or choose another model.", provider=card.provider
        )
    if best.reason == "retired":
        after = (
            f"Its provider names {' or '.join(card.successors)} in its place."
            if card.successors
            else "Choose another model."
        )
        return ModelUnavailableError(plain, provider=card.provider, param="model", hint=after)
    if best.reason in _FLOORS:
        if best.reason == "lane_floor":
            plain += f" It is in the lane {card.lane}; the floor is {features.lane_floor}."
        param, hint = _FLOORS[best.reason]
        return BadRequestError(plain, provider=card.provider, param=param, hint=hint)
    offered = best.reason != "operation_unsupported"
    said = plain if offered else _not_offered(card.name, features.operation)
    return (offered and sight.refusals.get(best.endpoint)) or _unsupported(said, best.reason, features, endpoint)


def _not_offered(name: str, operation: Operation) -> str:
    said: dict[Operation, str] = {
        "generate": f"{name} only changes pictures, and none is given.",
        "edit": f"{name} takes no pictures.",
        "upscale": f"{name} enlarges no pictures.",
        "remove_background": f"{name} cuts nothing out of its background.",
    }
    return said[operation]


def _unsupported(plain: str, reason: Reason, features: Features, endpoint: Endpoint) -> BadRequestError:
    caps = endpoint.model.card.capabilities
    crowded = f" It takes {caps.max_input_images}, {features.input_images} were given."
    return BadRequestError(
        plain + (crowded if reason == "too_many_inputs" else ""),
        provider=endpoint.model.card.provider,
        param=_PARAMS.get(reason, "model"),
        hint="Choose another model, or change the request.",
    )


def _unhealthy(plain: str, provider: str, wait_s: float | None, last: TriptychError | None) -> OverloadedError:
    why = f" Last: {last.message}" if last else ""
    again = f" It may be called again in {round(wait_s)} s." if wait_s else ""
    return OverloadedError(
        plain + again + why, provider=provider, retry_after_s=wait_s, hint=last.hint if last else None
    )
