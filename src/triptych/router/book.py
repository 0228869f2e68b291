"""The policies in use: which one is active since when, and every one that ever decided, kept for who re-runs it."""

from triptych.router.bundle import policy_bytes, policy_id, read_bundle
from triptych.spec.clock import Clock
from triptych.spec.routing import NO_FEES, Fees, Policy
from triptych.store.base import RecordStore


async def fees_of_tile(store: RecordStore, tile_id: str) -> Fees:
    """The fee schedule that a tile's calls are under: that of the policy that decided it. Raises StorageError."""
    decisions = await store.decisions_of(tile_id)
    body = await store.policy(decisions[-1].policy_id) if decisions else None
    return read_bundle(body.encode()).fees if body is not None else NO_FEES


class PolicyBook:
    """One per process. `active` decides wherever a request brings no policy of its own."""

    def __init__(self, store: RecordStore, clock: Clock, active: Policy) -> None:
        self._store = store
        self._clock = clock
        self._kept: set[str] = set()
        self.active = active

    async def activate(self, policy: Policy) -> str:
        """Makes a policy the active one and writes down when, unless it was the active one already. Returns its id."""
        name = policy_id(policy)
        await self._store.activate_policy(name, policy_bytes(policy).decode(), self._clock.now_ms())
        self._kept.add(name)
        self.active = policy
        return name

    async def keep(self, policy: Policy) -> None:
        """Keeps a policy before its first decision is stored."""
        name = policy_id(policy)
        if name not in self._kept:
            await self._store.keep_policy(name, policy_bytes(policy).decode(), self._clock.now_ms())
            self._kept.add(name)
