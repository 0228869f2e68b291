"""Which cells of a model's card hold: each is asked of the provider's emulator through the adapter and the driver that users have.

`python -m tests.emulators.proving` writes what came of it to `src/triptych/catalog/proven.json`, of which docs/reference/providers.md
shows the cells. An emulator refuses what its protocol does not know; beyond that the pictures themselves are looked at, where
the cell can be seen in them.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.emulators import Emulator, Emulators
from tests.laws.test_adapters import ALL
from tests.laws.test_descriptors import FEATURES, asked, tried
from tests.unit.adapter_kit import CARDS

from triptych.catalog.descriptors import descriptors
from triptych.http.client import HttpClient
from triptych.http.guard import origin
from triptych.http.message import HttpResponse
from triptych.http.transport import MAX_IMAGE
from triptych.imaging.header import header
from triptych.provider_kit import laws
from triptych.provider_kit.driver import HttpImageModel
from triptych.provider_kit.playback import PlayedClock
from triptych.provider_kit.upstream import as_count
from triptych.spec.errors import TriptychError
from triptych.spec.image import AspectRatio, ImageRequest, ImageResult, Size
from triptych.spec.model import CallContext, ModelCard
from triptych.spec.secret import Secret

PROVEN = Path(__file__).parents[2] / "src/triptych/catalog/proven.json"
EMULATED = {name: name for name in ("aihorde", "alibaba", "bfl", "deepinfra", "fal", "fireworks", "google", "huggingface", "ideogram", "minimax", "openai",
                                    "openrouter", "recraft", "replicate", "stability", "together", "tokenhub", "vertex", "xai")} | {"bytedance": "ark"}  # fmt: skip
"""Adapters and their emulators."""
SHAPES = {"size", "aspect_ratio"}
NEAR = 0.03  # of a ratio: sides are rounded to what a model draws
Found = dict[str, list[str] | bool]
Proof = dict[str, Found]


def proven_cards() -> list[ModelCard]:
    """Those whose provider has an emulator."""
    return [card for card in CARDS.values() if card.provider in EMULATED and card.draws]


class LoopbackClient(HttpClient):
    """The users' own, but that the emulators' files host may be on loopback and without encryption."""

    async def fetch_image(
        self,
        url: str,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        allow_private_origin: str | None = None,
        max_bytes: int = MAX_IMAGE,
    ) -> HttpResponse:
        return await super().fetch_image(
            url, deadline=deadline, headers=headers, allow_private_origin=origin(url), max_bytes=max_bytes
        )


async def prove(emulators: Emulators, cards: Iterable[ModelCard]) -> Proof:
    """By card and field: the words that held, or, of a range, a flag or a text, whether every tried value held."""
    clock = PlayedClock()  # nothing is waited for between two looks at a job
    async with LoopbackClient(clock) as client:
        made = {}
        for card in cards:
            desk = _Desk(card, getattr(emulators, EMULATED[card.provider]), client, clock)
            made[card.id] = await _cells(card, desk)
        return made


@dataclass(frozen=True)
class _Desk:
    """Where one card is tried."""

    card: ModelCard
    emulator: Emulator
    client: HttpClient
    clock: PlayedClock

    async def fault(self, request: ImageRequest, name: str) -> str:
        """Why a cell does not hold, or nothing."""

        async def key() -> Secret:
            return Secret(self.emulator.key)

        async def tell(_: object) -> None:
            """Nobody listens."""

        adapter = ALL[self.card.provider]
        model = HttpImageModel(self.card, adapter, self.client, key, self.clock, base_url=self.emulator.base_url)
        context = CallContext(call_id="prove", deadline=self.clock.monotonic() + 600, tell=tell)
        try:
            made = await model.generate(_with_real_pictures(request, self.card), context)
        except TriptychError as error:
            return f"{type(error).__name__}: {error.message}"
        finally:
            self.emulator.requests.clear()
            self.emulator.served.clear()
        return _unlike(made, request, name)


async def _cells(card: ModelCard, desk: _Desk) -> Found:
    found: Found = {}
    for name, line in descriptors(card).items():
        assert isinstance(line, dict)
        if name == "prompt":
            found[name] = not await desk.fault(asked(card), name)
            continue
        feature = FEATURES.get(name, name)
        held = {
            str(value): not await desk.fault(asked(card, **{feature: value}), name)
            for value, native in tried(name, line)
            if native
        }
        if held:
            found[name] = (
                [word for word, good in held.items() if good] if line["type"] == "enum" else all(held.values())
            )
    return found


def _with_real_pictures(request: ImageRequest, card: ModelCard) -> ImageRequest:
    """Each picture of a size that every provider takes, and no two alike."""
    sides = ((as_count(card.extra.get("least_input_side")) or 64) + 2 * place for place in range(len(request.images)))
    images = tuple(laws.picture(one.role, side) for one, side in zip(request.images, sides, strict=True))
    return replace(request, images=images, mask=None if request.mask is None else laws.picture("edit", 64))


def _unlike(made: ImageResult, request: ImageRequest, name: str) -> str:
    """What the pictures have that was not asked for."""
    heads = [header(image.data) for image in made.images]
    if len(heads) != request.n or made.failures:
        return f"{len(heads)} pictures of {request.n}"
    shape = {"size": request.size, "aspect_ratio": request.aspect_ratio}.get(name)
    for head in heads:
        if isinstance(shape, Size | AspectRatio) and not _near(head.width / head.height, shape.width / shape.height):
            return f"{head.width} × {head.height} for {shape}"
        if name == "output_format" and head.media_type != f"image/{request.output_format}":
            return f"{head.media_type} for {request.output_format}"
    return ""


def _near(drawn: float, asked_for: float) -> bool:
    return abs(drawn / asked_for - 1) <= NEAR


def written(proof: Mapping[str, Any]) -> str:
    """As the file has it."""
    return json.dumps(proof, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    servers = Emulators()
    servers.start()
    try:
        PROVEN.write_text(written(asyncio.run(prove(servers, proven_cards()))), "utf-8")
    finally:
        servers.stop()
