"""A studio over the real store, blobs, bus and router, with models that do as they are told."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from triptych.imaging.mask import MaskReading, read_mask
from triptych.imaging.restoring import RestoredBytes, restored_bytes
from triptych.imaging.workshop import EncodedType
from triptych.router.budget import Caps
from triptych.router.execute import Router
from triptych.router.policy import CHEAPEST
from triptych.router.registry import Endpoint
from triptych.spec.errors import BadRequestError
from triptych.spec.image import Adjustment, Cost, GeneratedImage, ImageRequest, ImageResult
from triptych.spec.model import (
    CallContext,
    Capabilities,
    JobHandle,
    KeyCheck,
    Lane,
    ModelCard,
    Progress,
    Sent,
    WireRecord,
)
from triptych.spec.routing import Policy
from triptych.store.blobs import FolderObjects, ObjectBlobs
from triptych.store.bus import MemoryBus
from triptych.store.records import SqlRecordStore
from triptych.studio.service import Studio

WIRE = WireRecord(method="POST", url="https://api.example.com/v1", headers={}, body="{}", body_sha256="00")


def picture(width: int = 40, height: int = 50, kind: str = "PNG", colour: str = "teal") -> bytes:
    """A small picture in a real file format."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind)
    return out.getvalue()


class ManualClock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0
        self._sleeping: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.seconds + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        """Lets time pass and wakes who has slept long enough."""
        self.seconds += seconds
        for until, future in self._sleeping:
            if until <= self.seconds and not future.done():
                future.set_result(None)
        self._sleeping = [entry for entry in self._sleeping if not entry[1].done()]


Play = Callable[[ImageRequest, CallContext], Awaitable[ImageResult]]


def result(*images: bytes, cost: Cost | None = None, **rest: object) -> ImageResult:
    """A billed answer with these pictures."""
    made = tuple(GeneratedImage(data=data) for data in images)
    return ImageResult(images=made, cost=cost or Cost(67_000, "table"), billed="yes", **rest)  # type: ignore[arg-type]


async def paints(request: ImageRequest, context: CallContext) -> ImageResult:
    """Sends, and answers with one picture for each that was asked for."""
    await context.tell(Sent(WIRE))
    return result(*(picture() for _ in range(request.n)))


@dataclass
class FakeModel:
    """An image model by script. `play` makes, `replay` goes on with a job."""

    card: ModelCard
    play: Play = paints
    replay: Play = paints
    asked: list[ImageRequest] = field(default_factory=list)
    resumed: list[JobHandle] = field(default_factory=list)
    cancelled: list[JobHandle] = field(default_factory=list)
    refuses: str | None = None
    adjusts: tuple[Adjustment, ...] = ()

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        if self.refuses:
            raise BadRequestError(self.refuses, param="size")
        return self.adjusts

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        self.asked.append(request)
        return await self.play(request, context)

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        self.resumed.append(job)
        return await self.replay(request, context)

    async def cancel(self, job: JobHandle) -> bool:
        self.cancelled.append(job)
        return True

    async def check(self) -> KeyCheck:
        return KeyCheck(ok=True, message="fine")


def model(
    name: str,
    *,
    family: str | None = None,
    lane: Lane = "commercial",
    free: bool = False,
    play: Play = paints,
    **caps: object,
) -> FakeModel:
    """A model `provider/model` that makes one picture a call unless its capabilities say otherwise."""
    provider, _, short = name.partition("/")
    settled: dict[str, object] = {
        "operations": ("generate", "edit"),
        "max_input_images": 4,
        "mask": True,
        "resume": True,
    } | caps
    card = ModelCard(
        id=name, provider=provider, provider_model_id=short, family=family or short, name=short.title(), maker=provider.title(),
        lane=lane, free=free, capabilities=Capabilities(**settled), typical_seconds=(8, 20),  # type: ignore[arg-type]
    )  # fmt: skip
    return FakeModel(card, play)


@dataclass
class FakeRegistry:
    """A registry that tests can change."""

    models: dict[str, FakeModel]
    without_key: set[str] = field(default_factory=set)

    def endpoints(self) -> Mapping[str, Endpoint]:
        return {
            name: Endpoint(
                model, ready=name not in self.without_key, reason="No key for it." if name in self.without_key else None
            )
            for name, model in self.models.items()
        }


class FakeWorkshop:
    """Imaging without processes."""

    def __init__(self) -> None:
        self.thumbs = self.restored = 0

    async def thumbnail(self, data: bytes, side: int = 256) -> bytes:
        self.thumbs += 1
        return b"thumb%d" % side

    async def convert(self, data: bytes, media_type: EncodedType, quality: int | None = None) -> bytes:
        source = Image.open(io.BytesIO(data))
        return picture(*source.size, kind=media_type.removeprefix("image/").upper())

    async def display(self, data: bytes) -> tuple[bytes, str]:
        return b"shown", "image/webp"

    async def restore(self, answer: bytes, source: bytes, mask: bytes) -> RestoredBytes:
        self.restored += 1
        return restored_bytes(answer, source, mask)

    async def read_mask(self, data: bytes) -> tuple[MaskReading, bytes]:
        return read_mask(data)


@dataclass
class Bench:
    """Everything around one studio."""

    studio: Studio
    store: SqlRecordStore
    bus: MemoryBus
    clock: ManualClock
    registry: FakeRegistry
    workshop: FakeWorkshop
    blobs: ObjectBlobs
    caps: list[Caps]
    folder: Path
    policy: Policy = CHEAPEST
    beyond: int = 0  # what is held above the price of a call that costs something, in micro-dollars
    unpriced: set[str] = field(default_factory=set)  # models of which nobody knows what they cost

    def restarted(self) -> Studio:
        """Another process over the same records."""
        return self.build("second")

    def build(self, owner: str) -> Studio:
        def price(card: ModelCard, request: ImageRequest) -> Cost:
            known = Cost(0, "free") if card.free else Cost(67_000, "table")
            return Cost(None, "unknown") if card.id in self.unpriced else known

        def hold(card: ModelCard, request: ImageRequest) -> Cost:
            cost = price(card, request)
            return Cost((cost.amount_micro_usd or 0) + self.beyond, cost.source) if cost.amount_micro_usd else cost

        router = Router(self.registry, self.store, self.clock, price, hold=hold, policy=self.policy, nonce=lambda: "n")
        return Studio(
            store=self.store, blobs=self.blobs, bus=self.bus, router=router, registry=self.registry,
            workshop=self.workshop, clock=self.clock, owner=owner, caps=lambda: self.caps[0], price=price,
        )  # fmt: skip


@asynccontextmanager
async def bench(folder: Path, *models: FakeModel, policy: Policy = CHEAPEST, beyond: int = 0) -> AsyncIterator[Bench]:
    """Opens a studio with these models, and closes it."""
    clock = ManualClock()
    store = await SqlRecordStore.open(f"sqlite:///{folder}/t.db", clock)
    blobs = ObjectBlobs(FolderObjects(folder / "blobs"))
    registry = FakeRegistry({one.card.id: one for one in models})
    made = Bench(
        studio=None, store=store, bus=MemoryBus(clock), clock=clock, registry=registry,  # type: ignore[arg-type]
        workshop=FakeWorkshop(), blobs=blobs, caps=[Caps()], folder=folder, policy=policy, beyond=beyond,
    )  # fmt: skip
    made.studio = made.build("first")
    try:
        yield made
        await made.studio.shutdown()
    finally:
        await store.close()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop run until something holds; five seconds at most."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.002)


async def hang(request: ImageRequest, context: CallContext) -> ImageResult:
    """Sends and never answers."""
    await context.tell(Sent(WIRE))
    await context.tell(Progress(fraction=0.1))
    await asyncio.Event().wait()
    raise AssertionError
