"""Policies as JSON: read strictly, written canonically, named by their hash.

A wrong bundle is refused with the path of what is wrong, its value, and what is taken there.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, get_args

import msgspec

from triptych.router.canonical import canonical, digest
from triptych.router.filters import FIELDS, OPS, Field
from triptych.spec.errors import SettingsError
from triptych.spec.json import JsonObject
from triptych.spec.routing import (
    AllOf,
    AnyOf,
    Assumed,
    Condition,
    Fallback,
    Fees,
    Filter,
    Hedge,
    NotOf,
    Policy,
    Retry,
    Strategy,
    Tie,
    Weights,
)

FORMAT = "triptych-policy/1"
MAX_BYTES = 64 << 10
MAX_DEPTH = 8
MAX_PARTS = 64
MOST_POINTS: Mapping[str, int] = {
    "price": 10**4, "latency": 10**4, "failure": 10**9, "load": 10**9, "lane": 10**12, "taste": 10**9,
}  # fmt: skip
"""Limits of the weights. With prices up to 10,000 dollars, and tastes and their deviations up to 100,000 milli-logits,
of which a draw makes at most 700,000, a sum of points stays between -2^53 and 2^53, the range of whole numbers that
every JSON reader takes."""
MOST_ASSUMED = 10**10
MOST_FEE_PER_MILLE = 1000
MOST_FEE = 10**6
"""A fee of a call is at most as much as its charge, and a dollar more."""
MOST_TASTE = 10**5
"""The largest strength, and standard deviation of one, in milli-logits."""
LATER = (("weights", "taste", Weights().taste), ("assumed", "taste_sd", Assumed().taste_sd))
"""Fields that policies did not have at first, and their defaults: left out, so that older policies keep their names."""
_MOST = 2**53 - 1  # what every JSON reader takes as a whole number
T = TypeVar("T")
Reader = Callable[[Any, str], Any]


def wrong(path: str, value: Any, takes: str) -> NoReturn:
    """Raises SettingsError for a value at a path."""
    shown = "true" if value is True else "false" if value is False else "null" if value is None else repr(value)
    raise SettingsError(f"In the policy, {path} is {shown[:120]}; it takes {takes}.", param=path)


def read_bundle(data: bytes) -> Policy:
    """The policy in a JSON text. Raises SettingsError."""
    if len(data) > MAX_BYTES:
        raise SettingsError(f"The policy has {len(data)} bytes; at most {MAX_BYTES} are taken.", param="policy")
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SettingsError(f"The policy is not JSON: {error}.", param="policy") from None
    return policy_from(raw)


def policy_from(raw: Any) -> Policy:
    """The policy in a decoded JSON value. Raises SettingsError."""
    given = _object(raw, "policy", ("format", *_POLICY), needed=("format", "name"))
    if given["format"] != FORMAT:
        wrong("format", given["format"], f'"{FORMAT}"')
    values = {name: read(given[name], name) for name, read in _POLICY.items() if name in given}
    policy = Policy(**values)
    if policy.fallback.other_models and not policy.fallback.same_model:
        wrong("fallback.other_models", True, "false when fallback.same_model is false")
    if policy.weights.taste and policy.strategy != "thompson":
        wrong("weights.taste", policy.weights.taste, "0 unless strategy is thompson, which draws the taste")
    return policy


def policy_json(policy: Policy) -> JsonObject:
    """A policy as its JSON value, every field written out; but those of LATER only when they are not as by default."""
    plain = {name: _plain(getattr(policy, name)) for name in _POLICY}
    for part, name, default in LATER:
        if plain[part][name] == default:
            del plain[part][name]
    if policy.hedge is None:
        del plain["hedge"]
    return {**plain, "format": FORMAT, "filters": _filter_json(policy.filters)}


@lru_cache(maxsize=64)
def policy_bytes(policy: Policy) -> bytes:
    """The canonical bytes of a policy: what is published and hashed."""
    return canonical(policy_json(policy))


@lru_cache(maxsize=64)
def policy_id(policy: Policy) -> str:
    """SHA-256 of the canonical bytes, in lower-case hex."""
    return digest(policy_bytes(policy))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | None) else msgspec.to_builtins(value)


def _filter_json(rule: Filter) -> JsonObject:
    match rule:
        case AllOf(parts):
            return {"all": [_filter_json(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [_filter_json(part) for part in parts]}
        case NotOf(part):
            return {"not": _filter_json(part)}
        case Condition(field, op, value):
            return {"field": field, "op": op, "value": list(value) if isinstance(value, tuple) else value}


# Readers: a value and its path to what it says.


def _object(value: Any, path: str, names: tuple[str, ...], needed: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        wrong(path, value, "an object")
    for name in value:
        if name not in names:
            raise SettingsError(f"In the policy, {_join(path, name)} is not known; there is {', '.join(names)}.",
                                param=_join(path, name))  # fmt: skip
    for name in needed:
        if name not in value:
            raise SettingsError(f"In the policy, {_join(path, name)} is missing.", param=_join(path, name))
    return value


def _join(path: str, name: str) -> str:
    return name if path == "policy" else f"{path}.{name}"


def _whole(low: int, high: int = _MOST) -> Reader:
    def read(value: Any, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            wrong(path, value, f"{low}" if low == high else f"a whole number from {low} to {high}")
        return value

    return read


def _optional(read: Reader) -> Reader:
    return lambda value, path: None if value is None else read(value, path)


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        wrong(path, value, "true or false")
    return value


def _text(low: int, high: int) -> Reader:
    def read(value: Any, path: str) -> str:
        if not isinstance(value, str) or not low <= len(value) <= high:
            wrong(path, value, f"a text of {low} to {high} characters")
        return value

    return read


def _word(allowed: tuple[str, ...]) -> Reader:
    def read(value: Any, path: str) -> str:
        if value not in allowed:
            wrong(path, value, " or ".join(allowed))
        return str(value)

    return read


def _hash(value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        wrong(path, value, "a SHA-256 in lower-case hex, or null")
    return value


def _record(kind: type[T], readers: Mapping[str, Reader]) -> Reader:
    def read(value: Any, path: str) -> T:
        given = _object(value, path, tuple(readers))
        return kind(**{name: readers[name](item, f"{path}.{name}") for name, item in given.items()})

    return read


def _ties(value: Any, path: str) -> tuple[str, ...]:
    words = get_args(Tie)
    if not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
        wrong(path, value, f"a list of {', '.join(words)}, each once")
    read = tuple(_word(words)(item, f"{path}[{i}]") for i, item in enumerate(value))
    if read[-1] != "nonce":
        wrong(f"{path}[{len(read) - 1}]", read[-1], "nonce: the last tie-break is the draw, so that nobody is favoured")
    return read


def _filter(value: Any, path: str, depth: int = 1) -> Filter:
    if depth > MAX_DEPTH:
        raise SettingsError(f"In the policy, {path} is nested more than {MAX_DEPTH} deep.", param=path)
    if not isinstance(value, Mapping) or len(set(value) & {"all", "any", "not", "field"}) != 1:
        wrong(path, value, "an object with one of all, any, not, or with field, op and value")
    if "field" in value:
        return _condition(value, path)
    (name, inner), *more = value.items()
    if more:
        wrong(path, value, f"{name} alone")
    if name == "not":
        return NotOf(_filter(inner, f"{path}.not", depth + 1))
    if not isinstance(inner, list) or len(inner) > MAX_PARTS or (name == "any" and not inner):
        wrong(f"{path}.{name}", inner, f"a list of {1 if name == 'any' else 0} to {MAX_PARTS} filters")
    parts = tuple(_filter(part, f"{path}.{name}[{i}]", depth + 1) for i, part in enumerate(inner))
    return AllOf(parts) if name == "all" else AnyOf(parts)


def _condition(value: Mapping[str, Any], path: str) -> Condition:
    given = _object(value, path, ("field", "op", "value"), needed=("field", "op", "value"))
    name = _word(tuple(FIELDS))(given["field"], f"{path}.field")
    field = FIELDS[name]
    op = _word(OPS[field.kind])(given["op"], f"{path}.op")
    return Condition(name, op, _operand(field, op, given["value"], f"{path}.value"))


def _operand(field: Field, op: str, value: Any, path: str) -> Any:
    if op == "known":
        return _flag(value, path)
    word = _word(field.words) if field.words else _text(1, 200)
    read: Reader = {"number": _whole(0), "flag": _flag, "word": word}[field.kind]
    if op not in {"in", "not_in"}:
        return read(value, path)
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_PARTS:
        wrong(path, value, f"a list of 1 to {MAX_PARTS} values")
    return tuple(read(item, f"{path}[{i}]") for i, item in enumerate(value))


_POLICY: Mapping[str, Reader] = {
    "name": _text(1, 64),
    "summary": _text(0, 500),
    "filters": _filter,
    "strategy": _word(get_args(Strategy)),
    "draw_power": _whole(1, 4),
    "weights": _record(Weights, {name: _whole(0, most) for name, most in MOST_POINTS.items()}),
    "assumed": _record(
        Assumed,
        {
            "price_micro_usd": _optional(_whole(0, MOST_ASSUMED)),
            "latency_ms": _optional(_whole(0, MOST_ASSUMED)),
            "success_per_mille": _whole(0, 1000),
            "taste_sd": _whole(0, MOST_TASTE),
        },
    ),
    "tie_break": _ties,
    "fallback": _record(Fallback, {"same_model": _flag, "other_models": _flag}),
    "retry": _record(Retry, {"max_attempts": _whole(1, 10), "wait_limit_s": _whole(0, 3600)}),
    "fees": _record(Fees, {"per_mille": _whole(0, MOST_FEE_PER_MILLE), "per_request_micro_usd": _whole(0, MOST_FEE)}),
    "hedge": _optional(
        _record(
            Hedge,
            {"after": _word(("p95",)), "most": _whole(1, 1), "extra_micro_usd": _whole(0, MOST_ASSUMED)},
        )
    ),
    "catalogue": _optional(_hash),
}
