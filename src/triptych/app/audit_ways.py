"""What the auditor has of this studio: the nodes that can be asked now, the way to each, and where it may say something."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from triptych.app.audit_book import Book
from triptych.app.audits import Auditor, Doubt, Ways
from triptych.app.caps import CapBook
from triptych.app.check_purse import CheckPurse
from triptych.app.floor import Reach
from triptych.app.models import Models
from triptych.app.neighbour import Neighbour, apart
from triptych.app.network import CONSENT as COMMUNITY
from triptych.app.network import Neighbours
from triptych.app.remote_model import PROVIDER, SHORT
from triptych.imaging.workshop import Workshop
from triptych.network.audit import KNOWN_LANES, Seat
from triptych.network.card import CardModel
from triptych.network.job import Submit
from triptych.network.remote import Result
from triptych.network.reputation import About, Opinion
from triptych.spec.clock import Clock
from triptych.spec.errors import SettingsError
from triptych.spec.model import LANES, Lane
from triptych.store.base import Bus, RecordStore
from triptych.store.records import SqlRecordStore
from triptych.studio.doubts import Doubts
from triptych.studio.service import Studio

CONSENT = "network.twice"
"""Whether pictures of the open network may be drawn a second time by another node, which then reads the prompt, too."""
FOLDER = "checks"  # of the data folder: pictures of checks
_FLOORS: Final[Mapping[Reach, Lane]] = {
    "anywhere": "community",
    "no_community": "attested",
    "known": "pinned",
    "here": "local",
}
_log = structlog.get_logger("triptych.app")


def owner_of(one: Neighbour) -> str:
    """Whom an opinion is about: the owner's key, or the node's where it has no owner."""
    return one.card.owner or one.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What the user allows, as it is now."""

    models: Models
    store: RecordStore

    async def lane(self) -> Lane:
        """The furthest lane that a prompt may go to."""
        floor = _FLOORS[self.models.reach]
        allowed = await self.store.get_setting(f"consent:{COMMUNITY}") is True
        return floor if allowed else LANES[min(LANES.index(floor), LANES.index("attested"))]

    async def twice(self) -> bool:
        return await self.store.get_setting(CONSENT) is True


@dataclass(frozen=True, slots=True)
class Seats:
    """The nodes that can be asked now, as an audit sees them."""

    neighbours: Neighbours
    opinion: Callable[[About], Opinion]
    clock: Clock
    purse: CheckPurse

    def seen_from(self, node: str) -> tuple[Seat, ...]:
        """Each model of each, with its network as `here`, `apart` or None from that node. One that asks a price is among them only where its
        user has agreed to pay that for a look."""
        now = self.clock.now_ms()
        offered = self.neighbours.offered()
        there = [one for one in offered if self.purse.allows(one.price) and self.neighbours.away(one, now) is None]
        home = next((one for one in there if one.id == node), None)
        return tuple(seat for one in there for seat in self._of(one, home))

    def _of(self, one: Neighbour, home: Neighbour | None) -> Sequence[Seat]:
        told = None if home is None else one.id != home.id and apart(home.kept, one.kept)
        network = None if told is None else "apart" if told else "here"
        found = []
        for model in one.card.body.models:
            about = About(owner_of(one), model.digest or model.id)
            found.append(
                Seat(
                    node=one.id,
                    owner=about.owner,
                    network=network,
                    lane=one.lane,
                    model=model,
                    opinion=self.opinion(about),
                )
            )
        return found


async def ask(neighbours: Neighbours, purse: CheckPurse, seat: Seat, asked: Submit, check: str) -> Result:
    """One job that is no tile's, for the check of that name; nothing of it is shown. Raises what `CheckPurse.ask` raises."""
    line = await neighbours.reach(seat.node)
    one = next((one for one in neighbours.nodes() if one.id == seat.node), None)
    endpoint = f"{PROVIDER}/{seat.node[:SHORT]}/{seat.model.id}"
    return await purse.ask(line, asked, endpoint, None if one is None else one.price, check)


def put_aside(book: Book, one: Neighbour, now_ms: int) -> str | None:
    """Why nothing is asked of a node any more until a person has looked; None where it is as good as any."""
    bad = [tally for tally in book.tallies(owner_of(one)) if tally.opinion.standing(now_ms) == "quarantine"]
    if not bad:
        return None
    if any(tally.mismatches for tally in bad):
        return f"{one.name} is put aside: what others drew of the same jobs is something else. The pictures are on the Network page."
    return f"{one.name} is put aside: what it sent does not fit what it signed. The Network page says when."


def on_probation(book: Book, one: Neighbour, model: CardModel, now_ms: int) -> str:
    """Whose a node is with a model, where this studio has that owner on probation; empty for people whom it knows, and for who has
    drawn enough that was good."""
    about = About(owner_of(one), model.digest or model.id)
    known = one.lane in KNOWN_LANES or book.tally(about).opinion.standing(now_ms) != "probation"
    return "" if known else about.owner


async def open_audits(
    neighbours: Neighbours, models: Models, store: SqlRecordStore, studio: Studio, bus: Bus, workshop: Workshop, clock: Clock, data: Path,
    *, caps: CapBook,
) -> Auditor:  # fmt: skip
    """The auditor of a studio, with what it knew before, listening to its nodes. Raises StorageError."""
    floor, doubts = Floor(models=models, store=store), Doubts(studio, store, bus, clock)
    book = Book(store.network, data / FOLDER)
    await book.load()
    purse = CheckPurse(neighbours.paying, store, clock, caps.current)
    await purse.load()
    seats = Seats(neighbours, lambda about: book.tally(about).opinion, clock, purse)

    async def mark(call: str, doubt: Doubt) -> None:
        await doubts.mark(call, doubt.message, doubt.hint, doubt.check)

    async def changed() -> None:
        try:
            await neighbours.offer_anew()
        except SettingsError as error:
            _log.warning("nodes cannot be put aside", reason=error.message)

    ways = Ways(
        seats=seats.seen_from, guest=neighbours.guest, ask=partial(ask, neighbours, purse),
        floor=floor.lane, consent=floor.twice, apart=workshop.apart, inspect=workshop.inspect, mark=mark, changed=changed,
    )  # fmt: skip
    auditor = Auditor(book, ways, clock, purse=purse)
    neighbours.ended = auditor.heard
    neighbours.aside = lambda one: put_aside(book, one, clock.now_ms())
    neighbours.newcomer = lambda one, model: on_probation(book, one, model, clock.now_ms())
    await neighbours.offer_anew()
    return auditor
