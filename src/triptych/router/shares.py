"""Traffic against what the rules predict: how often each endpoint came first, and how often it should have.

Every decision is made again with nonces of no one's choosing, the SHA-256 of its id and a number. Over many decisions the
endpoints that really came first must agree with that, within what chance allows. Whoever throws the dice until a friend
wins is seen here, though each single decision can be computed again.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Literal

from triptych.router.bundle import read_bundle
from triptych.router.rerun import rerun_from
from triptych.router.sealed import unseal
from triptych.spec.routing import Decision, Policy, Snapshot
from triptych.store.base import RecordStore

NONCES = 16  # for each decision
FEW = 20  # decisions with a choice; below that chance explains everything
LIMIT_X100 = 350  # of the deviation: with ten endpoints chance alone passes it in one of two hundred looks
Verdict = Literal["as predicted", "more than predicted", "less than predicted", "too few to tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One endpoint: how often it came first, how often it was to be expected (in thousandths of a decision), and how many
    standard deviations, in hundredths, lie between; None where the rules leave nothing to chance and it is as they say."""

    endpoint: str
    first: int
    expected_x1000: int
    deviation_x100: int | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """`decisions` had more than one endpoint that could be first. `without_choice` had one, or none: named by the user,
    or all others were out. `left_out` have no policy or snapshot to be made again from."""

    decisions: int
    without_choice: int
    left_out: int
    by_client: int  # with a nonce that came with the request
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Chances:
    """Of how many nonces each endpoint came first, for one decision."""

    decision: Decision
    wins: Mapping[str, int]


def chances(decision: Decision, policy: Policy, snapshot: Snapshot) -> Chances:
    """What the rules leave to chance in a decision with at least one endpoint to try."""
    wins: dict[str, int] = {}
    for number in range(NONCES):
        nonce = hashlib.sha256(f"triptych-shares/1\n{decision.id}\n{number}".encode()).hexdigest()[:32]
        first = rerun_from(policy, snapshot, decision.features, nonce).order[0]
        wins[first] = wins.get(first, 0) + 1
    return Chances(decision, wins)


def had_choice(decision: Decision) -> bool:
    """Whether more than one endpoint could have come first."""
    return sum(candidate.points is not None for candidate in decision.candidates) > 1


def compare(found: Iterable[Chances], *, without_choice: int = 0, left_out: int = 0) -> Traffic:
    """Adds up what came first and what was to be expected."""
    counted = by_client = 0
    first: dict[str, int] = {}
    expected: dict[str, int] = {}  # in NONCES-ths of a decision
    spread: dict[str, int] = {}  # the variance, in NONCES^2-ths
    for one in found:
        counted += 1
        by_client += one.decision.nonce_from == "client"
        first[one.decision.order[0]] = first.get(one.decision.order[0], 0) + 1
        for name, won in one.wins.items():
            expected[name] = expected.get(name, 0) + won
            spread[name] = spread.get(name, 0) + won * (NONCES - won)
    shares = (
        _share(name, first.get(name, 0), expected.get(name, 0), spread.get(name, 0), counted)
        for name in {*first, *expected}
    )
    return Traffic(
        decisions=counted,
        without_choice=without_choice,
        left_out=left_out,
        by_client=by_client,
        shares=tuple(sorted(shares, key=lambda share: (-share.expected_x1000, share.endpoint))),
    )


def _share(name: str, first: int, expected: int, spread: int, decisions: int) -> Share:
    # What is expected was itself drawn, NONCES times: its own chance comes on top of that of the decision.
    variance = spread * (NONCES + 1) // NONCES
    apart = first * NONCES - expected
    deviation = None if variance == 0 and apart == 0 else apart * 100 // max(1, isqrt(variance))
    return Share(
        endpoint=name,
        first=first,
        expected_x1000=expected * 1000 // NONCES,
        deviation_x100=deviation,
        verdict=_verdict(deviation, decisions),
    )


def _verdict(deviation_x100: int | None, decisions: int) -> Verdict:
    if decisions < FEW:
        return "too few to tell"
    if deviation_x100 is None or abs(deviation_x100) <= LIMIT_X100:
        return "as predicted"
    return "more than predicted" if deviation_x100 > 0 else "less than predicted"


class Forecast:
    """Keeps what was computed of each decision, since that never changes."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._known: dict[str, Chances | None] = {}  # None: without its policy or snapshot

    async def traffic(self, limit: int = 300) -> Traffic:
        """The last decisions against their forecast. Raises StorageError."""
        recent = await self._store.recent_decisions(limit)
        choices = [decision for decision in recent if had_choice(decision)]
        known: dict[str, Chances | None] = {}
        for decision in choices:
            known[decision.id] = self._known.get(decision.id) or await self._computed(decision)
        self._known = known
        found = [one for one in known.values() if one is not None]
        return compare(found, without_choice=len(recent) - len(choices), left_out=len(choices) - len(found))

    async def _computed(self, decision: Decision) -> Chances | None:
        policy = await self._store.policy(decision.policy_id)
        snapshot = await self._store.snapshot(decision.snapshot_id)
        if policy is None or snapshot is None:
            return None
        # Some milliseconds each, and hundreds of them at the first look: beside the event loop.
        return await asyncio.to_thread(chances, decision, read_bundle(policy.encode()), unseal(snapshot.encode()))
