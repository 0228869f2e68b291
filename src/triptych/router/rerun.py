"""Runs a stored decision again, from nothing but the policy, the snapshot, the features and the nonce.

Needs no clock, no network and none of the program's state, so that a stranger can do it.
"""

from dataclasses import dataclass, replace

from triptych.router.bundle import read_bundle
from triptych.router.canonical import digest
from triptych.router.decide import decide
from triptych.router.sealed import unseal
from triptych.spec.routing import Decision, Features, Policy, Snapshot


@dataclass(frozen=True, slots=True)
class Rerun:
    """What came out, and in words what is not as it was stored; nothing when all is."""

    decision: Decision
    differences: tuple[str, ...]


def rerun(stored: Decision, policy: bytes, snapshot: bytes) -> Rerun:
    """Decides again and compares. The bytes are those that were published; their hashes must be the ids that the
    decision names. Raises SettingsError or BadRequestError for bytes that are no policy or no snapshot."""
    differences: list[str] = []
    if digest(policy) != stored.policy_id:
        differences.append(f"the policy has the hash {digest(policy)}, the decision names {stored.policy_id}")
    if digest(snapshot) != stored.snapshot_id:
        differences.append(f"the snapshot has the hash {digest(snapshot)}, the decision names {stored.snapshot_id}")
    again = rerun_from(read_bundle(policy), unseal(snapshot), stored.features, stored.nonce)
    again = replace(again, id=stored.id, nonce_from=stored.nonce_from)
    if again.order != stored.order:
        differences.append(f"the order is {', '.join(again.order)}, stored is {', '.join(stored.order)}")
    if again.policy_id != stored.policy_id and not differences:
        differences.append("the policy was not published in its canonical form")
    then = {candidate.endpoint: candidate for candidate in stored.candidates}
    differences += [
        f"{candidate.endpoint} is not as stored: now {candidate.reason}"
        for candidate in again.candidates
        if then.pop(candidate.endpoint, None) != candidate
    ]
    differences += [f"{name} is not in the snapshot" for name in then]
    return Rerun(again, tuple(differences))


def rerun_from(policy: Policy, snapshot: Snapshot, features: Features, nonce: str) -> Decision:
    """The decision for these four things; see `triptych.router.decide`."""
    return decide(policy, snapshot, features, nonce)
