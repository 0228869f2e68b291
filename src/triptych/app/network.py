"""The open network as this studio sees it: the hubs that it asks, the nodes that they list, the friends it has an invite of; and their models
among all the others.

No hub is asked that the user has not named: in the settings, on the page, or by an invite. What a hub says is hearsay; what is
believed is a card that its node signed, and only where it fits everything that was seen of the node before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import structlog

from triptych.app.attested import Attested
from triptych.app.endings import StudioEndings
from triptych.app.hub import hub_origin
from triptych.app.hub_gossip import HubGossip
from triptych.app.hub_proofs import HubProofs, proved_hubs
from triptych.app.models import Models, ProviderState
from triptych.app.neighbour import MOST_KNOWN, Neighbour, Remembered, heard, readable, unlisted
from triptych.app.node_memory import NodeMemory
from triptych.app.paying import Paying
from triptych.app.purse import Purse
from triptych.app.remote_model import Asked, RemoteModel, model_card, provider_of
from triptych.http.transport import Transport
from triptych.network import invite as invites
from triptych.network.card import CardModel
from triptych.network.invite import InviteError
from triptych.network.listing import Listing
from triptych.network.meeting import Meeting, Seen
from triptych.network.remote import Line, receipt_id
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    BadRequestError,
    HostileContentError,
    NotFoundError,
    NotSentError,
    SettingsError,
    StorageError,
    TriptychError,
)
from triptych.spec.json import JsonObject
from triptych.spec.model import ModelCard
from triptych.store.base import RecordStore, Vault
from triptych.store.network import NetworkMemory

INVITES, RECEIPTS = "invites", "node-receipts"
CONSENT = "community"
"""One switch for all nodes whose operators nobody here knows."""
PULL_S = 60.0
PROOF_S = 2.0  # for the logs of all hubs of a node, which are read at the same time
NEW_MS = 60_000  # how long a key may not be in a log yet
MOST = 48  # nodes of the community whose models are offered; pinned ones always are
FORGET_MS = 7 * 86_400_000
_HUBS = "network.hubs"
_log = structlog.get_logger("triptych.app")


class _Invited(msgspec.Struct, frozen=True):
    """An invite that was accepted. `found` is where the hub of its node was heard of last, in this machine's own network."""

    name: str
    hubs: tuple[str, ...]
    word: str
    accepted_ms: int
    found: str = ""

    @property
    def asked(self) -> tuple[str, ...]:
        """The hubs that are asked for its node."""
        return (*self.hubs, self.found) if self.found else self.hubs


@dataclass(slots=True)
class _HubState:
    """How asking a hub went last, and its list. `heard_ms` is None before its first answer."""

    heard_ms: int | None = None
    fault: str | None = None
    nodes: int = 0
    listing: Listing = Listing()  # noqa: RUF009 - frozen


class Neighbours:
    """The nodes that there are. `changed` is awaited after their models have changed; it raises SettingsError where the policy
    is bound to the models that there were. `ended` hears how each call of a node ended and takes no time; `aside` says why a node
    that is there is not asked, `newcomer` whose it is with a model where that owner is on probation, empty otherwise."""

    def __init__(
        self, *, store: RecordStore, memory: NetworkMemory, models: Models, transport: Transport, vault: Vault, clock: Clock, hubs: Iterable[str] = (),
        attested: Attested | None = None,
    ) -> None:  # fmt: skip
        self._attested = attested
        self._store, self._memory, self._models = store, memory, models
        self._transport, self._clock = transport, clock
        self._set = tuple(dict.fromkeys(hub_origin(one) for one in hubs))
        self._added: tuple[str, ...] = ()
        self._states: dict[str, _HubState] = {}
        self._invited: dict[str, _Invited] = {}
        self._kept: dict[str, Remembered] = {}
        self._offered: dict[str, tuple[ModelCard, ...]] = {}
        self._nodes, self._proofs = NodeMemory(memory, clock), HubProofs(memory, clock)
        self._gossip = HubGossip(memory, clock, self._proofs)
        self._endings = StudioEndings(clock, self._owner_of, lambda node: node in self._kept or node in self._invited)
        self.purse, self.paying = Purse(memory, vault, clock, self._proofs.has), Paying(vault, store, memory, clock)
        self._lock = asyncio.Lock()
        self.changed: Callable[[], Awaitable[None]] | None = None
        self.ended: Callable[[str, str | None, TriptychError | None, Asked], None] | None = None
        self.aside: Callable[[Neighbour], str | None] = lambda _: None
        self.newcomer: Callable[[Neighbour, CardModel], str] = lambda _one, _model: ""
        self.fault: str | None = None

    async def load(self) -> None:
        """Reads what is remembered, so that jobs under way can be asked after; to be called before tiles are recovered. Raises
        StorageError."""
        added = await self._store.get_setting(_HUBS)
        self._added = tuple(str(one) for one in added) if isinstance(added, list) else ()
        for node, body in (await self._memory.all(INVITES)).items():
            self._invited[node] = msgspec.json.decode(body, type=_Invited)
        self._kept = await self._nodes.load(FORGET_MS, self._invited)
        await self._proofs.load()
        await self._gossip.load()
        await self.paying.load()
        await self._offer()

    async def keep(self) -> None:
        """Asks every hub once a minute and buys tokens ahead of need, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.purse.keep(self._heard))
            while True:
                await _as_far_as_stored(self.pull())
                await self._clock.sleep(PULL_S)

    async def close(self) -> None:
        """Keeps when each node was heard of last."""
        await _as_far_as_stored(self._nodes.save_times(self._kept))

    def _heard(self) -> Mapping[str, Meeting]:
        """The hubs that answer, and list somebody."""
        return {origin: self._meeting(origin) for origin in self.hubs()
                if (state := self._states.get(origin)) is not None and state.nodes and state.fault is None}  # fmt: skip

    # Hubs.

    def hubs(self) -> Mapping[str, str]:
        """By origin, where each hub comes from: `settings`, `added` or `invite`."""
        found = {hub: "invite" for one in self._invited.values() for hub in one.asked}
        return {**found, **dict.fromkeys(self._added, "added"), **dict.fromkeys(self._set, "settings")}

    async def add_hub(self, address: str) -> str:
        """Adds a hub and asks it at once; its origin. It may be at home: the user names it. Raises BadRequestError for what is no address
        of a hub, or where none answers, and StorageError."""
        try:
            origin = hub_origin(address)
        except SettingsError as error:
            raise BadRequestError(error.message, hint=error.hint, param="hub") from None
        try:
            await Meeting(origin, self._transport, self._clock, private=True).about()
        except TriptychError as error:
            raise BadRequestError(f"The hub {origin} could not be added: {error.message}",
                                  hint="Check the address, and that the hub runs.", param="hub") from None  # fmt: skip
        if origin not in self.hubs():
            self._added = (*self._added, origin)
            await self._store.put_setting(_HUBS, list(self._added))
        await self.pull()
        return origin

    async def remove_hub(self, origin: str) -> None:
        """Raises NotFoundError, BadRequestError for one that the settings or an invite name, StorageError."""
        source = self.hubs().get(origin)
        if source is None:
            raise NotFoundError(f"No hub {origin[:100]} is asked here.", param="hub")
        if source != "added":
            where = "triptych.toml or TRIPTYCH_HUBS" if source == "settings" else "an invite: remove that"
            raise BadRequestError(f"The hub {origin} comes from {where}.", param="hub")
        self._added = tuple(one for one in self._added if one != origin)
        await self._store.put_setting(_HUBS, list(self._added))
        self._states.pop(origin, None)
        await self._proofs.forget(origin)
        await self._gossip.forget(origin)
        await self.purse.forget(origin)
        async with self._lock:
            await self._remember({node: unlisted(kept, origin) for node, kept in self._kept.items()})
            await self._offer()

    def _meeting(self, origin: str) -> Meeting:
        """A hub may be at home only where the user has named it; never one that a card names."""
        return Meeting(origin, self._transport, self._clock, private=origin in self.hubs())

    # Invites.

    def invited(self) -> Mapping[str, JsonObject]:
        """The invites that were accepted, by node."""
        return {node: {"name": one.name, "hubs": list(one.asked), "accepted_ms": one.accepted_ms}
                for node, one in self._invited.items()}  # fmt: skip

    async def accept(self, link: str) -> str:
        """Takes an invite: its node is pinned from now on, and looked for at once. Returns its id. Raises BadRequestError for a link
        that is none or has ended, StorageError."""
        now = self._clock.now_ms()
        try:
            found = invites.read(link, now)
            hubs = tuple(hub_origin(one) for one in found.hubs)
        except InviteError as error:
            raise BadRequestError(str(error), param="link") from None
        except SettingsError as error:
            raise BadRequestError(f"The invite names a hub that is none: {error.message}", param="link") from None
        invited = _Invited(found.name, hubs, found.pass_, now)
        await self._memory.save(INVITES, {found.node: msgspec.json.encode(invited).decode()}, now)
        self._invited[found.node] = invited
        await self.pull()
        return found.node

    async def found_at(self, node: str, hub: str) -> bool:
        """Notes that a friend's hub is at another address now, as somebody said: nothing is believed but the node's own card there.
        Returns whether the node is one of an invite. Raises StorageError."""
        invited = self._invited.get(node)
        if invited is None:
            return False
        if hub not in invited.asked:
            self._invited[node] = fresh = msgspec.structs.replace(invited, found=hub)
            await self._memory.save(INVITES, {node: msgspec.json.encode(fresh).decode()}, self._clock.now_ms())
        return True

    async def leave(self, node: str) -> None:
        """Forgets an invite: its node is one of many again, where a hub lists it. Raises NotFoundError, StorageError."""
        if self._invited.pop(node, None) is None:
            raise NotFoundError("There is no invite of this node.", param="node")
        await self._memory.forget(INVITES, node)
        await self.pull()

    # Nodes.

    def nodes(self) -> tuple[Neighbour, ...]:
        """Every node that is known, those of friends first."""
        found = [self._neighbour(node) for node in self._kept]
        return tuple(sorted(found, key=lambda one: (one.pinned is None, one.name.casefold(), one.id)))

    def _neighbour(self, node: str) -> Neighbour:
        invited = self._invited.get(node)
        found = Neighbour(
            self._kept[node], None if invited is None else invited.name, None if invited is None else invited.word
        )
        return found if self._attested is None else replace(found, evidence=self._attested.of(found.card))

    def away(self, one: Neighbour, now_ms: int) -> str | None:
        """Why nothing is asked of a node now, in a sentence; None when it can be."""
        unpaid = None if one.price is None else self.paying.why_not(one.name, one.price)
        return one.away(now_ms) or unpaid or self.aside(one)

    def offered(self) -> tuple[Neighbour, ...]:
        """The nodes whose models are offered."""
        return tuple(self._neighbour(node) for node in self._offered if node in self._kept)

    def guest(self, node: str) -> str | None:
        """The word of the invite by which a node knows this studio; None where it is a stranger's."""
        invited = self._invited.get(node)
        return None if invited is None else invited.word

    async def offer_anew(self) -> None:
        """Takes over at once what has become of `aside`. Raises StorageError."""
        async with self._lock:
            await self._offer()

    def endpoints(self, node: str) -> tuple[str, ...]:
        """The models of a node that are offered, by their ids among all others."""
        return tuple(one.id for one in self._offered.get(node, ()))

    def states(self) -> Mapping[str, JsonObject]:
        """How asking each hub went last."""
        told = {origin: self._states.get(origin, _HubState()) for origin in self.hubs()}
        return {
            origin: {
                "heard_ms": one.heard_ms,
                "fault": self._gossip.fault(origin) or one.fault,
                "split": self._gossip.split(origin),
                "nodes": one.nodes,
                "tokens": self.purse.left(origin),
                "tokens_fault": self.purse.fault(origin),
                "account": self.purse.account(origin),
            }
            for origin, one in told.items()
        }

    async def pull(self) -> None:
        """Asks all hubs, all at once, and takes over what they list. A hub that does not answer is noted. Raises StorageError."""
        async with self._lock:
            origins = tuple(self.hubs())
            answers = await asyncio.gather(*(self._cards(origin) for origin in origins))
            for origin, seen in zip(origins, answers, strict=True):
                if seen is not None:
                    await self._take(origin, seen)
            await self._end()
            for node, kept in self._kept.items():
                for origin in (one for one in (*kept.hubs, *kept.told, *kept.clashes) if one not in origins):
                    self._kept[node] = unlisted(self._kept[node], origin)
            await self._nodes.look(self._kept, self._offered.keys() | self._invited.keys())
            await self.paying.load()
            await self._offer()
            await self._tidy()
        await self._gossip.compare([self._meeting(origin) for origin in origins])

    async def _tidy(self) -> None:
        """Forgets strangers that were never asked for anything, those first that were heard of longest ago, where there are too many:
        whoever makes up nodes fills neither memory nor disk."""
        loose = [
            (kept.heard_ms, node)
            for node, kept in self._kept.items()
            if not (node in self._invited or node in self._offered or kept.jobs or kept.refused or kept.wrong)
        ]
        gone = [node for _, node in sorted(loose)[: max(0, len(loose) - MOST_KNOWN)]]
        if gone:
            await self._nodes.forget(gone)
            for node in gone:
                del self._kept[node]

    async def _cards(self, origin: str) -> tuple[Seen, ...] | None:
        state, now = self._states.setdefault(origin, _HubState()), self._clock.now_ms()
        since = state.listing.since(now)
        try:
            told = await self._meeting(origin).listed(since)
            state.listing = await asyncio.to_thread(state.listing.after, told, since, now)
        except TriptychError as error:
            state.fault = error.message
            if isinstance(error, HostileContentError):
                state.listing = Listing()  # the whole, next time
            return None
        found = tuple(state.listing.seen.values())
        state.heard_ms, state.fault, state.nodes = self._clock.now_ms(), None, len(found)
        try:
            await self._endings.pull(self._meeting(origin), self._proofs.keys)
        except TriptychError as error:
            state.fault = error.message
        return found

    def _owner_of(self, node: str) -> str | None:
        kept = self._kept.get(node)
        return None if kept is None else kept.known.owner

    async def _end(self) -> None:
        """Puts those aside whose key has ended, and lets who goes on as another have their invite and what was counted of them. Raises
        StorageError."""
        for node, kept in tuple(self._kept.items()):
            if (ending := self._endings.of(node)) is not None and kept.known.ended != ending.why:
                self._kept[node] = msgspec.structs.replace(kept, known=replace(kept.known, ended=ending.why))
        for node in tuple(self._kept.keys() | self._invited.keys()):
            heir = self._endings.heir(node)
            if heir is not None and heir in self._kept and self._owner_of(node) in {None, self._owner_of(heir)}:
                await self._pass_on(node, heir)

    async def _pass_on(self, node: str, heir: str) -> None:
        if (invited := self._invited.get(node)) is not None:
            body = msgspec.json.encode(invited).decode()
            await self._memory.save(INVITES, {heir: body}, self._clock.now_ms())
            await self._memory.forget(INVITES, node)
            self._invited[heir] = self._invited.pop(node)
        if (old := self._kept.get(node)) is not None and (old.jobs or old.refused or old.wrong):
            new = self._kept[heir]
            self._kept[heir] = msgspec.structs.replace(
                new, jobs=new.jobs + old.jobs, refused=new.refused + old.refused, wrong=new.wrong + old.wrong
            )
            self._kept[node] = msgspec.structs.replace(old, jobs=0, refused=0, wrong=0)

    async def _take(self, origin: str, seen: Sequence[Seen]) -> None:
        """What a hub lists, as far as it holds: so much of it at most."""
        listed: set[str] = set()
        for found, one in await asyncio.to_thread(readable, seen[:MOST_KNOWN]):
            self._endings.learn(found)
            if self._endings.of(found.id) is not None:
                continue
            fresh = heard(
                self._kept.get(found.id), found, origin, self._clock, here=one.here, network=one.network, via=one.via
            )
            if fresh is not None:
                self._kept[found.id] = fresh
                listed.add(found.id)
        for node in self._kept.keys() - listed:
            self._kept[node] = unlisted(self._kept[node], origin)

    async def _remember(self, fresh: Mapping[str, Remembered]) -> None:
        await self._nodes.save(fresh)
        self._kept |= fresh

    # Their models among the others.

    async def _offer(self) -> None:
        now = self._clock.now_ms()
        known = {one.id: one for one in self._chosen(now)}
        gone = [node for node in self._offered if node not in known]
        moved = [await self._offer_one(one, now) for one in known.values()]
        for node in gone:
            del self._offered[node]
            self._models.leave_out(provider_of(node))
        if (gone or any(moved)) and self.changed is not None:
            try:
                await self.changed()
                self.fault = None
            except SettingsError as error:
                self.fault = (
                    f"Nodes come and go, and this policy is bound to the models that there were: {error.message}"
                )
                _log.warning("the policy does not take nodes", reason=error.message)
                for node in tuple(self._offered):
                    del self._offered[node]
                    self._models.leave_out(provider_of(node))

    def _chosen(self, now: int) -> list[Neighbour]:
        """Pinned ones, and so many of the others: those that are there, and among them those that served here most."""
        found = self.nodes()
        others = sorted((one for one in found if one.pinned is None),
                        key=lambda one: (self.away(one, now) is not None, one.kept.wrong, -one.kept.jobs, one.id))  # fmt: skip
        return [*(one for one in found if one.pinned is not None), *others[:MOST]]

    async def _offer_one(self, one: Neighbour, now: int) -> bool:
        before = {card.id: card for card in self._offered.get(one.id, ())}
        made, newcomers = {}, {}
        for offered in one.card.body.models:
            fresh = model_card(one.card, offered, one.lane, one.name, one.price)
            if owner := self.newcomer(one, offered):
                newcomers[fresh.id] = owner
            # How long it takes changes with each card, and is measured here anyway.
            made[fresh.id] = (
                replace(fresh, typical_seconds=before[fresh.id].typical_seconds) if fresh.id in before else fresh
            )
        models = tuple(
            RemoteModel(
                card,
                one.card,
                partial(self.reach, one.id),
                self._clock,
                partial(self._counted, one.id),
                guest=one.guest,
                price=one.price,
                paying=self.paying,
            )
            for card in made.values()
        )
        self._offered[one.id] = tuple(made.values())
        state = ProviderState(id=provider_of(one.id), name=one.name, cards=self._offered[one.id], consent_of=CONSENT,
                              away=self.away(one, now), newcomers=newcomers)  # fmt: skip
        return await self._models.take_in_models(state, models)

    def _is_down(self, hub: str) -> bool:
        return self._states.get(hub, _HubState()).fault is not None

    async def reach(self, node: str) -> Line:
        """The way to a node: its newest card, and those hubs that lead there and have its keys in their logs. Raises NotSentError,
        which says why there is none."""
        if node not in self._kept:
            raise NotSentError("Nothing is known of this node any more.", hint="Choose another model.")
        one = self._neighbour(node)
        if (why := self.away(one, self._clock.now_ms())) is not None:
            raise NotSentError(f"{why} Nothing was sent.", hint="Choose another model, or look at the Network page.")
        if one.lane == "community" and any(card.lane == "attested" for card in self._offered.get(node, ())):
            why = "" if one.evidence is None else f" {one.evidence.why}"
            raise NotSentError(f"{one.name} is not attested any more. Nothing was sent.{why}",
                               hint="Choose another model, or look at the Network page.")  # fmt: skip
        listed = sorted(one.kept.hubs, key=self._is_down)  # one that is down is not waited for first
        named = [*listed, *(hub for hub in one.card.body.hubs if hub not in one.kept.hubs)]
        new = self._clock.now_ms() - one.kept.known.rotated_ms < NEW_MS
        good, faults = await proved_hubs(
            self._proofs, [self._meeting(hub) for hub in named], one.card, PROOF_S, new=new
        )
        if not good:
            raise NotSentError(f"No hub leads to {one.name} safely: {' '.join(faults)} Nothing was sent.",
                               hint="Choose another model, or look at the Network page.")  # fmt: skip
        return Line(one.card, good, one.name, self._clock, self.purse)

    async def _counted(self, node: str, receipt: str | None, error: TriptychError | None, asked: Asked) -> None:
        """Keeps what a node signed, and counts what came of a job."""
        if receipt is not None:
            await self._memory.save(RECEIPTS, {receipt_id(receipt): receipt}, self._clock.now_ms())
        kept = self._kept.get(node)
        if kept is None:
            return
        came = error is None
        fresh = msgspec.structs.replace(
            kept, jobs=kept.jobs + came, refused=kept.refused + (error is not None and error.code == "blocked"),
            wrong=kept.wrong + (error is not None and error.code == "hostile_content"),
        )  # fmt: skip
        if fresh != kept:
            await self._remember({node: fresh})
        if self.ended is not None:
            self.ended(node, receipt, error, asked)

    async def receipt(self, name: str) -> str:
        """What a node signed, by its SHA-256. Raises NotFoundError."""
        found = await self._memory.get(RECEIPTS, name)
        if found is None:
            raise NotFoundError("No node's receipt of this name is kept here.")
        return found


async def _as_far_as_stored(work: Awaitable[None]) -> None:
    try:
        await work
    except StorageError as error:
        _log.warning("nodes cannot be remembered", reason=str(error))
