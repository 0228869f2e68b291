"""What another policy would have done with the decisions that were made: nothing is sent, only decided again."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from triptych.router.rerun import rerun_from
from triptych.router.sealed import unseal
from triptych.spec.routing import Decision, Policy


@dataclass(frozen=True, slots=True)
class Change:
    """A decision whose first choice would be another; None stands for nobody."""

    decision_id: str
    model: str
    was: str | None
    would_be: str | None
    why: str | None  # what the policy says of the endpoint that was picked


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`looked_at` decisions were decided again; `left_out` had no snapshot, and `tasteless` one without any taste, where
    the policy weighs it. Shares count first choices."""

    looked_at: int
    left_out: int
    changes: tuple[Change, ...]
    was: Mapping[str, int]
    would_be: Mapping[str, int]
    tasteless: int = 0


def try_out(policy: Policy, decisions: Iterable[Decision], snapshots: Mapping[str, str]) -> Trial:
    """Decides again under a policy, each on its own snapshot and with its own nonce."""
    looked_at = left_out = tasteless = 0
    changes: list[Change] = []
    was: Counter[str] = Counter()
    would_be: Counter[str] = Counter()
    for stored in decisions:
        body = snapshots.get(stored.snapshot_id)
        if body is None:
            left_out += 1
            continue
        looked_at += 1
        seen = unseal(body.encode())
        tasteless += policy.weights.taste > 0 and all(one.taste is None for one in seen.endpoints)
        again = rerun_from(policy, seen, stored.features, stored.nonce)
        before, after = _first(stored), _first(again)
        was.update([before] if before else [])
        would_be.update([after] if after else [])
        if before != after:
            why = next((c.reason for c in again.candidates if c.endpoint == before), None)
            changes.append(Change(stored.id, stored.features.model, before, after, why))
    return Trial(looked_at=looked_at, left_out=left_out, changes=tuple(changes), was=was, would_be=would_be,
                 tasteless=tasteless)  # fmt: skip


def _first(decision: Decision) -> str | None:
    return next((c.endpoint for c in decision.candidates if c.rank == 0), None)
