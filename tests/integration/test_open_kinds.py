"""Every kind of open model that is offered, by the real way: a tiny one with random weights is loaded from the disk, drawn with and watched;
and the law of models that are no adapters: what a plan calls native changes the picture, what it calls unsupported does not."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from tests.integration.tiny_models import CALM, kinds_folder, needed
from tests.unit.adapter_kit import picture, png

from triptych.imaging.diffusion.easel import Easel
from triptych.imaging.diffusion.folder import read_folder
from triptych.imaging.diffusion.kinds import KINDS
from triptych.providers.local import LocalModel, local_card
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError
from triptych.spec.image import ImageRequest, ImageResult, Size
from triptych.spec.model import CallContext, CallEvent, Progress, Sent

pytestmark = [needed, pytest.mark.asyncio(loop_scope="module")]
PLAIN = ImageRequest(prompt="a fox", seed=7, size=Size(64, 64), options={"local": {"steps": 2, "guidance": 9.0}})
SOURCE = picture(png("RGB", (200, 30, 30), (64, 64)))
HALF = picture(png("RGBA", (0, 0, 0, 0), (64, 64)))
WISHES: dict[str, dict[str, Any]] = {
    "negative_prompt": {"negative_prompt": "snow and rain, by night"}, "seed": {"seed": 8}, "size": {"size": Size(64, 96)},
    "quality": {"quality": "high"}, "background": {"background": "transparent"}, "stylize": {"knobs": {"stylize": 300}},
}  # fmt: skip
"""What may be asked for beside the prompt, and how."""


class Drawn:
    """Draws, and keeps what was told."""

    def __init__(self, easel: Easel, kind: str) -> None:
        self.model = read_folder(kinds_folder() / kind)
        self.told: list[CallEvent] = []
        self.local = LocalModel(local_card(self.model), self.model, easel, SystemClock())

    async def __call__(self, request: ImageRequest) -> ImageResult:
        self.told.clear()

        async def tell(event: CallEvent) -> None:
            self.told.append(event)

        context = CallContext(call_id="1", deadline=self.local.clock.monotonic() + 100, tell=tell)
        return await self.local.generate(request, context)

    async def one(self, request: ImageRequest) -> bytes:
        (made,) = (await self(request)).images
        return made.data

    def became(self, request: ImageRequest) -> dict[str, str]:
        return {one.feature: one.kind for one in self.local.plan(request)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def easel() -> AsyncIterator[Easel]:
    """One process for all of them: it loads PyTorch once."""
    made = Easel(CALM)
    yield made
    await made.aclose()


async def law(drawn: Drawn, plain: ImageRequest, wishes: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Raises AssertionError where what a plan says of a wish is not what becomes of it; says what each becomes. What is not supported is
    wished for all at once: together it changes nothing either."""
    before = await drawn.one(plain)
    kinds = {feature: drawn.became(replace(plain, **fields))[feature] for feature, fields in wishes.items()}
    nothing: dict[str, Any] = {}
    for feature, fields in wishes.items():
        if kinds[feature] == "unsupported":
            nothing |= fields
        else:
            assert await drawn.one(replace(plain, **fields)) != before, (drawn.model.pipeline, feature, kinds[feature])
    assert await drawn.one(replace(plain, **nothing)) == before, (drawn.model.pipeline, sorted(nothing))
    return kinds


async def seen(drawn: Drawn) -> None:
    """Previews come where the card has them, and nowhere else."""
    made = await drawn(replace(PLAIN, previews=1))
    shown = [one.preview for one in drawn.told if isinstance(one, Progress) and one.preview is not None]
    (told,) = [one.kind for one in made.adjustments if one.feature == "previews"]
    assert (told, bool(shown)) == (
        ("native", True) if drawn.local.card.capabilities.previews else ("unsupported", False)
    )
    assert all(Image.open(io.BytesIO(one)).format == "WEBP" for one in shown)


async def edited(drawn: Drawn) -> None:
    """A picture and a mask change what comes, and how much of it is changed is told to the record."""
    kind = drawn.model.kind
    plain = replace(PLAIN, images=(SOURCE,), options={"local": {"steps": 4, "strength": 0.5}})
    pictures = [await drawn.one(PLAIN), await drawn.one(plain)]
    if kind.masks:
        pictures.append(await drawn.one(replace(plain, mask=HALF)))
    assert len(set(pictures)) == len(pictures), drawn.model.pipeline
    sizes = {Image.open(io.BytesIO(one)).size for one in pictures}
    assert sizes == {(64, 64)}, drawn.model.pipeline


@pytest.mark.parametrize("name", KINDS)
async def test_every_kind_does_what_it_says(easel: Easel, name: str) -> None:
    drawn, kind = Drawn(easel, name), KINDS[name]
    can = drawn.local.card.capabilities
    became = await law(drawn, PLAIN, WISHES)
    assert (became["negative_prompt"] == "native") == can.negative_prompt == (kind.negative_above is not None)
    assert (became["seed"], became["size"], became["stylize"]) == ("native", "native", "unsupported")
    await seen(drawn)
    assert can.operations == (("generate", "edit") if kind.edits else ("generate",))
    if kind.edits:
        await edited(drawn)


async def test_without_guidance_a_negative_prompt_is_read_by_none(easel: Easel) -> None:
    for name in ("StableDiffusionPipeline", "ZImagePipeline"):
        drawn = Drawn(easel, name)
        for guidance, kind in ((0.0, "unsupported"), (0.5, "native" if name == "ZImagePipeline" else "unsupported")):
            plain = replace(PLAIN, options={"local": {"steps": 2, "guidance": guidance}})
            assert await law(drawn, plain, {"negative_prompt": WISHES["negative_prompt"]}) == {"negative_prompt": kind}
            if kind == "unsupported":
                told = (await drawn(replace(plain, negative_prompt="snow"))).adjustments
                assert any("only with a guidance above" in one.detail for one in told)
        sent = next(one for one in drawn.told if isinstance(one, Sent))
        assert "snow" not in (sent.wire.body or "") or name == "ZImagePipeline"


async def test_steps_that_are_too_few_for_a_strength_are_named_before_anything_is_drawn(easel: Easel) -> None:
    for name, steps, strength, least in (("StableDiffusionPipeline", 2, 0.4, 0.5), ("FluxPipeline", 3, 0.3, 0.34),
                                         ("LatentConsistencyModelPipeline", 8, 0.15, 0.16)):  # fmt: skip
        drawn = Drawn(easel, name)
        asked = replace(PLAIN, images=(SOURCE,), options={"local": {"steps": steps, "strength": strength}})
        with pytest.raises(BadRequestError, match="would change nothing of the picture") as raised:
            await drawn(asked)
        assert (raised.value.param, f"to {least:g} or more" in (raised.value.hint or "")) == (
            "options.local.strength",
            True,
        )
        assert not drawn.told
        await drawn(replace(asked, options={"local": {"steps": steps, "strength": least}}))
