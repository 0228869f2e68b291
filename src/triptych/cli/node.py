"""`triptych node`: this machine draws for others, by outbound connections alone."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from triptych.app.hub import hub_origin
from triptych.app.local_models import models_in
from triptych.app.node import Node, NodePlan, accounts_of, hubs_of, open_node, withdrawn
from triptych.app.node_workers import NodeHouse
from triptych.catalog.load import load_cards
from triptych.cli.logs import configure_logging
from triptych.cli.output import Exit, err, out
from triptych.cli.session import settings_for
from triptych.cli.wallet import dollars
from triptych.config.machine import driver_environment
from triptych.http.client import HttpClient
from triptych.http.transport import Transport
from triptych.imaging.diffusion.easel import Easel
from triptych.imaging.diffusion.runtime import installed
from triptych.node import leaving
from triptych.node.admission import Hours, Limits
from triptych.node.backends.base import Backend
from triptych.node.backends.find import engine_at, engines_here
from triptych.node.backends.image_model import painter_backend
from triptych.node.backends.open_models import open_backend
from triptych.node.keys import open_keys
from triptych.node.standing import Standing, standing
from triptych.node.trial import SIZE
from triptych.providers.local import ENGINE as DIFFUSERS
from triptych.providers.local import NO_EXTRA
from triptych.server.listening import run_loop
from triptych.server.workers_door import read_address, workers_door
from triptych.spec.clock import Clock, SystemClock
from triptych.spec.errors import NotConfiguredError
from triptych.spec.secret import Secret
from triptych.spec.words import usd
from triptych.store.faults import at

LOOK_S = 0.5
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for on the command line."""

    data: Path
    hubs: tuple[str, ...]
    joins: tuple[str, ...]
    engines: tuple[str, ...]
    painters: bool
    name: str
    limits: Limits
    nsfw: bool
    hashes: Path | None
    guest: str | None
    owner: bool
    once_ready: bool
    models: Path | None = None
    trial: str = SIZE
    uninvited: tuple[str, ...] = ()
    workers: str | None = None
    earns: Mapping[str, str] = field(default_factory=dict)  # by hub, the account that the node draws there for
    asks: Mapping[str, str | int] = field(default_factory=dict)  # as lines of price.toml
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)


Engines = Annotated[
    list[str] | None,
    typer.Option(help="Address of what draws: an OpenAI-compatible server, a ComfyUI, a SwarmUI, or a Stable Diffusion web UI with --api. `diffusers`: open models here.",
                 show_default="what is found on this machine"),
]  # fmt: skip
Accounts = Annotated[
    list[str] | None,
    typer.Option(metavar="HUB#ACCOUNT", help="Whose tokens it earns at a hub, as the Network page of your studio shows it. May be given again."),
]  # fmt: skip


def node(
    hub: Annotated[list[str] | None, typer.Option(help="A hub to be found at: https://hub.example. May be given again.")] = None,
    join: Annotated[list[str] | None, typer.Option(help="A hub, or an invite: the node joins at its hubs. May be given again.")] = None,
    engine: Engines = None,
    painters: Annotated[bool, typer.Option("--painters", help="Draw with the offline painters; they are no AI models.")] = False,
    workers: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Let workers made for AI Horde draw for it: 192.168.1.5:8760.", show_default="no")
    ] = None,
    name: Annotated[str, typer.Option(help="What the node is called in invites.")] = "A Triptych node",
    invite: Annotated[str | None, typer.Option(metavar="GUEST", help="Print an invite for a guest of that name.")] = None,
    earn_for: Accounts = None,
    uninvite: Annotated[list[str] | None, typer.Option(metavar="GUEST", help="Take back the invites of a guest. May be given again.")] = None,
    invite_me: Annotated[bool, typer.Option("--invite-me", help="Print an invite for your own studio: it comes first.")] = False,
    friends_only: Annotated[bool, typer.Option("--friends-only", help="Draw for those with an invite alone.")] = False,
    hours: Annotated[str | None, typer.Option(help="When to draw for others: 22:00-07:00.", show_default="always")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Jobs that are drawn at the same time.")] = 1,
    queue: Annotated[int, typer.Option(min=1, max=1000, help="Jobs that may wait.")] = 16,
    strangers: Annotated[int, typer.Option(min=0, max=1000, help="Of them, those of strangers together; 0 draws for those with an invite alone.")] = 8,
    each_guest: Annotated[int, typer.Option(min=1, max=1000, help="Of them, those of one guest.")] = 8,
    each_day: Annotated[int | None, typer.Option(min=1, help="Jobs a day, by UTC, of each guest and of all strangers together.", show_default="no limit")] = None,
    max_pixels: Annotated[int, typer.Option(min=4096, help="Width times height of a picture at most.", show_default="what the model allows")] = 1 << 26,
    nsfw: Annotated[bool, typer.Option("--nsfw", help="Draw also what is not safe for work. Some things are never drawn.")] = False,
    hashes: Annotated[Path | None, typer.Option(help="File of hashes of pictures that are never handed out.")] = None,
    price: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="What a picture costs whoever has no invite: 0.04; 0 for nothing. Needs the extra x402.", show_default="as price.toml says, else nothing")
    ] = None,
    pay_to: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where it is paid to.", show_default="as price.toml says")] = None,
    facilitator: Annotated[str | None, typer.Option(metavar="URL", help="Who carries payments to the chain.", show_default="as price.toml says")] = None,
    chain: Annotated[str | None, typer.Option(help="Where it is paid: base, or base-sepolia, a test network.", show_default="as price.toml says")] = None,
    owner: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your signed word that this node is yours: `triptych keys owner sign`. It is kept.")
    ] = None,
    show_id: Annotated[bool, typer.Option("--id", help="Print this node's id, and stop.")] = False,
    once_ready: Annotated[bool, typer.Option("--once-ready", help="Print the node's id once a hub lists it.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="End this node's key for good, tell its hubs, and stop.")] = False,
    rotate_key: Annotated[bool, typer.Option("--rotate-key", help="Give this node a new key, which the old one signs, and stop.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default="the platform's own")] = None,
) -> None:  # fmt: skip
    """Draws for others on this machine until it is stopped. Who asks is not known here; what is asked for is.

    Ctrl+C lets it finish what it has taken; a second one stops it at once. What it does not draw is in node/words.toml in the data
    folder.
    """
    settings = settings_for(data)
    configure_logging(settings.log_level)
    word = None if owner is None else _read(owner)
    if _done_alone(settings.data, hub or (), word, withdraw=withdraw, rotate=rotate_key, show_id=show_id):
        return
    limits = Limits(at_once=at_once, queue=queue, strangers=0 if friends_only else strangers, each_guest=each_guest, max_px=max_pixels,
                    each_day=each_day, hours=None if hours is None else Hours.read(hours))  # fmt: skip
    wanted = Wanted(
        data=settings.data, hubs=tuple(hub or ()), joins=tuple(join or ()), engines=tuple(engine or ()), painters=painters, name=name,
        limits=limits, nsfw=nsfw, hashes=hashes, guest="me" if invite_me else invite, owner=invite_me, once_ready=once_ready,
        uninvited=tuple(uninvite or ()), workers=workers, keys=settings.keys, models=settings.models_folder,
        earns=accounts_of(earn_for or ()), asks=_asks(price, pay_to=pay_to, facilitator=facilitator, chain=chain),
    )  # fmt: skip
    if why := run_loop(serve_node(wanted)):
        err.print(Text.assemble(("error: ", "bold red"), why))
        raise typer.Exit(Exit.ERROR)


async def serve_node(wanted: Wanted) -> str:
    """Works until it is stopped; why it ended by itself, empty where it was asked to. Raises TriptychError."""
    clock = SystemClock()
    house = (
        None
        if wanted.workers is None
        else NodeHouse(wanted.data, clock, load_cards(), size=wanted.trial, keys=wanted.keys)
    )
    if wanted.workers is not None:
        read_address(wanted.workers)  # what is wrong with it is said first
    easel = Easel(driver_environment())
    async with HttpClient(clock) as client, contextlib.aclosing(easel):
        hubs = hubs_of(wanted.hubs, wanted.joins, clock.now_ms())
        backends = await _backends(wanted, client, easel, clock)
        if backends:
            err.print(f"Trying {', '.join(one.name for one in backends)}: three pictures …")
        plan = NodePlan(hubs=hubs, backends=backends, name=wanted.name, limits=wanted.limits, nsfw=wanted.nsfw, hashes=wanted.hashes,
                        workers=house, earns=wanted.earns.get, asks=wanted.asks,
                        reading=lambda now: err.print(Text(f"{now} …" if now.read < now.size else str(now))))  # fmt: skip
        found = await open_node(wanted.data, plan, client, clock)
        if found.pricing is not None:
            cost = usd(found.pricing.micro_usd)
            err.print(f"A picture costs {cost}, paid to {found.pricing.pay_to}. Who has an invite pays nothing.")
        for guest in wanted.uninvited:
            count = found.guests.forget(guest)
            err.print(
                Text(f"{guest} had {count} invites; they are taken back." if count else f"{guest} has no invite.")
            )
        if wanted.guest is not None:
            out.print(Text(found.invite(wanted.guest, owner=wanted.owner)))
        async with contextlib.nullcontext() if house is None else workers_door(house, wanted.workers):
            if house is not None:
                err.print(Text(f"Workers join at {house.address}"))
            working = asyncio.create_task(found.worker.run())
            with _signalled(_orders(found, working)):
                async with _shown(found, wanted, clock, house):
                    await asyncio.wait({working})
        return "" if working.cancelled() else working.result()


def _asks(price: str | None, **others: str | None) -> dict[str, str | int]:
    """What was said of a price, as lines of price.toml. Raises BadRequestError."""
    found: dict[str, str | int] = {name: value for name, value in others.items() if value is not None}
    return found if price is None else {**found, "micro_usd": dollars("price", price)}


def _done_alone(
    data: Path, hubs: Sequence[str], word: str | None, *, withdraw: bool, rotate: bool, show_id: bool
) -> bool:
    """Does what is no drawing: ends a key, exchanges it, shows its id; whether that was asked for. A node that is to draw takes the owner's
    word."""
    if withdraw or rotate:
        run_loop(_end_key(data, tuple(hub_origin(one) for one in hubs), word, rotate=rotate))
    elif show_id:
        out.print(Text(open_keys(data).id), soft_wrap=True)
    elif word is not None:
        owner = open_keys(data).adopt(word)
        err.print(Text(f"This node belongs to {owner}. Hubs that have seen that take no card of it without an owner."))
    return withdraw or rotate or show_id


def _read(path: Path) -> str:
    with at(f"The file {path}"):
        return path.read_text("utf-8", "replace")


async def _end_key(data: Path, hubs: tuple[str, ...], word: str | None, *, rotate: bool) -> None:
    """Raises NotConfiguredError, StorageError; exits with 1 where a hub could not be told."""
    clock = SystemClock()
    if rotate:
        before, after = await asyncio.to_thread(leaving.rotate, data, clock.now_ms(), word)
        err.print(Text(f"The key {before} goes on as {after}. Start the node: its cards say so from now on."))
        return
    async with HttpClient(clock) as client:
        ended, said = await withdrawn(data, hubs, client, clock)
    err.print(Text(f"The key {ended} has ended for good." if ended else "There is no key any more."))
    for hub, fault in said.items():
        err.print(Text(f"{hub} was told." if fault is None else f"{hub} was not told: {fault}"))
    if any(said.values()):
        err.print("Do this again later: the others have to be told, too.")
        raise typer.Exit(Exit.ERROR)


async def _backends(wanted: Wanted, client: Transport, easel: Easel, clock: Clock) -> list[Backend]:
    """What is named, else what is found. Raises NotConfiguredError, TriptychError for what is named and cannot be used."""
    found: list[Backend] = [await engine_at(url, client, clock) for url in wanted.engines if url != DIFFUSERS]
    here = await models_in(wanted.models, easel, clock) if wanted.models is not None else ()
    if DIFFUSERS in wanted.engines:
        if not installed():
            raise NotConfiguredError(NO_EXTRA, hint="Install it, then start again.")
        found.append(open_backend(here, clock))
    if wanted.painters:
        found.append(painter_backend(clock))
    if found or wanted.workers is not None:
        return found
    own = [open_backend(here, clock)] if here and installed() else []
    return [*own, *await engines_here(client, clock)]


def _asked_to_stop(found: Node, working: "asyncio.Task[str]") -> None:
    if found.jobs.draining:
        working.cancel()
    else:
        found.worker.drain()


def _orders(found: Node, working: "asyncio.Task[str]") -> dict[int, Callable[[], None]]:
    """By the number of a signal, what it asks for: to stop, or, where the system has those, to take no more jobs for a while and to go on."""

    def paused(*, so: bool) -> Callable[[], None]:
        return lambda: setattr(found.jobs, "paused", so)

    asked: dict[int, Callable[[], None]] = dict.fromkeys(
        (signal.SIGINT, signal.SIGTERM), lambda: _asked_to_stop(found, working)
    )
    if sys.platform != "win32":
        asked |= {signal.SIGUSR1: paused(so=True), signal.SIGUSR2: paused(so=False)}
    return asked


@contextlib.contextmanager
def _signalled(orders: Mapping[int, Callable[[], None]]) -> Iterator[None]:
    """Signals as calls: Ctrl+C, the system's wish to stop, and those of the owner."""
    loop = asyncio.get_running_loop()
    before = {number: signal.signal(number, lambda got, _: loop.call_soon_threadsafe(orders[got])) for number in orders}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.asynccontextmanager
async def _shown(found: Node, wanted: Wanted, clock: Clock, house: NodeHouse | None) -> AsyncIterator[None]:
    """The status line while the node works: one that changes on a terminal, else one for each change."""
    telling = asyncio.create_task(_tell(found, wanted, clock, house))
    try:
        yield
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(found: Node, wanted: Wanted, clock: Clock, house: NodeHouse | None) -> None:
    with Live(console=err, auto_refresh=False, transient=True) if err.is_terminal else contextlib.nullcontext() as live:
        ready, before = False, ""
        while True:
            now = standing(
                found.jobs, found.worker.hubs, wanted.limits, clock.now_ms(), found.worker.alarms, found.fees
            )
            why = (*now.why, *(house.why if house is not None and not found.jobs.queue else ()))
            if not ready and any(one.state == "open" for one in found.worker.hubs):
                ready = True
                if wanted.once_ready:
                    print(found.keys.id, flush=True)
            if live is not None:
                live.update(_lines(now, why), refresh=True)
            elif (told := f"{now}{found.worker.alarms}{_kinds(why)}") != before:
                before = told
                err.print(_lines(now, why))
            await clock.sleep(LOOK_S)


def _kinds(why: Sequence[str]) -> list[str]:
    """Reasons without their numbers: a stranger who is turned away a thousand times makes no thousand lines."""
    return [_NUMBER.sub("", one) for one in why]


def _lines(now: Standing, why: Sequence[str]) -> Group:
    return Group(Text(str(now), "bold"), *(Text(f"  {one}", "dim") for one in why))
