"""Golden decisions: fixed inputs and what comes out, for every implementation of the rules.

`python -m tests.vectors.make` writes decisions.json anew. It changes only when the rules do, and then on purpose.
"""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from triptych.router.bundle import policy_id, policy_json
from triptych.router.decide import decide, draw_weight
from triptych.router.draw import chance, deviate, log2_fixed, race
from triptych.router.policy import BALANCED, BEST_FOR_ME, PINNED, SHIPPED
from triptych.router.sealed import seal
from triptych.spec.model import LANES
from triptych.spec.routing import (
    AllOf,
    AnyOf,
    Assumed,
    Condition,
    EndpointState,
    Features,
    NotOf,
    Policy,
    Snapshot,
    Weights,
)

FILE = Path(__file__).parent / "decisions.json"
COUNT, NEWCOMERS = 60, 20
"""Cases, and those behind them in which some endpoints are newcomers."""
NOW = 1_790_000_000_000
ABOUT = (
    "Each case: decide(policy, snapshot, features, nonce) gives candidates. policy_id and snapshot_id are SHA-256 over "
    "RFC 8785. Fields of a snapshot's endpoints that are left out are null, false, 0, empty or, for enabled and is_ai, "
    "true, for breaker, closed. Whole numbers above 2^53 are written as strings."
)
FILTERED = replace(
    BALANCED, name="filtered", strategy="best", catalogue="0" * 64,
    filters=AllOf((
        Condition("lane", "in", ("local", "pinned", "commercial")),
        NotOf(Condition("provider", "eq", "w")),
        AnyOf((Condition("price_micro_usd", "le", 40_000), Condition("success_per_mille", "known", value=False))),
    )),
)  # fmt: skip
POLICIES: tuple[Policy, ...] = (
    *SHIPPED.values(), PINNED, FILTERED, replace(BALANCED, name="two", strategy="two_choices", draw_power=1),
    replace(BEST_FOR_ME, name="curious", weights=Weights(taste=10**9, lane=7), assumed=Assumed(taste_sd=100_000)),
    replace(BALANCED, name="steep", draw_power=4, tie_break=("load", "price", "latency", "nonce")),
)  # fmt: skip


def maybe(chosen: random.Random, value: Any) -> Any:
    return value if chosen.random() < 0.7 else None


def state(chosen: random.Random, name: str) -> EndpointState:
    return EndpointState(
        endpoint=name,
        family=name.partition("/")[2],
        lane=chosen.choice(LANES),
        ready=chosen.random() < 0.9,
        enabled=chosen.random() < 0.95,
        is_ai=chosen.random() < 0.85,
        supports=chosen.choice([(), (), (), (), ("retired",), ("size_unsupported", "mask_unsupported")]),
        price_micro_usd=maybe(chosen, chosen.choice([0, 10_000, 39_000, 40_000, 67_000])),
        latency_ms=maybe(chosen, chosen.choice([800, 7_000, 7_000, 21_000])),
        latency_from=maybe(chosen, "endpoint"),
        p95_ms=maybe(chosen, 30_000),
        peak_ms=maybe(chosen, chosen.randrange(500, 50_000)),
        success_per_mille=maybe(chosen, chosen.choice([1000, 980, 700])),
        in_flight=chosen.choice([0, 0, 1, 7]),
        breaker=chosen.choice(["closed", "closed", "closed", "half_open", "open"]),
        open_until_ms=chosen.choice([None, None, None, NOW, NOW + 1]),
        training=maybe(chosen, "no"),
        retention_days=maybe(chosen, chosen.choice([0, 30])),
        region=maybe(chosen, chosen.choice(["EU", "US", "Zürich"])),
        taste=maybe(chosen, chosen.choice([0, -1, 1, -100_000, 100_000, chosen.randrange(-3000, 3000)])),
        taste_sd=maybe(chosen, chosen.choice([0, 1, 333, 1000, 100_000])),
    )


def features(chosen: random.Random) -> Features:
    return Features(
        model=chosen.choice(["auto", "auto", "a", "b", "x/a"]),
        operation=chosen.choice(["generate", "edit"]),
        n=chosen.randrange(1, 5),
        quality=chosen.choice(["auto", "high"]),
        lane_floor=chosen.choice([None, None, None, "community", "pinned"]),
        max_price_micro_usd=chosen.choice([None, None, None, 40_000]),
        other_models=chosen.random() < 0.5,
        no_training=chosen.random() < 0.15,
        max_retention_days=chosen.choice([None, None, None, None, 7]),
        regions=chosen.choice([(), (), (), ("EU", "Zürich")]),
    )


def case(number: int) -> dict[str, Any]:
    chosen = random.Random(number)
    names = [f"{provider}/{model}" for provider in "wxyz" for model in "abc"]
    states = tuple(state(chosen, name) for name in chosen.sample(names, chosen.randrange(1, 10)))
    policy, asked, nonce = (
        POLICIES[number % len(POLICIES)],
        replace(features(chosen), no_community=number % 7 == 0),
        f"{chosen.getrandbits(128):032x}",
    )
    if number >= COUNT:
        states = tuple(replace(one, newcomer=chosen.choice([None, 0, 0, 1, 3])) for one in states)
    snapshot = Snapshot(taken_ms=NOW, endpoints=states)
    decision = decide(policy, snapshot, asked, nonce)
    return {
        "policy_id": decision.policy_id, "snapshot_id": decision.snapshot_id, "nonce": nonce,
        "features": msgspec.to_builtins(asked), "snapshot": json.loads(seal(snapshot).body),
        "candidates": msgspec.to_builtins(decision.candidates),
    }  # fmt: skip


def draws() -> list[dict[str, Any]]:
    made = []
    for number in range(12):
        draw, weight = chance("0" * 64, str(number), "x/a"), draw_weight(40_000 * (number + 1), 40_000, 2)
        made.append({"policy_id": "0" * 64, "nonce": str(number), "endpoint": "x/a", "chance": str(draw),
                     "weight": str(weight), "race": str(race(draw, weight)),
                     "deviate": deviate("0" * 64, str(number), "x/a")})  # fmt: skip
    return made


def vectors() -> dict[str, Any]:
    """The whole file."""
    numbers = [1, 2, 3, 10, 2**32 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64]
    return {
        "about": ABOUT,
        "log2": [{"value": str(n), "log2": str(log2_fixed(n))} for n in numbers],
        "draws": draws(),
        "policies": {policy_id(policy): policy_json(policy) for policy in POLICIES},
        "cases": [case(number) for number in range(COUNT + NEWCOMERS)],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", "utf-8")
