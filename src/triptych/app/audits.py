"""Some jobs of the open network are looked at twice: which of them, by whom, and what comes of it.

Everything here happens after a picture is shown and holds nothing up. Of each picture that came, what was signed has been checked
before; here it is opened once, and chance decides whether the same job, or a canary in its place, is drawn by a second node. What that
shows is counted in the `Book`. What a canary draws goes to nobody; nodes that ask for money are asked only where that was agreed to.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from random import Random

import structlog
from msgspec.structs import replace

from triptych.app.audit_book import INPUT, MOST_DUE, Book, Check, Due, What
from triptych.app.check_purse import CheckPurse
from triptych.app.remote_model import Asked
from triptych.imaging.apart import Gap
from triptych.network import audit, canary, node_receipt
from triptych.network.audit import KNOWN_LANES, Drawn, Finished, Gaps, Kind, Looks, Record, Role, Seat
from triptych.network.job import Job, Submit
from triptych.network.jose import encode_url64
from triptych.network.remote import Result
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError, StorageError, TriptychError
from triptych.spec.model import LANES, Lane

SOON_S, LATER_S = (1.0, 20.0), (20.0, 600.0)  # a canary that came right behind a job would be known by that
TRY_AGAIN_MS, TRIES = 300_000, 2
LOOK_EVERY_S = 1.0
SAID_MS = 3_600_000
NO_FAULT = frozenset({"time", "card"})
"""Why a receipt may not hold though nobody cheats: a clock that is wrong, a node that was started anew."""
_log = structlog.get_logger("triptych.app")


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is said on a tile whose picture is in doubt; `check` names the evidence."""

    message: str
    hint: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What the auditor needs of the world. `seats` gives the nodes that can be asked now, each with its network as seen from the node
    of that id: `here`, `apart`, or None. `guest` gives the word of its invite, `ask` gives a job to a node for the check of that name and
    brings what came of it, checked."""

    seats: Callable[[str], Sequence[Seat]]
    guest: Callable[[str], str | None]
    ask: Callable[[Seat, Submit, str], Awaitable[Result]]
    floor: Callable[[], Awaitable[Lane]]
    consent: Callable[[], Awaitable[bool]]
    apart: Callable[[bytes, bytes], Awaitable[Gap]]
    inspect: Callable[[bytes], Awaitable[object]]
    mark: Callable[[str, Doubt], Awaitable[None]]
    changed: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class News:
    """How a call of a node ended: its receipt, or the error."""

    node: str
    receipt: str | None
    error: TriptychError | None
    asked: Asked


@dataclass(frozen=True, slots=True)
class _Made:
    """What a node made of a job that is looked at."""

    drawn: Drawn
    pictures: tuple[bytes, ...] = field(repr=False)


class Auditor:
    """Decides, asks, compares, counts. `draw` is where chance comes from, `purse` what is paid for it, None where nothing is."""

    def __init__(
        self, book: Book, ways: Ways, clock: Clock, draw: Random | None = None, *, purse: CheckPurse | None = None
    ) -> None:
        self.book, self.purse = book, purse
        self._ways, self._clock = ways, clock
        self.draw = draw or secrets.SystemRandom()
        self.news: asyncio.Queue[News] = asyncio.Queue(maxsize=256)
        self._saying: set[asyncio.Task[None]] = set()

    def heard(self, node: str, receipt: str | None, error: TriptychError | None, asked: Asked) -> None:
        """Takes note of how a call ended, at once; with too much to do it lets one go."""
        if not self.news.full():
            self.news.put_nowait(News(node, receipt, error, asked))

    async def close(self) -> None:
        """Waits for no tile any more."""
        waiting = tuple(self._saying)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _say(self, call: str, doubt: Doubt) -> None:
        """On the tile of a call. One that is not over yet is waited for, and nothing else waits with it."""
        task = asyncio.create_task(self._said(call, doubt))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    def say_again(self) -> None:
        """What was found shortly before the program ended may not stand on its tile yet."""
        since = self._clock.now_ms() - SAID_MS
        for check in self.book.checks.values():
            if check.at_ms >= since and check.call is not None and (doubt := _doubt(check)) is not None:
                self._say(check.call, doubt)

    async def _said(self, call: str, doubt: Doubt) -> None:
        try:
            await self._ways.mark(call, doubt)
        except StorageError as error:
            _log.warning("a picture in doubt cannot be marked", reason=error.message)

    async def keep(self) -> None:
        """Looks at what was noted, until it is cancelled."""
        self.say_again()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._work())

    async def _listen(self) -> None:
        while True:
            news = await self.news.get()
            try:
                await self.note(news)
            except StorageError as error:
                _log.warning("a node's work cannot be counted", reason=error.message)

    async def _work(self) -> None:
        while True:
            now = self._clock.now_ms()
            for due in [one for one in self.book.due.values() if one.at_ms <= now]:
                try:
                    await self.look(due)
                except StorageError as error:
                    _log.warning("a check cannot be written down", reason=error.message)
            await self._clock.sleep(LOOK_EVERY_S)

    # What came.

    async def note(self, news: News) -> None:
        """Counts a job, and plans a check where chance wants one. Raises StorageError."""
        job = news.asked.submit.job
        seats = self._ways.seats(news.node)
        seat = _seat(seats, news.node, job.model)
        if seat is None:
            return
        if news.error is not None:
            if is_fault(news.error):
                await self._fault(seat, news.error.message, None)
            return
        if (why := await self._unopened(news.asked.pictures)) is not None:
            await self._fault(seat, why, news.asked.call)
            return
        now = self._clock.now_ms()
        if seat.model.digest is not None and (shape := canary.shape_of(job)) is not None:
            await self.book.shape(seat.by, shape, now)
        if self.book.limits(seat.by) is None:
            await self._measure(seat, seats)
        if audit.due(seat, now, self.draw) and await self._plan(seat, seats, news):
            return
        await self.book.worked(seat.about, now)

    async def looks(self, node: str, model: str) -> Looks | None:
        """How pictures of a node can be compared now; None for one that cannot be asked now."""
        seats = self._ways.seats(node)
        seat = _seat(seats, node, model)
        if seat is None:
            return None
        plain = Job(model=model, prompt="", seed=0, nonce=self._nonce(), sent_ms=self._clock.now_ms())
        return audit.looks_at(await self._finished(seat, plain), seats, self._clock.now_ms())

    async def _unopened(self, pictures: Iterable[bytes]) -> str | None:
        for data in pictures:
            try:
                await self._ways.inspect(data)
            except HostileContentError as error:
                return error.message
        return None

    async def _fault(self, seat: Seat, why: str, call: str | None) -> None:
        now, name = self._clock.now_ms(), self._name()
        await self.book.fault(seat.about, now)
        check = Check(id=name, what="receipt", at_ms=now, about=seat.about, node=seat.node, model=seat.model.id, outcome="mismatch",
                      wrong="suspect", why=why, call=call)  # fmt: skip
        await self.book.made(check, {})
        if call is not None and (doubt := _doubt(check)) is not None:
            self._say(call, doubt)
        await self._ways.changed()

    async def _plan(self, seat: Seat, seats: Sequence[Seat], news: News) -> bool:
        """Whether the job itself will be looked at. A canary is another job, and this one counts as one that nobody looked at."""
        if len(self.book.due) >= MOST_DUE:
            return False
        found = audit.plan(await self._finished(seat, news.asked.submit.job), seats, self._clock.now_ms(), self.draw)
        if found.kind == "none":
            return False
        if found.kind == "canary":
            await self._put("canary", seat, LATER_S)
            return False
        due = self._due("redundant", seat, SOON_S)
        pictures = news.asked.pictures
        await self.book.keep_pictures(due.id, "suspect", pictures)
        await self.book.keep_pictures(due.id, INPUT, news.asked.submit.pictures)
        await self.book.put(
            replace(
                due, job=news.asked.submit.job, call=news.asked.call, receipt=news.receipt or "", pictures=len(pictures)
            )
        )
        return True

    async def _measure(self, seat: Seat, seats: Sequence[Seat]) -> None:
        """Before anybody can be judged, two nodes of people who are known here show how far apart honest machines are."""
        waiting = any(one.what == "honest" and one.model == seat.model.id for one in self.book.due.values())
        if not waiting and len(_known(seat, seats)) > 1 and self.book.shapes(seat.by):
            await self._put("honest", seat, SOON_S)

    async def _put(self, what: What, seat: Seat, within: tuple[float, float]) -> None:
        await self.book.put(self._due(what, seat, within))

    def _due(self, what: What, seat: Seat, within: tuple[float, float]) -> Due:
        at = self._clock.now_ms() + round(1000 * self.draw.uniform(*within))
        return Due(id=self._name(), what=what, node=seat.node, model=seat.model.id, at_ms=at)

    def _name(self) -> str:
        return self.draw.randbytes(12).hex()

    async def _finished(self, seat: Seat, job: Job) -> Finished:
        """With the floor as it is now; and no second node is further away than the first, because a run may have a floor of its own."""
        floor = LANES[min(LANES.index(await self._ways.floor()), LANES.index(seat.lane))]
        return Finished(seat=seat, job=job, verdict="ok", floor=floor, consent=await self._ways.consent(),
                        rough=self.book.limits(seat.by) is None)  # fmt: skip

    # What is due.

    async def look(self, due: Due) -> None:
        """Makes one check. What fails on the way is tried once more later, unless somebody was paid for it, and then let go. Raises
        StorageError."""
        seats = self._ways.seats(due.node)
        seat = _seat(seats, due.node, due.model)
        again = self.purse is not None and await self.purse.paid_for(due.id)
        looks = {"canary": self._canary, "redundant": self._redundant, "honest": self._honest}
        try:
            done = seat is not None and not again and await looks[due.what](due, seat, seats)
        except StorageError:
            raise
        except TriptychError as error:
            _log.info("a check was not made", what=due.what, code=error.code)
            done = False
        if done:
            await self.book.drop(due)
        elif due.tries + 1 < TRIES and not again:
            await self.book.put(later(due, self._clock.now_ms()))
        else:
            await self.book.drop(due)
            if seat is not None and due.what == "redundant":
                await self.book.worked(seat.about, self._clock.now_ms())

    async def _redundant(self, due: Due, seat: Seat, seats: Sequence[Seat]) -> bool:
        job, pictures = due.job, await self.book.pictures(due.id, "suspect", due.pictures)
        if job is None or len(pictures) != due.pictures:
            return False
        inputs = await self.book.pictures(due.id, INPUT, len(job.images))
        done = await self._finished(seat, job)
        partner = audit.partner_for(done, seats, self._clock.now_ms(), self.draw)
        if partner is None or len(inputs) != len(job.images):
            return False
        receipt = node_receipt.read(due.receipt.encode())
        mine = _Made(Drawn(seat, receipt), pictures)
        await self._judge(due, done, mine, await self._drawn(due, partner, job, inputs), seats)
        return True

    async def _canary(self, due: Due, seat: Seat, seats: Sequence[Seat]) -> bool:
        job = self._invented(seat)
        reference = None if job is None else audit.reference_for(seat, job, seats, self._clock.now_ms(), self.draw)
        if job is None or reference is None:
            return False
        right = await self._drawn(due, reference, job)
        try:
            mine = await self._drawn(due, seat, job)
        except HostileContentError as error:
            if not is_fault(error):
                raise
            await self._fault(seat, error.message, None)
            return True
        await self._judge(due, await self._finished(seat, job), mine, right, seats)
        return True

    async def _honest(self, due: Due, seat: Seat, seats: Sequence[Seat]) -> bool:
        job = self._invented(seat)
        known = [] if job is None else [one for one in _known(seat, seats) if audit.can_draw(one.model, job)]
        if job is None or len(known) < 2:
            return False
        made = [await self._drawn(due, one, job) for one in self.draw.sample(known, 2)]
        gaps = await self._gaps({"reference": made[0], "suspect": made[1]})
        pairs = gaps["reference", "suspect"]
        await self.book.honest(seat.by, [one.found for one in pairs if one.found is not None], self._clock.now_ms())
        return True

    def _invented(self, seat: Seat) -> Job | None:
        shapes = self.book.shapes(seat.by)
        now = self._clock.now_ms()
        return canary.invent(shapes, seat.model.id, self.draw, self._nonce(), now) if shapes else None

    def _nonce(self) -> str:
        return encode_url64(self.draw.randbytes(16))

    async def _drawn(self, due: Due, seat: Seat, job: Job, inputs: Sequence[bytes] = ()) -> _Made:
        fresh = canary.again(job, seat.model.id, self._nonce(), self._clock.now_ms())
        asked = Submit.of(replace(fresh, guest=self._ways.guest(seat.node)), inputs)
        found = await self._ways.ask(seat, asked, due.id)
        return _Made(Drawn(seat, node_receipt.read(found.receipt.encode())), found.pictures)

    async def _judge(self, due: Due, done: Finished, mine: _Made, other: _Made, seats: Sequence[Seat]) -> None:
        """Compares, asks a third where the two disagree, and counts."""
        kind: Kind = "canary" if due.what == "canary" else "redundant"
        sides: dict[Role, _Made] = {"reference": other, "suspect": mine}
        record = await self._examined(kind, sides)
        if record.wants_third:
            far = {one.node for one in self._ways.seats(other.drawn.seat.node) if one.network == "apart"}
            third = audit.third_for(kind, done, other.drawn.seat, seats, self._clock.now_ms(), self.draw, far)
            if third is not None and (made := await self._third(third, done.job, due)) is not None:
                sides["third"] = made
                record = await self._examined(kind, sides)
        await self._count(due, record, sides)

    async def _third(self, third: Seat, job: Job, due: Due) -> _Made | None:
        inputs = await self.book.pictures(due.id, INPUT, len(job.images))
        try:
            return await self._drawn(due, third, job, inputs)
        except TriptychError as error:
            _log.info("nobody decides between two nodes", code=error.code)
            return None

    async def _examined(self, kind: Kind, sides: Mapping[Role, _Made]) -> Record:
        reference, suspect, third = sides["reference"], sides["suspect"], sides.get("third")
        return audit.examine(
            kind, reference.drawn, suspect.drawn, self.book.limits(suspect.drawn.seat.by), self._clock.now_ms(),
            None if third is None else third.drawn, await self._gaps(sides),
        )  # fmt: skip

    async def _gaps(self, sides: Mapping[Role, _Made]) -> Gaps:
        """Measured outside of this process; of a picture that cannot be opened nothing is."""
        order: tuple[Role, ...] = ("third", "reference", "suspect")
        there: list[Role] = [one for one in order if one in sides]
        found: dict[tuple[Role, Role], list[Gap]] = {}
        for one, other in combinations(there, 2):
            try:
                found[one, other] = [
                    await self._ways.apart(a, b)
                    for a, b in zip(sides[one].pictures, sides[other].pictures, strict=False)
                ]
            except HostileContentError:
                found[one, other] = []
        return found

    async def _count(self, due: Due, record: Record, sides: Mapping[Role, _Made]) -> None:
        now, first = self._clock.now_ms(), record.measured[0]
        third = sides.get("third")
        suspect, reference = sides["suspect"].drawn.seat, sides["reference"].drawn.seat
        learned = audit.lessons(record.finding, suspect, reference, None if third is None else third.drawn.seat)
        await self.book.learn(learned, now)
        accused: Role = "reference" if record.finding.wrong == "reference" else "suspect"
        who = sides[accused].drawn.seat
        check = Check(id=due.id, what=due.what, at_ms=now, about=who.about, node=who.node, model=who.model.id, outcome=first.outcome,
                      wrong=record.finding.wrong, why=first.why, call=due.call, accused=accused, record=record)  # fmt: skip
        differ = first.outcome == "mismatch"
        await self.book.made(check, {role: made.pictures for role, made in sides.items()} if differ else {})
        if differ and due.call is not None and (doubt := _doubt(check)) is not None:
            self._say(due.call, doubt)
        if differ:
            await self._ways.changed()


def is_fault(error: TriptychError) -> bool:
    """Whether a node's own signed words prove that it was wrong. What a hub may have done to it is none, and neither is a clock."""
    reason = error.detail
    return error.code == "hostile_content" and reason in node_receipt.REASONS and reason not in NO_FAULT


def _doubt(check: Check) -> Doubt | None:
    if check.outcome != "mismatch":
        return None
    if check.what == "receipt":
        return Doubt(f"This picture cannot be opened: {check.why}", "Choose another model.", check.id)
    hint = "The Network page shows the pictures beside each other."
    if check.wrong == "suspect":
        return Doubt(f"Drawn again elsewhere, it came out otherwise. {check.why}", hint, check.id)
    if check.wrong == "open":
        return Doubt("Two nodes drew this, and their pictures differ. Nobody can say which is right.", hint, check.id)
    return None


def _seat(seats: Iterable[Seat], node: str, model: str) -> Seat | None:
    return next((one for one in seats if one.node == node and one.model.id == model), None)


def _known(seat: Seat, seats: Iterable[Seat]) -> list[Seat]:
    """Nodes of people who are known here that draw the same; each machine once."""
    found = {one.node: one for one in seats if one.lane in KNOWN_LANES and one.by.comparable(seat.by)}
    return list(found.values())


def later(due: Due, now_ms: int) -> Due:
    """The same check, after a while."""
    return replace(due, at_ms=now_ms + TRY_AGAIN_MS, tries=due.tries + 1)
