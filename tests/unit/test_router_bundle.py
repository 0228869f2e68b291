"""Policies as JSON: read strictly, written canonically, and what filters mean."""

import json
import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from triptych.catalog import load_cards
from triptych.router.bundle import FORMAT, policy_bytes, policy_from, policy_id, policy_json, read_bundle
from triptych.router.canonical import canonical, digest
from triptych.router.filters import FIELDS, OPS, failing, holds
from triptych.router.policy import (
    BALANCED,
    CHEAPEST,
    PINNED,
    SHIPPED,
    catalogue_hash,
    filter_words,
    find_policy,
    in_words,
    with_catalogue,
)
from triptych.spec.errors import SettingsError
from triptych.spec.routing import AllOf, AnyOf, Condition, EndpointState, Features, Filter, NotOf, Policy, Weights


def bundle(**changes: Any) -> dict[str, Any]:
    return {"format": FORMAT, "name": "mine", **changes}


_words = st.text(st.characters(codec="utf-8"), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef_", max_size=6), inner, max_size=4),
)


@given(_values)
def test_the_fast_way_to_write_a_value_is_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("policy", [*SHIPPED.values(), PINNED], ids=lambda policy: policy.name)
def test_a_policy_is_the_same_after_writing_and_reading(policy: Policy) -> None:
    assert read_bundle(policy_bytes(policy)) == policy
    assert policy_id(policy) == digest(rfc8785.dumps(policy_json(policy)))


def test_every_field_of_a_policy_makes_another_id() -> None:
    changed = [
        replace(CHEAPEST, name="x"), replace(CHEAPEST, weights=Weights(price=2)), replace(CHEAPEST, catalogue="a" * 64),
        replace(CHEAPEST, filters=Condition("is_ai", "eq", value=True)), replace(CHEAPEST, draw_power=2),
    ]  # fmt: skip
    assert len({policy_id(policy) for policy in (CHEAPEST, *changed)}) == len(changed) + 1


def test_policies_from_before_there_was_taste_keep_their_names() -> None:
    assert {name: policy_id(policy)[:16] for name, policy in SHIPPED.items() if name != "best-for-me"} == {
        "balanced": "052d99e01b817467",
        "cheapest": "61d18d2a089c88a0",
        "fastest": "89c044b80a546647",
        "open-first": "861d0b755d5df549",
    }


@pytest.mark.parametrize(
    ("raw", "path", "takes"),
    [
        (bundle(weights={"taste": 1}), "weights.taste", "0 unless strategy is thompson"),
        (bundle(strategy="thompson", weights={"taste": 10**9 + 1}), "weights.taste", "from 0 to 1000000000"),
        (bundle(assumed={"taste_sd": 100_001}), "assumed.taste_sd", "from 0 to 100000"),
        ([], "policy", "an object"),
        (bundle(format="2"), "format", FORMAT),
        ({"format": FORMAT}, "name", "is missing"),
        (bundle(colour=1), "colour", "there is format, name"),
        (bundle(strategy="luck"), "strategy", "best or draw or two_choices or thompson"),
        (bundle(draw_power=0), "draw_power", "from 1 to 4"),
        (bundle(weights={"price": True}), "weights.price", "a whole number"),
        (bundle(weights={"price": 10**4 + 1}), "weights.price", "from 0 to 10000"),
        (bundle(weights={"speed": 1}), "weights.speed", "there is price, latency"),
        (bundle(tie_break=["nonce", "price"]), "tie_break[1]", "nonce"),
        (bundle(tie_break=[]), "tie_break", "each once"),
        (bundle(fees={"per_mille": 1001}), "fees.per_mille", "a whole number from 0 to 1000"),
        (bundle(fees={"per_request_micro_usd": 1_000_001}), "fees.per_request_micro_usd", "from 0 to 1000000"),
        (bundle(fees={"per_mille": -1}), "fees.per_mille", "from 0 to 1000"),
        (bundle(fees={"per_mille": 2.5}), "fees.per_mille", "a whole number"),
        (bundle(fees={"per_image": 2}), "fees.per_image", "there is per_mille, per_request_micro_usd"),
        (bundle(retry={"max_attempts": 99}), "retry.max_attempts", "from 1 to 10"),
        (bundle(fallback={"same_model": False}), "fallback.other_models", "false when"),
        (bundle(catalogue="ABC"), "catalogue", "SHA-256"),
        (bundle(filters={"all": [{"field": "lane", "op": "like", "value": "local"}]}), "filters.all[0].op", "eq or ne"),
        (bundle(filters={"not": {"field": "colour", "op": "eq", "value": 1}}), "filters.not.field", "endpoint or"),
        (bundle(filters={"field": "lane", "op": "in", "value": ["moon"]}), "filters.value[0]", "local or pinned"),
        (bundle(filters={"field": "n", "op": "lt", "value": "3"}), "filters.value", "a whole number"),
        (bundle(filters={"field": "n", "op": "known", "value": 1}), "filters.value", "true or false"),
        (bundle(filters={"field": "n", "op": "eq"}), "filters.value", "is missing"),
        (bundle(filters={"any": []}), "filters.any", "1 to 64"),
        (bundle(filters={"all": [], "any": []}), "filters", "one of all, any, not"),
        (bundle(filters={"all": [], "why": 1}), "filters", "all alone"),
    ],
)
def test_what_is_wrong_is_said_with_its_path_and_what_is_taken(raw: Any, path: str, takes: str) -> None:
    with pytest.raises(SettingsError) as caught:
        policy_from(raw)
    assert caught.value.param == path
    assert takes in caught.value.message


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b" " * 100_000, b"\xff", b"1"])
def test_what_is_no_policy_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        read_bundle(data)


def test_a_filter_may_not_be_nested_without_end() -> None:
    rule: dict[str, Any] = {"all": []}
    for _ in range(8):
        rule = {"not": rule}
    with pytest.raises(SettingsError, match="nested more than 8"):
        policy_from(bundle(filters=rule))


@given(st.recursive(_values, lambda inner: st.dictionaries(st.sampled_from(["all", "not", "field"]), inner)))
def test_garbage_gives_one_of_our_errors_or_a_policy(value: Any) -> None:
    for name in ("filters", "weights", "tie_break", "retry", "catalogue", "name", "strategy"):
        with suppress(SettingsError):
            assert policy_from(bundle(**{name: value})).name


STATE = EndpointState(endpoint="x/a", family="a", lane="pinned", ready=True, price_micro_usd=10)
FEATURES = Features(model="a", operation="edit", input_images=2)
YES, NO = Condition("lane", "eq", "pinned"), Condition("lane", "eq", "local")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (AllOf(()), True), (AllOf((YES, NO)), False), (AnyOf((NO, YES)), True), (NotOf(NO), True),
        (Condition("price_micro_usd", "le", 10), True), (Condition("price_micro_usd", "lt", 10), False),
        (Condition("latency_ms", "lt", 10**9), False), (NotOf(Condition("latency_ms", "lt", 10**9)), True),
        (Condition("latency_ms", "known", value=False), True), (Condition("price_micro_usd", "known", value=True), True),
        (Condition("provider", "in", ("x", "y")), True), (Condition("provider", "not_in", ("x",)), False),
        (Condition("operation", "eq", "edit"), True), (Condition("input_images", "ge", 3), False),
        (Condition("region", "ne", "EU"), False),
    ],
)  # fmt: skip
def test_filters_mean_what_they_say_and_the_unknown_passes_no_comparison(rule: Filter, expected: bool) -> None:
    assert holds(rule, STATE, FEATURES) is expected
    assert (failing(rule, STATE, FEATURES) is None) is expected
    assert filter_words(rule)


def test_the_part_that_fails_is_named() -> None:
    assert failing(AllOf((YES, AllOf((YES, NO)))), STATE, FEATURES) == "filters.all[1].all[1]"


def test_every_field_can_be_seen_and_compared() -> None:
    for name, field in FIELDS.items():
        field.see(STATE, FEATURES)
        value: Any = {"number": 1, "flag": True, "word": field.words[0] if field.words else "w"}[field.kind]
        for op in OPS[field.kind]:
            given_: Any = [value] if op in {"in", "not_in"} else True if op == "known" else value
            policy = policy_from(bundle(filters={"field": name, "op": op, "value": given_}))
            assert holds(policy.filters, STATE, FEATURES) in {True, False}


def test_a_policy_for_another_catalogue_is_refused() -> None:
    here = catalogue_hash(load_cards())
    assert with_catalogue(CHEAPEST, here).catalogue == here
    assert with_catalogue(with_catalogue(CHEAPEST, here), here).catalogue == here
    with pytest.raises(SettingsError, match="for the catalogue"):
        with_catalogue(replace(CHEAPEST, catalogue="0" * 64), here)


def test_the_catalogue_hash_does_not_depend_on_the_order_and_does_on_every_price() -> None:
    cards = load_cards()
    assert catalogue_hash(reversed(cards)) == catalogue_hash(cards)
    dearer = [replace(card, prices=()) if card.prices else card for card in cards]
    assert catalogue_hash(dearer) != catalogue_hash(cards)


def test_a_file_is_found_from_the_folder_and_its_errors_name_it(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(bundle(strategy="draw")))
    assert find_policy("mine.json", tmp_path).strategy == "draw"
    assert find_policy("fastest", tmp_path) is SHIPPED["fastest"]
    (tmp_path / "mine.json").write_text(json.dumps(bundle(strategy=math.pi)))
    with pytest.raises(SettingsError, match=r"mine\.json: In the policy, strategy is 3\.14"):
        find_policy("mine.json", tmp_path)


def test_words_are_made_from_the_fields() -> None:
    said = " ".join(in_words(replace(BALANCED, filters=AllOf((YES, AnyOf((YES, NO)))))))
    assert "lane is pinned and (lane is pinned or lane is local)" in said
    assert "4 times as small" in said
    assert "nobody else is tried" in " ".join(in_words(PINNED))
