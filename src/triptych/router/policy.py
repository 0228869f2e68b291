"""The policies that come with the program, a user's own, and any of them in plain words.

The shipped ones are the JSON files in `policies/`: what is shown, hashed and published is what decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import msgspec

from triptych.router.bundle import MAX_BYTES, read_bundle
from triptych.router.canonical import canonical_with_fractions, digest
from triptych.router.price import usd
from triptych.spec.errors import SettingsError
from triptych.spec.model import ModelCard
from triptych.spec.routing import NO_FEES, AllOf, AnyOf, Condition, Fallback, Fees, Filter, NotOf, Policy

_FOLDER = resources.files("triptych.router") / "policies"


def _shipped(name: str) -> Policy:
    return read_bundle((_FOLDER / f"{name}.json").read_bytes())


BALANCED, BEST_FOR_ME, CHEAPEST, FASTEST, OPEN_FIRST = _SHIPPED = tuple(
    map(_shipped, ("balanced", "best-for-me", "cheapest", "fastest", "open-first"))
)
SHIPPED: Mapping[str, Policy] = MappingProxyType({policy.name: policy for policy in _SHIPPED})
PINNED = replace(CHEAPEST, name="pinned", summary="", fallback=Fallback(same_model=False, other_models=False))
"""Tries one endpoint and no other."""


def find_policy(name_or_file: str, folder: Path) -> Policy:
    """A shipped policy by its name, or one out of a JSON file (a relative path is from `folder`). Raises SettingsError."""
    if name_or_file in SHIPPED:
        return SHIPPED[name_or_file]
    path = folder / Path(name_or_file).expanduser()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"policy is {name_or_file!r}: no shipped policy has that name, and the file {path} cannot be read "
            f"({error.strerror}).",
            hint=f"Shipped policies: {', '.join(SHIPPED)}.", param="policy",
        ) from None  # fmt: skip
    try:
        return read_bundle(data)
    except SettingsError as error:
        raise SettingsError(
            f"{path}: {error.message}", hint="`triptych policy show cheapest` prints one that holds.", param=error.param
        ) from None


def catalogue_body(cards: Iterable[ModelCard]) -> bytes:
    """All cards as they are published, in order of their ids: prices, capabilities and facts as a decision finds them."""
    return canonical_with_fractions([msgspec.to_builtins(c) for c in sorted(cards, key=lambda c: c.id)])


def catalogue_hash(cards: Iterable[ModelCard]) -> str:
    """SHA-256 of the catalogue as it is published."""
    return digest(catalogue_body(cards))


def with_catalogue(policy: Policy, catalogue: str) -> Policy:
    """The policy as it is activated. Raises SettingsError when it was written for another catalogue."""
    if policy.catalogue not in {None, catalogue}:
        raise SettingsError(
            f"The policy {policy.name!r} is for the catalogue {policy.catalogue}; this one is {catalogue}.",
            hint="Set its catalogue to null to use it with any.", param="catalogue",
        )  # fmt: skip
    return replace(policy, catalogue=catalogue)


_STRATEGIES = {
    "best": "The endpoint with the fewest points is tried first.",
    "draw": "Endpoints are drawn: with fewer points there is more luck.",
    "two_choices": "Two endpoints are drawn at random; the one with less to do is tried first.",
    "thompson": "How much you like each endpoint is drawn around what your side-by-side picks say, the wider the fewer "
    "picks there are; then the endpoint with the fewest points is tried first.",
}
_UNITS = {
    "price": "each micro-dollar of the price", "latency": "each millisecond it usually takes",
    "failure": "each failure in a thousand requests", "load": "each request under way there",
    "lane": "each step from local over pinned, attested and community to commercial",
}  # fmt: skip
_OPS = {"eq": "is", "ne": "is not", "lt": "is below", "le": "is at most", "gt": "is above", "ge": "is at least",
        "in": "is one of", "not_in": "is none of"}  # fmt: skip
_TIES = {"price": "the lower price", "latency": "the shorter time", "load": "less to do", "nonce": "a draw"}


def in_words(policy: Policy) -> tuple[str, ...]:
    """What a policy does, sentence by sentence, made from its fields alone."""
    weights = [(name, getattr(policy.weights, name)) for name in _UNITS]
    points = [f"{value} for {_UNITS[name]}" for name, value in weights if value]
    if policy.weights.taste:
        points.append(f"{policy.weights.taste} fewer for each thousandth of a logit of drawn taste")
    said = [policy.summary] if policy.summary else []
    if policy.filters != AllOf():
        said.append(f"Only endpoints for which this holds take part: {filter_words(policy.filters)}.")
    said.append(_STRATEGIES[policy.strategy])
    if policy.strategy == "thompson":
        said.append(f"What you never compared counts as liked no more and no less than the average, with a standard "
                    f"deviation of {policy.assumed.taste_sd} thousandths of a logit.")  # fmt: skip
    if policy.strategy == "draw":
        said.append(f"With twice the points the chance is {2**policy.draw_power} times as small.")
    if points and policy.strategy != "two_choices":
        said.append(f"Points: {', '.join(points)}.")
    if policy.strategy in {"best", "thompson"}:
        said.append(f"Equal ones: {', then '.join(_TIES[tie] for tie in policy.tie_break)}.")
    said.append(_fallback_words(policy.fallback))
    said.append(f"An endpoint is tried at most {policy.retry.max_attempts} times, and waited for at most "
                f"{policy.retry.wait_limit_s} seconds.")  # fmt: skip
    if policy.hedge is not None:
        said.append(f"Where you ask for it, what takes longer than 95 of 100 did is also sent to another endpoint of the same "
                    f"model, for at most {policy.hedge.extra_micro_usd} micro-dollars more.")  # fmt: skip
    said.append(fee_words(policy.fees))
    return tuple(said)


def fee_words(fees: Fees) -> str:
    """The fee schedule as a sentence."""
    if fees == NO_FEES:
        return "No fee is taken."
    of_charge = f"{fees.per_mille} thousandths of what the provider charges" if fees.per_mille else ""
    each = usd(fees.per_request_micro_usd) if fees.per_request_micro_usd else ""
    return f"A fee is taken for each call that is billed: {' and '.join(filter(None, (each, of_charge)))}."


def _fallback_words(fallback: Fallback) -> str:
    if not fallback.same_model:
        return "After a failure nobody else is tried."
    other = "; another model only if you allowed it" if fallback.other_models else ", never another model"
    return f"After a failure the same model is tried elsewhere{other}."


def filter_words(rule: Filter) -> str:
    """A filter as a phrase."""
    match rule:
        case AllOf(parts):
            return " and ".join(map(_bracketed, parts)) or "anything"
        case AnyOf(parts):
            return " or ".join(map(_bracketed, parts))
        case NotOf(part):
            return f"not {_bracketed(part)}"
        case Condition(field, "known", value):
            return f"{field} is {'known' if value else 'unknown'}"
        case Condition(field, op, value):
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            return f"{field} {_OPS[op]} {shown}"


def _bracketed(rule: Filter) -> str:
    several = isinstance(rule, AllOf | AnyOf) and len(rule.parts) > 1
    return f"({filter_words(rule)})" if several else filter_words(rule)
