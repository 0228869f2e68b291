"""Sharing what draws on this machine: a hub and a node in this process, behind a door of their own.

Two machines need nobody else for it: the invite names this machine's address and pins the node's key. While it is off nothing listens;
what is said here of it are the words of the page. Nothing that is paid for with a key is ever shared.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec
import structlog

from triptych.app.hub import HubRules, hub_origin, open_hub
from triptych.app.lan import Lan
from triptych.app.models import Models
from triptych.app.node import Node, NodePlan, open_node
from triptych.app.shared import (
    Chosen,
    Engine,
    Totals,
    address_here,
    address_of,
    chosen_engines,
    engines_of,
    read_name,
)
from triptych.config.settings import Settings
from triptych.http.transport import Transport
from triptych.hub.directory import Rules
from triptych.hub.hub import Hub
from triptych.hub.quota import Allowance
from triptych.network import invite
from triptych.network.invite import InviteError
from triptych.node.admission import Guests, Hours, Limits, open_guests
from triptych.node.keys import FOLDER, open_keys
from triptych.node.standing import Standing, standing
from triptych.node.trial import SIZE
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ConflictError, NotConfiguredError, NotFoundError, TriptychError
from triptych.store.records import SqlRecordStore
from triptych.tlog.disk import LogRefusedError

CHOSEN, TOTALS = "network.share", "network.share.totals"
SAVE_S = 20.0
DRAIN_S = 5.0  # for pictures that are nearly ready when sharing ends
ALLOWANCE = Allowance(burst=240, per_minute=240, at_once=48)
"""Of a hub that serves friends: the node itself says who may have anything."""
Closing = Callable[[], Awaitable[None]]
State = Literal["off", "trying", "on", "paused", "fault"]
_log = structlog.get_logger("triptych.app")


class Door(Protocol):
    """How others come in. The server has one; without a server there is none."""

    def listen(self, host: str, port: int) -> socket.socket:
        """A listening socket. Raises SettingsError."""
        ...

    async def open(self, listener: socket.socket, hub: Hub) -> Closing:
        """Lets others in to the hub, from now on until what is returned is called."""
        ...

    def inside(self, origin: str, hub: Hub, outside: Transport, clock: Clock) -> Transport:
        """The way to the hub for a node that is beside it, and to all others by `outside`."""
        ...


@dataclass(slots=True)
class _Open:
    """What is open while something is shared."""

    url: str
    listens: str
    hubs: tuple[str, ...]
    ends: AsyncExitStack
    engines: tuple[Engine, ...] = ()
    node: Node | None = None
    limits: Limits = field(default_factory=Limits)
    working: "asyncio.Task[None] | None" = None
    fault: str | None = None


class Sharing:
    """The one desk for it. `door` is given by whoever serves; `address` finds this machine's, `lan` speaks in its network; `earns` gives this
    studio's account at a hub of others, which counts what is drawn there."""

    def __init__(
        self, *, settings: Settings, store: SqlRecordStore, models: Models, client: Transport, clock: Clock, lan: Lan,
        address: Callable[[], str | None] = address_here, earns: Callable[[str], str | None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._settings, self._store, self._models = settings, store, models
        self._client, self._clock, self._address, self._lan, self._earns = client, clock, address, lan, earns
        self._lock = asyncio.Lock()
        self._open: _Open | None = None
        self._guests: Guests | None = None
        self._saved = Totals()
        self.chosen = Chosen()
        self.found: tuple[Engine, ...] | None = None
        self.door: Door | None = None
        self.trial: str | None = SIZE

    async def load(self) -> None:
        """Reads what was chosen last and what came of it. Raises StorageError."""
        kept, totals = await self._store.get_setting(CHOSEN), await self._store.get_setting(TOTALS)
        with suppress(msgspec.ValidationError):
            self.chosen = (
                msgspec.convert(kept, Chosen) if kept is not None else Chosen(public=self._settings.share_url or "")
            )
        with suppress(msgspec.ValidationError):
            self._saved = msgspec.convert(totals, Totals) if totals is not None else Totals()

    async def guests(self) -> Guests:
        """Those who have an invite. Raises StorageError."""
        if self._guests is None:
            self._guests = await asyncio.to_thread(open_guests, self._settings.data / FOLDER)
        return self._guests

    async def look(self) -> tuple[Engine, ...]:
        """What draws on this machine now and could be shared."""
        self.found = await engines_of(self._models, self._client, self._clock)
        return self.found

    # Begin and end.

    async def start(self, chosen: Chosen) -> None:
        """Opens the door, tries the engines beside, and begins to draw for others. Nothing happens where it is on already.

        Raises BadRequestError, ConflictError, NotConfiguredError, SettingsError where it cannot be as it was chosen, StorageError.
        """
        async with self._lock:
            if self._open is not None and self._open.fault is None:
                raise ConflictError("It is shared already.", hint="Stop sharing, then begin anew.")
            await self._close()
            if self.door is None:
                raise NotConfiguredError("Only a running studio can share.", hint="Start it with ./run --share.")
            plan = _checked(chosen)
            engines = chosen_engines(await self.look(), plan.engines, self._models)
            await self._begin(self.door, plan, engines)
            self.chosen = plan
            await self._store.put_setting(CHOSEN, msgspec.to_builtins(plan))

    async def _begin(self, door: Door, plan: Chosen, engines: tuple[Engine, ...]) -> None:
        keys = await asyncio.to_thread(open_keys, self._settings.data)
        guests = await self.guests()
        async with AsyncExitStack() as ends:
            host, port = self._where(plan), self._settings.share_port
            listener = ends.enter_context(door.listen(host, port))
            port = int(listener.getsockname()[1])
            url = hub_origin(plan.public) if plan.public else address_of(host, port)
            try:
                rules = HubRules(nodes=Rules(bits=1), guests=ALLOWANCE)
                hub = await open_hub(self._settings.data, url, self._clock, rules)
            except LogRefusedError as error:
                if error.reason != "busy":
                    raise
                raise ConflictError("Another process is the hub of this data folder.", hint="Stop it first.") from None
            ends.push_async_callback(hub.close)
            ends.push_async_callback(await door.open(listener, hub))
            ends.callback(hub.boxes.remove, keys.id)  # whoever waits for an answer hears at once that there is none
            if plan.lan:
                ends.push_async_callback(await self._lan.say(plan.name, keys.id, address_of(host, port)))
            made = _Open(
                url=url, listens=address_of(host, port), hubs=(url, *plan.hubs), ends=ends.pop_all(), engines=engines
            )
        made.limits = Limits(strangers=8 if plan.strangers else 0, hours=Hours.read(plan.hours) if plan.hours else None)
        self._open = made
        made.working = asyncio.create_task(
            self._work(made, plan, door.inside(url, hub, self._client, self._clock), guests)
        )

    def _where(self, plan: Chosen) -> str:
        """The address to listen on: the one in the settings; else all where the invite names another one, else the one that is
        found. Raises NotConfiguredError."""
        if self._settings.share_host is not None:
            return self._settings.share_host
        if plan.public:
            return "0.0.0.0"  # noqa: S104 - a router or a tunnel leads here, by whatever way
        if (found := self._address()) is None:
            raise NotConfiguredError("This machine has no address in a network that others could reach.",
                                     hint="Connect it, or give the address by which others reach it.", param="public")  # fmt: skip
        return found

    async def _work(self, made: _Open, plan: Chosen, way: Transport, guests: Guests) -> None:
        """Tries the engines, then works until it is cancelled or until nothing is left to do."""
        own = all(one.painters for one in made.engines)  # they are this program, and need no trial
        wanted = NodePlan(hubs=made.hubs, backends=[one.backend for one in made.engines], name=plan.name, limits=made.limits,
                          trial=None if own else self.trial, guests=guests, earns=self._earns)  # fmt: skip
        try:
            made.node = await open_node(self._settings.data, wanted, way, self._clock)
            saving = asyncio.create_task(self._keep_totals())
            try:
                made.fault = await made.node.worker.run() or None
            finally:
                saving.cancel()
        except TriptychError as error:
            made.fault = f"{error.message} {error.hint or ''}".strip()
        if made.fault is not None:
            _log.warning("sharing has ended", reason=made.fault)
            await made.ends.aclose()

    async def _keep_totals(self) -> None:
        while True:
            await self._clock.sleep(SAVE_S)
            with suppress(TriptychError):
                await self._store.put_setting(TOTALS, msgspec.to_builtins(self.totals()))

    async def stop(self) -> int:
        """Ends sharing: what is nearly ready is handed over, nothing listens any more, and every invite is taken back. Returns how many
        there were. Raises StorageError."""
        async with self._lock:
            await self._close()
            gone = (await self.guests()).forget_all()
            self._saved = msgspec.structs.replace(self._saved, guests={})
            await self._store.put_setting(TOTALS, msgspec.to_builtins(self._saved))
            return gone

    async def close(self) -> None:
        """Ends with the process; invites count again when sharing begins again."""
        async with self._lock:
            await self._close()

    async def _close(self) -> None:
        made = self._open
        if made is None:
            return
        if made.working is not None and not made.working.done():
            if made.node is not None:
                made.node.worker.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_S):
                        await asyncio.wait({made.working})
            made.working.cancel()
            await asyncio.wait({made.working})
        await made.ends.aclose()
        self._saved, self._open = self.totals(), None
        with suppress(TriptychError):  # counts, and nothing that anybody relies on
            await self._store.put_setting(TOTALS, msgspec.to_builtins(self._saved))

    def pause(self, *, paused: bool) -> None:
        """Takes no more jobs, or takes them again; those that were taken are drawn. Raises NotFoundError where nothing is shared."""
        if self._open is None or self._open.node is None:
            raise NotFoundError("Nothing is shared now.", param="paused")
        self._open.node.jobs.paused = paused

    # Invites.

    async def invite(self, guest: str, *, owner: bool = False) -> str:
        """A link for a guest, or for a studio of one's own on another machine; it counts for 30 days. Who has one already gets the same
        in new words. Raises BadRequestError, NotFoundError where nothing is shared, StorageError."""
        if self._open is None or self._open.fault is not None:
            raise NotFoundError("Nothing is shared now.", hint="Begin to share, then make the link.", param="name")
        name, guests, now = read_name(guest, "name"), await self.guests(), self._clock.now_ms()
        word = guests.word_of(name, owner=owner) or guests.invite(name, owner=owner, now_ms=now)
        keys = await asyncio.to_thread(open_keys, self._settings.data)
        try:
            return invite.invite(keys.signer, self._open.hubs, self.chosen.name, word, now)
        except InviteError as error:
            raise BadRequestError(str(error), param="name") from None

    async def withdraw(self, guest: str) -> None:
        """Takes back all that somebody has. Raises NotFoundError, StorageError."""
        if not (await self.guests()).forget(guest):
            raise NotFoundError("Nobody of this name has an invite.", param="name")

    # How it stands.

    @property
    def state(self) -> State:
        made = self._open
        if made is None:
            return "off"
        if made.fault is not None:
            return "fault"
        if made.node is None:
            return "trying"
        return "paused" if made.node.jobs.paused else "on"

    @property
    def now(self) -> _Open | None:
        """What is open; None while nothing is shared."""
        return self._open

    def standing(self) -> Standing | None:
        """The node's own words on how it stands; None before it works."""
        made = self._open
        if made is None or made.node is None:
            return None
        return standing(made.node.jobs, made.node.worker.hubs, made.limits, self._clock.now_ms(),
                        made.node.worker.alarms, made.node.fees)  # fmt: skip

    def totals(self) -> Totals:
        """What came of it, with what is under way."""
        made = self._open
        if made is None or made.node is None:
            return self._saved
        names = {word: one.name for word, one in made.node.guests.known.items()}
        return self._saved.with_counts(made.node.jobs.counts, names)


def _checked(chosen: Chosen) -> Chosen:
    """The choice with its parts as they are kept. Raises BadRequestError, SettingsError."""
    hubs = tuple(dict.fromkeys(hub_origin(one) for one in chosen.hubs))
    if len(hubs) > 7:
        raise BadRequestError("Seven hubs of others at most.", param="hubs")
    if chosen.strangers and not hubs:
        raise BadRequestError(
            "Strangers find a node at a hub only: choose one, or draw for friends alone.", param="strangers"
        )
    if chosen.hours:
        Hours.read(chosen.hours)
    public = hub_origin(chosen.public) if chosen.public.strip() else ""
    return msgspec.structs.replace(chosen, name=read_name(chosen.name, "name"), hubs=hubs, public=public)
