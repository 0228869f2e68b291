"""Filters as data: which fields there are, what each may be compared with, and whether a filter holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from triptych.spec.image import Operation
from triptych.spec.model import Lane
from triptych.spec.routing import AllOf, AnyOf, Breaker, Condition, EndpointState, Features, Filter, NotOf

Kind = Literal["number", "word", "flag"]
Seen = Callable[[EndpointState, Features], Any]
_EQUAL = ("eq", "ne", "in", "not_in", "known")
OPS: Mapping[Kind, tuple[str, ...]] = {
    "number": (*_EQUAL, "lt", "le", "gt", "ge"),
    "word": _EQUAL,
    "flag": ("eq", "ne"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a filter may look at: what it holds, how it is seen, what it means, its words if they are few."""

    kind: Kind
    see: Seen
    meaning: str
    words: tuple[str, ...] = ()


FIELDS: Mapping[str, Field] = {
    "endpoint": Field("word", lambda e, _: e.endpoint, "the endpoint, `provider/model`"),
    "provider": Field("word", lambda e, _: e.endpoint.partition("/")[0], "the part of the endpoint before the slash"),
    "family": Field("word", lambda e, _: e.family, "the model itself, whoever serves it"),
    "lane": Field("word", lambda e, _: e.lane, "who can read the prompt there", get_args(Lane)),
    "is_ai": Field("flag", lambda e, _: e.is_ai, "false for procedural painters"),
    "price_micro_usd": Field("number", lambda e, _: e.price_micro_usd, "price of this request, in micro-dollars"),
    "latency_ms": Field("number", lambda e, _: e.latency_ms, "usual time, in milliseconds"),
    "p95_ms": Field("number", lambda e, _: e.p95_ms, "time that 95 of 100 stay below, in milliseconds"),
    "success_per_mille": Field("number", lambda e, _: e.success_per_mille, "how many of a thousand worked lately"),
    "in_flight": Field("number", lambda e, _: e.in_flight, "requests under way or waiting there"),
    "breaker": Field("word", lambda e, _: e.breaker, "whether it is being left alone", get_args(Breaker)),
    "training": Field("word", lambda e, _: e.training, "whether it trains on what is sent", ("no", "yes")),
    "retention_days": Field("number", lambda e, _: e.retention_days, "days for which it keeps what is sent"),
    "region": Field("word", lambda e, _: e.region, "where it handles what is sent"),
    "operation": Field("word", lambda _, f: f.operation, "what is asked for", get_args(Operation)),
    "n": Field("number", lambda _, f: f.n, "pictures asked for"),
    "megapixels_x100": Field("number", lambda _, f: f.megapixels_x100, "size asked for, in hundredths of a megapixel"),
    "quality": Field("word", lambda _, f: f.quality, "quality asked for, `auto` when none was"),
    "input_images": Field("number", lambda _, f: f.input_images, "pictures sent along"),
    "mask": Field("flag", lambda _, f: f.mask, "whether a mask is sent along"),
}

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda seen, value: bool(seen == value),
    "ne": lambda seen, value: bool(seen != value),
    "lt": lambda seen, value: bool(seen < value),
    "le": lambda seen, value: bool(seen <= value),
    "gt": lambda seen, value: bool(seen > value),
    "ge": lambda seen, value: bool(seen >= value),
    "in": lambda seen, value: seen in value,
    "not_in": lambda seen, value: seen not in value,
}


def holds(rule: Filter, state: EndpointState, features: Features) -> bool:
    """Whether an endpoint passes a filter for a request."""
    match rule:
        case AllOf(parts):
            return all(holds(part, state, features) for part in parts)
        case AnyOf(parts):
            return any(holds(part, state, features) for part in parts)
        case NotOf(part):
            return not holds(part, state, features)
        case Condition(field, op, value):
            seen = FIELDS[field].see(state, features)
            if op == "known":
                return (seen is not None) == value
            return seen is not None and _COMPARE[op](seen, value)


def failing(rule: Filter, state: EndpointState, features: Features, path: str = "filters") -> str | None:
    """The path to the first part of a filter that an endpoint does not pass; None when it passes."""
    if isinstance(rule, AllOf):
        parts = (failing(part, state, features, f"{path}.all[{i}]") for i, part in enumerate(rule.parts))
        return next((found for found in parts if found is not None), None)
    return None if holds(rule, state, features) else path
