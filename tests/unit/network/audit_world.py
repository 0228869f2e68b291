"""A studio's auditor among nodes that are doubles: each draws by `draw`, signs what it says, and asks no engine. Written from the pages
of the protocol: what an honest node does is what docs/concepts/network.md says."""

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec
from benchmarks.painted import BY, SIZE, limits, painted
from PIL import Image

from triptych.app.audit_book import Book
from triptych.app.audits import Auditor, Doubt, News, Ways
from triptych.app.remote_model import Asked
from triptych.imaging.apart import Gap, gap
from triptych.imaging.decode import open_picture
from triptych.network import node_receipt
from triptych.network.audit import Seat
from triptych.network.card import CardModel
from triptych.network.compare import Thresholds
from triptych.network.job import Job, Submit
from triptych.network.jose import kid_of
from triptych.network.node_receipt import ReceiptBody
from triptych.network.remote import Result
from triptych.network.reputation import Opinion
from triptych.spec.errors import BlockedError, TriptychError
from triptych.spec.model import Lane
from triptych.tlog.note import Signer

NOW = 1_800_000_000_000
MODEL = CardModel(
    id="waves", family="waves", engine=BY.engine, precision=BY.precision, max_px=1_048_576, steps_max=50, caps=("t2i",),
    digest=BY.digest,
)  # fmt: skip
SEEDS, MACHINES = 10, 2  # so few that what is drawn and compared can be kept
FRESH = 5_000  # on: none of these was the limits calibrated with
T = TypeVar("T")
Painter = Callable[[int, int], Image.Image]
"""Draws a seed on a machine; `benchmarks.painted.CHEATS` are such."""


@cache
def signer(name: str) -> Signer:
    return Signer.from_seed(name, name.ljust(32).encode()[:32])


@cache
def drawn_by(painter: Painter, seed: int, machine: int) -> bytes:
    out = io.BytesIO()
    painter(seed, machine).save(out, "PNG")
    return out.getvalue()


@cache
def gap_of(reference: bytes, suspect: bytes) -> Gap:
    return gap(open_picture(reference), open_picture(suspect))


def honest(seed: int, machine: int) -> Image.Image:
    return painted(seed, machine)


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at_ms = NOW

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.at_ms += round(seconds * 1000)


@dataclass
class Paper:
    """A memory that survives its readers."""

    scopes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None:
        del now_ms
        self.scopes.setdefault(scope, {}).update(bodies)

    async def all(self, scope: str) -> dict[str, str]:
        return dict(self.scopes.get(scope, {}))

    async def forget(self, scope: str, *names: str) -> None:
        for name in names or tuple(self.scopes.get(scope, {})):
            self.scopes.get(scope, {}).pop(name, None)


class Shelf:
    """A folder in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def remove(self, path: str) -> None:
        self.files.pop(path, None)


class QuickBook(Book):
    """Which waits for no disk."""

    shelf: Shelf

    async def _disk(self, act: Callable[[Any], T]) -> T:
        return act(self.shelf)


class KnownBook(QuickBook):
    """Whose class was measured before."""

    def limits(self, by: object) -> Thresholds | None:
        del by
        return limits()


@dataclass
class Double:
    """A node, which draws a `share` of its jobs otherwise than it says."""

    name: str
    lane: Lane = "community"
    network: str | None = None
    painter: Painter = honest
    share: float = 1.0
    chance: Random = field(default_factory=lambda: Random(1))
    model: CardModel = MODEL
    machine: int = 1
    fault: TriptychError | None = None
    jobs: list[Job] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)  # of what it signs

    def draw(self, asked: Submit) -> Result:
        """What it makes of a job; the machine is another one each time, as honest ones are never the same to the bit."""
        number, job = len(self.jobs), asked.job
        self.jobs.append(job)
        if self.fault is not None:
            raise self.fault
        painter = self.painter if self.chance.random() < self.share else honest
        data = drawn_by(painter, FRESH + job.seed % SEEDS, MACHINES * (number % MACHINES) + self.machine)
        changed = tuple(sorted(self.changed.items()))
        return Result(
            (data,), signed(self.name, self.model, asked.hash, job.nonce, job.seed, job.steps or 0, data, changed)
        )


@cache
def signed(
    name: str,
    model: CardModel,
    req: str,
    nonce: str,
    seed: int,
    steps: int,
    data: bytes,
    changed: tuple[tuple[str, int], ...],
) -> str:
    """The receipt of a node over a picture."""
    key = signer(name)
    body = ReceiptBody(
        node=kid_of(key.key.public), card_seq=1, req=req, nonce=node_receipt.nonce_hash(nonce), inputs=(), outputs=(node_receipt.output(data),),
        model=model.id, digest=model.digest, engine=model.engine, precision=model.precision, seed=seed, steps=steps, policy="ok",
        received_ms=NOW, started_ms=NOW, ended_ms=NOW,
    )  # fmt: skip
    return node_receipt.sign(msgspec.structs.replace(body, **dict(changed)), key)


@cache
def of_a_user(seed: int) -> Submit:
    """One of the jobs of the user."""
    return Submit.of(Job(model="waves", prompt="a heron that nobody else hears of", seed=seed, size="{}x{}".format(*SIZE), steps=30,
                         nonce="n" * 22, sent_ms=NOW))  # fmt: skip


@dataclass
class World:
    """One studio and the nodes that it knows."""

    folder: Path
    nodes: Sequence[Double]
    draw: Random
    consent: bool = True
    floor: Lane = "community"
    measured: bool = True
    clock: Hand = field(default_factory=Hand)
    paper: Paper = field(default_factory=Paper)
    shelf: Shelf = field(default_factory=Shelf)
    marks: list[tuple[str, Doubt]] = field(default_factory=list)
    asked: int = 0
    opened: int = 0
    told: int = 0

    def __post_init__(self) -> None:
        self.auditor = self.begun()

    def begun(self) -> Auditor:
        """As a program that was just started; `book.load` is left to the test."""
        made = (KnownBook if self.measured else QuickBook)(self.paper, self.folder / "checks")
        made.shelf = self.shelf

        async def ask(seat: Seat, asked: Submit, _: str) -> Result:
            self.asked += 1
            return self.node(seat.node).draw(asked)

        async def floor() -> Lane:
            return self.floor

        async def consent() -> bool:
            return self.consent

        async def apart(one: bytes, other: bytes) -> Gap:
            return gap_of(one, other)

        async def inspect(data: bytes) -> object:
            self.opened += 1
            return data

        async def mark(call: str, doubt: Doubt) -> None:
            self.marks.append((call, doubt))

        async def changed() -> None:
            self.told += 1

        ways = Ways(seats=self.seats, guest=lambda node: "g" * 22 if self.node(node).lane == "pinned" else None, ask=ask, floor=floor,
                    consent=consent, apart=apart, inspect=inspect, mark=mark, changed=changed)  # fmt: skip
        return Auditor(made, ways, self.clock, self.draw)

    @property
    def book(self) -> Book:
        return self.auditor.book

    def node(self, name: str) -> Double:
        return next(one for one in self.nodes if one.name == name)

    def seats(self, of: str) -> list[Seat]:
        home = self.node(of).network
        found = []
        for one in self.nodes:
            seat = Seat(node=one.name, owner=f"owner-{one.name}", network=None if one.network is None or home is None else
                        "here" if one.network == home else "apart", lane=one.lane, model=one.model, opinion=Opinion())  # fmt: skip
            found.append(replace(seat, opinion=self.book.tally(seat.about).opinion))
        return found

    def about(self, node: str) -> Seat:
        return next(one for one in self.seats(node) if one.node == node)

    def standing(self, node: str) -> str:
        return self.about(node).opinion.standing(self.clock.now_ms())

    async def job(self, node: str, number: int = 0) -> None:
        """One job of the user's for a node, told as `RemoteModel` tells it."""
        asked = of_a_user(self.draw.randrange(SEEDS))
        made = self.node(node).draw(asked)
        await self.auditor.note(News(node, made.receipt, None, Asked(asked, f"call-{number}", made.pictures)))

    async def failed(self, node: str, error: TriptychError) -> None:
        asked = Submit.of(Job(model="waves", prompt="x", seed=1, nonce="n" * 22, sent_ms=self.clock.now_ms()))
        await self.auditor.note(News(node, None, error, Asked(asked, "call")))

    async def looked(self) -> None:
        """Everything that is due is looked at, whenever it would be."""
        while self.book.due:
            due = next(iter(self.book.due.values()))
            self.clock.at_ms = max(self.clock.at_ms, due.at_ms)
            await self.auditor.look(due)
        await asyncio.sleep(0)


def refused() -> TriptychError:
    return BlockedError("does not draw this", billed="no")
