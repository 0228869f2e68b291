"""Any number of stored decisions, always the same ones: every shipped policy and others of every strategy, with filters,
weights and assumptions that a generator with a seed draws, over snapshots and features that it draws, too."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import get_args

import msgspec
from tests.vectors import make
from tests.vectors.rerun import fingerprint

from triptych.router.bundle import MOST_POINTS, MOST_TASTE, policy_bytes
from triptych.router.decide import decide
from triptych.router.filters import FIELDS, OPS, Field
from triptych.router.sealed import seal, unseal
from triptych.spec.routing import (
    AllOf,
    AnyOf,
    Assumed,
    Condition,
    Fallback,
    Filter,
    Hedge,
    NotOf,
    Policy,
    Snapshot,
    Strategy,
    Tie,
    Weights,
)

STRATEGIES = get_args(Strategy)
DRAWN = 50  # policies beside those of the golden decisions
_TIES: tuple[tuple[Tie, ...], ...] = (
    ("nonce",), ("price", "nonce"), ("latency", "load", "nonce"), ("load", "price", "latency", "nonce"),
)  # fmt: skip


def condition(chosen: random.Random) -> Condition:
    name = chosen.choice(tuple(FIELDS))
    field = FIELDS[name]
    op = chosen.choice(OPS[field.kind])
    if op == "known":
        return Condition(name, op, chosen.random() < 0.7)
    if op in {"in", "not_in"}:
        return Condition(name, op, tuple(_operand(chosen, field) for _ in range(chosen.randrange(1, 4))))
    return Condition(name, op, chosen.random() < 0.5 if field.kind == "flag" else _operand(chosen, field))


def _operand(chosen: random.Random, field: Field) -> int | str:
    if field.kind == "number":
        return chosen.choice([0, 1, 7, 30, 980, 7_000, 40_000, 2**53 - 1])
    return chosen.choice(field.words or ("a", "b", "x", "x/a", "EU", "Zürich", "auto", "\U0001f58c", "\uff5e"))


def rule(chosen: random.Random, depth: int = 0) -> Filter:
    kind = chosen.choice(["all", "any", "not", "one"]) if depth < 3 else "one"
    if kind == "one":
        return condition(chosen)
    if kind == "not":
        return NotOf(rule(chosen, depth + 1))
    parts = tuple(rule(chosen, depth + 1) for _ in range(chosen.randrange(1, 4)))
    return AllOf(parts) if kind == "all" else AnyOf(parts)


def drawn_policy(number: int) -> Policy:
    """Policy number so-and-so: all strategies in turn."""
    chosen = random.Random(f"policy {number}")
    strategy = STRATEGIES[number % len(STRATEGIES)]
    weights = {name: chosen.choice([0, 0, 1, 3, 1000, most]) for name, most in MOST_POINTS.items() if name != "taste"}
    same = chosen.random() < 0.8
    return Policy(
        name=f"drawn {number} \u20ac\U0001f58c",
        summary=chosen.choice(["", 'with "quotes" and \\ and \u2028', "\u0007"]),
        filters=rule(chosen) if chosen.random() < 0.4 else AllOf(),
        strategy=strategy,
        draw_power=chosen.randrange(1, 5),
        weights=Weights(**weights, taste=chosen.choice([0, 1, 100, 10**9]) if strategy == "thompson" else 0),
        assumed=Assumed(
            price_micro_usd=chosen.choice([None, 0, 50_000]),
            latency_ms=chosen.choice([None, 20_000]),
            success_per_mille=chosen.choice([1000, 900]),
            taste_sd=chosen.choice([0, 1000, 777, MOST_TASTE]),
        ),
        tie_break=chosen.choice(_TIES),
        fallback=Fallback(same_model=same, other_models=same and chosen.random() < 0.7),
        hedge=chosen.choice([None, Hedge(), Hedge(extra_micro_usd=40_000)]),
        catalogue=chosen.choice([None, "ab" * 32]),
    )


@cache
def policies() -> tuple[Policy, ...]:
    """All of them."""
    return (*make.POLICIES, *(drawn_policy(number) for number in range(DRAWN)))


def stored(count: int) -> Iterator[tuple[bytes, str]]:
    """Lines for `tests.vectors.rerun`, each with the fingerprint of its decision."""
    for number in range(count):
        chosen = random.Random(f"decision {number}")
        policy = policies()[number % len(policies())]
        names = [f"{provider}/{model}" for provider in ("w", "x", "y", "\U0001f58c", "\uff5e") for model in "abc"]
        states = [make.state(chosen, name) for name in chosen.sample(names, chosen.randrange(9))]
        # Most can be picked, so that points, draws and ties decide.
        if chosen.random() < 0.8:
            states = [replace(one, ready=True, enabled=True, supports=(), breaker="closed", open_until_ms=None)
                      for one in states]  # fmt: skip
        sealed = seal(Snapshot(taken_ms=make.NOW, endpoints=tuple(states)))
        features = make.features(chosen)
        decision = decide(policy, unseal(sealed.body), features, f"{chosen.getrandbits(128):032x}",
                          decision_id=f"dec_{number}", snapshot_id=sealed.id)  # fmt: skip
        line = msgspec.json.encode((decision, policy_bytes(policy).decode(), sealed.body.decode()))
        yield line, fingerprint(decision)
