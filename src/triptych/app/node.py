"""A node over a data folder: its keys, its engine, its rules, its hubs."""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from triptych.app.hub import hub_origin
from triptych.app.node_workers import NodeHouse, Offered
from triptych.app.pricing import Pricing, read_pricing
from triptych.http.transport import Transport
from triptych.network import invite
from triptych.network.card import CardModel, Load, Policy
from triptych.network.invite import InviteError
from triptych.network.meeting import Meeting
from triptych.node.admission import Guests, Limits, open_guests
from triptych.node.backends.base import Backend
from triptych.node.cards import Cards
from triptych.node.evidence import FOLDER as EVIDENCE
from triptych.node.evidence import EvidenceFolder
from triptych.node.fees import Fees
from triptych.node.hashes import Hashes, Reading
from triptych.node.jobs import House, Jobs
from triptych.node.key_watch import KeyWatch
from triptych.node.keys import FOLDER, NodeKeys, open_keys
from triptych.node.leaving import remember_hubs, say, unsaid, withdraw
from triptych.node.policy import HashList, PictureCheck, open_words
from triptych.node.trial import SIZE, try_out
from triptych.node.worker import Post, Worker
from triptych.spec.clock import Clock
from triptych.spec.errors import NotConfiguredError, SettingsError
from triptych.store.faults import at

HASHES = "weights.json"  # of the node's folder


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """What a node is to be. `hashes` is a file of pictures that are not handed out; `trial` the size of the three pictures that are
    drawn first, None for none. `guests` are those who have an invite, where somebody has opened them already; `workers` draw, too, while
    they are there; `earns` gives the account at a hub that it draws there for; `watch` is whether the logs of the hubs are looked through for keys that are not the node's own; `pricing` is what a picture costs whoever has no
    invite, where it is not as its folder says; `asks` are lines of that file that are said in another place; `reading` hears, in
    a thread, how far the weights are read for their hash."""

    hubs: tuple[str, ...]
    backends: Sequence[Backend]
    name: str = "A Triptych node"  # as it stands in invites
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    nsfw: bool = False
    hashes: Path | None = None
    trial: str | None = SIZE
    guests: Guests | None = None
    workers: NodeHouse | None = None
    watch: bool = True
    pricing: Pricing | None = None
    asks: Mapping[str, str | int] = field(default_factory=dict)
    earns: Callable[[str], str | None] = lambda _: None
    reading: Callable[[Reading], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node that is ready to work."""

    keys: NodeKeys
    guests: Guests
    jobs: Jobs
    worker: Worker
    clock: Clock
    hubs: tuple[str, ...]
    name: str
    pricing: Pricing | None = None
    fees: Fees = field(default_factory=Fees)

    def invite(self, guest: str, *, owner: bool = False) -> str:
        """A link for one guest, or for the owner's own studio; it ends in 30 days. Raises StorageError, SettingsError."""
        word = self.guests.invite(guest, owner=owner)
        try:
            return invite.invite(self.keys.signer, self.hubs, self.name, word, self.clock.now_ms())
        except InviteError as error:
            raise SettingsError(str(error), param="name") from None


def hubs_of(hubs: Sequence[str], joins: Sequence[str], now_ms: int) -> tuple[str, ...]:
    """The hubs that are named, and those of invites, each once; `joins` may be of either kind. Raises SettingsError."""
    found = [hub_origin(one) for one in hubs]
    for link in joins:
        try:
            found += [hub_origin(link)] if _is_address(link) else invite.read(link, now_ms).hubs
        except InviteError as error:
            raise SettingsError(str(error), param="join") from None
    if not found:
        raise SettingsError(
            "A node needs a hub to be found at.", hint="Give --hub https://hub.example or --join LINK.", param="hub"
        )
    return tuple(dict.fromkeys(found))[:8]


def accounts_of(named: Sequence[str]) -> dict[str, str]:
    """By hub, the account there that a node draws for; each is `https://hub.example#ACCOUNT`. Raises SettingsError."""
    found = {}
    for one in named:
        hub, _, account = one.strip().partition("#")
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", account):
            raise SettingsError(f"{one[:200]!r} names no account at a hub.", param="earn_for",
                                hint="Copy it from the Network page of your studio: https://hub.example#ACCOUNT.")  # fmt: skip
        found[hub_origin(hub)] = account
    return found


def _is_address(link: str) -> bool:
    found = urlsplit(link.strip())
    return bool(found.scheme) and found.path in {"", "/"} and not found.fragment


async def open_node(data: Path, plan: NodePlan, client: Transport, clock: Clock) -> Node:
    """Opens the node of a data folder, made where there is none yet, and tries its engine.

    Raises StorageError, SettingsError, NotConfiguredError for an engine without models or that fails its trial, TriptychError.
    """
    folder = data / FOLDER
    keys = await asyncio.to_thread(open_keys, data)
    await asyncio.to_thread(remember_hubs, data, plan.hubs)
    guests = plan.guests if plan.guests is not None else await asyncio.to_thread(open_guests, folder)
    words = await asyncio.to_thread(lambda: open_words(folder, nsfw=plan.nsfw))
    hashes = Hashes(folder / HASHES, plan.reading)
    for backend in plan.backends:
        await backend.prepare(hashes)
    engines = await _offered(plan.backends, needed=plan.workers is None)
    offered = Offered(engines, plan.workers)
    checks = await asyncio.to_thread(_checks, plan.hashes)
    # The jobs sign with the number of the latest card, and the cards tell how many jobs there are.
    cards: Cards
    priced = plan.pricing or await asyncio.to_thread(lambda: read_pricing(folder, client, clock, plan.asks))
    fees = Fees() if priced is None else Fees(priced.desk(clock), priced.micro_usd)
    house = House(signer=keys.signer, node=keys.id, number=lambda: cards.number, clock=clock, guests=guests, words=words,
                  checks=checks, limits=plan.limits, random=secrets.token_bytes, fees=fees)  # fmt: skip
    jobs = Jobs(house, offered)
    cards = Cards(
        keys, plan.hubs, Policy(nsfw=plan.nsfw),
        models=lambda: () if jobs.draining or jobs.paused else tuple(model for model, _ in offered.values()),
        load=lambda: Load(queue=jobs.queue, p50_ms=jobs.p50_ms), evidence=EvidenceFolder(folder / EVIDENCE).of,
        price=None if priced is None else priced.card,
    )  # fmt: skip
    if plan.trial is not None:
        for backend in plan.backends:
            model = next(name for name, (_, one) in engines.items() if one is backend)
            jobs.measured(await try_out(backend, model, clock, size=plan.trial))
    if plan.workers is not None:
        plan.workers.drawn = jobs.measured
    post = Post(keys=keys, cards=cards, jobs=jobs, clock=clock, start_ms=clock.now_ms(), earns=plan.earns)
    meetings = [Meeting(hub, client, clock, private=True) for hub in plan.hubs]
    watch = await asyncio.to_thread(KeyWatch, keys, meetings, clock) if plan.watch else None
    return Node(
        keys=keys,
        guests=guests,
        jobs=jobs,
        worker=Worker(post, meetings, watch),
        clock=clock,
        hubs=plan.hubs,
        name=plan.name,
        pricing=priced,
        fees=fees,
    )


async def withdrawn(
    data: Path, hubs: Sequence[str], client: Transport, clock: Clock
) -> tuple[str | None, dict[str, str | None]]:
    """Ends the key of a node for good and tells its hubs; also those that did not hear of an earlier one. Its id, None where nothing was
    left to end, and by hub why it could not be told. Raises NotConfiguredError where there is nothing to do, StorageError."""
    await asyncio.to_thread(remember_hubs, data, hubs)
    waiting = await asyncio.to_thread(unsaid, data)
    try:
        node = await asyncio.to_thread(withdraw, data, clock.now_ms())
    except NotConfiguredError:
        if not waiting:
            raise
        node = None
    told = dict.fromkeys(hub for one in (await asyncio.to_thread(unsaid, data)).values() for hub in one)
    return node, await say(data, [Meeting(hub, client, clock, private=True) for hub in told])


async def _offered(backends: Sequence[Backend], *, needed: bool) -> dict[str, tuple[CardModel, Backend]]:
    """Every model by its name and who draws with it; of two with one name the first. None at all will do where none is `needed`."""
    found: dict[str, tuple[CardModel, Backend]] = {}
    for backend in backends:
        before = len(found)
        for model in await backend.models():
            found.setdefault(model.id, (model, backend))
        if len(found) == before:
            raise NotConfiguredError(
                f"{backend.name} has no model of its own to offer.", hint="Load one, then start the node again."
            )
    if needed and not found:
        raise NotConfiguredError(
            "There is nothing to draw with.", hint="Start an engine, give --engine URL, or --painters."
        )
    return found


def _checks(path: Path | None) -> tuple[PictureCheck, ...]:
    if path is None:
        return ()
    with at(f"The file {path}"):
        return (HashList.read(path.read_text("utf-8", "replace"), str(path)),)
