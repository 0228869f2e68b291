"""The painters as models: deterministic, true to the words, honest about every feature, exact about masks."""

import asyncio
import hashlib
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from triptych.catalog.load import load_cards
from triptych.providers.demo import painters
from triptych.providers.demo.model import PaintedModel
from triptych.spec.errors import BadRequestError, ExpiredError, HostileContentError, ProviderFailedError, SettingsError
from triptych.spec.image import AspectRatio, ImageRequest, ImageResult, InputImage, Role, Size, WeightedPart
from triptych.spec.model import CallContext, CallEvent, ImageModel, JobHandle, Progress, Sent

NAMES = ("aurora", "woodcut", "mosaic")
SMALL = Size(120, 150)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


def model(name: str, clock: Clock | None = None) -> ImageModel:
    return next(m for m in painters(load_cards(), clock or Clock()) if m.card.id == f"demo/{name}")


async def make(
    name: str,
    request: ImageRequest,
    events: list[CallEvent] | None = None,
    clock: Clock | None = None,
    deadline: float = 1e9,
) -> ImageResult:
    told: list[CallEvent] = [] if events is None else events

    async def tell(event: CallEvent) -> None:
        told.append(event)

    return await model(name, clock).generate(request, CallContext(call_id="c", deadline=deadline, tell=tell))


def ask(prompt: str, **more: Any) -> ImageRequest:
    return ImageRequest(prompt=prompt, **({"size": SMALL} | more))


def pixels(data: bytes) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    return np.asarray(Image.open(io.BytesIO(data)))


def given(pixel: "np.ndarray[Any, np.dtype[np.uint8]]", role: Role = "edit") -> InputImage:
    out = io.BytesIO()
    Image.fromarray(pixel).save(out, "PNG")
    data = out.getvalue()
    return InputImage(
        data=data,
        media_type="image/png",
        sha256=hashlib.sha256(data).hexdigest(),
        width=pixel.shape[1],
        height=pixel.shape[0],
        role=role,
    )


def some_picture(width: int = 140, height: int = 100) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1).astype(np.uint8)


def a_mask(width: int, height: int) -> InputImage:
    sheet = np.full((height, width, 4), 255, np.uint8)
    sheet[20:80, 40:110, 3] = 0
    return given(sheet)


def test_the_cards_are_honest() -> None:
    made = painters(load_cards(), Clock())
    assert [m.card.provider_model_id for m in made] == list(NAMES)
    for m in made:
        assert (m.card.lane, m.card.free, m.card.is_ai) == ("local", True, False)
        assert m.card.note is not None
        assert m.card.note.startswith("Procedural, not an AI model")


def test_a_card_without_a_painter_is_an_error() -> None:
    (card, *_) = (c for c in load_cards() if c.provider == "demo")
    wrong = type(card)(**{f: getattr(card, f) for f in card.__slots__} | {"provider_model_id": "fresco"})
    with pytest.raises(SettingsError, match="no painter 'fresco'"):
        painters([wrong], Clock())


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_words_and_seed_give_the_same_bytes(name: str) -> None:
    one, two = await make(name, ask("a red boat, dusk", seed=7)), await make(name, ask("a red boat, dusk", seed=7))
    other = await make(name, ask("a red boat, dusk", seed=8))
    assert one.images[0].data == two.images[0].data != other.images[0].data
    assert one.images[0].seed == 7
    assert (one.billed, one.cost.amount_micro_usd, one.cost.source) == ("no", 0, "free")


async def test_without_a_seed_the_words_decide_and_the_seed_is_told() -> None:
    one = await make("aurora", ask("a cat"))
    seed = one.images[0].seed
    assert seed is not None
    assert (await make("aurora", ask("a cat"))).images[0].data == one.images[0].data
    assert (await make("aurora", ask("a cat", seed=seed))).images[0].data == one.images[0].data


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", ["64x64", "64x1024", "1024x64", "333x77", "150x201"])
async def test_any_size_is_exact(name: str, size: str) -> None:
    result = await make(
        name, ask("two birds over a snowy mountain in the rain, fog, night city", size=Size.parse(size))
    )
    assert pixels(result.images[0].data).shape == (Size.parse(size).height, Size.parse(size).width, 3)
    assert [(a.feature, a.kind) for a in result.adjustments] == [("size", "native")]


@pytest.mark.parametrize(
    ("ratio", "size"), [("4:5", "896x1120"), ("1:1", "1024x1024"), ("16:9", "1280x720"), ("3:2", "1248x832")]
)
def test_a_ratio_becomes_exactly_that_shape(ratio: str, size: str) -> None:
    (note,) = model("aurora").plan(ImageRequest(prompt="x", aspect_ratio=AspectRatio.parse(ratio)))
    assert (note.feature, note.kind, note.detail) == ("aspect_ratio", "native", f"painted as {size}")


async def test_a_ratio_of_small_pictures_is_painted_as_planned() -> None:
    result = await make("mosaic", ImageRequest(prompt="a cup", aspect_ratio=AspectRatio(4, 5), resolution="512"))
    assert pixels(result.images[0].data).shape == (560, 448, 3)


def test_large_pictures_are_said_to_be_enlarged() -> None:
    (note,) = model("mosaic").plan(ImageRequest(prompt="x", size=Size(4096, 4096)))
    assert (note.kind, note.detail) == ("emulated", "4096x4096, painted at 5 megapixels and enlarged")


@pytest.mark.parametrize("name", NAMES)
async def test_colour_words_are_followed(name: str) -> None:
    means = {}
    for colour in ("crimson", "emerald", "cobalt"):
        image = pixels((await make(name, ask(f"landscape at noon, {colour}"))).images[0].data)
        means[colour] = image[: image.shape[0] // 2].reshape(-1, 3).mean(axis=0)
    assert means["crimson"][0] - means["crimson"][2] > max(means[c][0] - means[c][2] for c in ("emerald", "cobalt"))
    assert means["cobalt"][2] - means["cobalt"][1] > max(means[c][2] - means[c][1] for c in ("emerald", "crimson"))
    assert means["emerald"][1] - means["emerald"][0] > max(means[c][1] - means[c][0] for c in ("crimson",))


@pytest.mark.parametrize("name", NAMES)
async def test_night_is_darker_than_noon(name: str) -> None:
    noon, night = [
        pixels((await make(name, ask(f"a boat, {hour}"))).images[0].data).mean() for hour in ("noon", "night")
    ]
    assert night < noon * 0.75


@pytest.mark.parametrize("name", NAMES)
async def test_left_is_left(name: str) -> None:
    shares = {}
    for side in ("left", "right"):
        image = pixels(
            (await make(name, ask(f"a scarlet kite on the {side}, blue sky, noon", size=Size(240, 150)))).images[0].data
        ).astype(int)
        red = np.clip(image[..., 0] - np.maximum(image[..., 1], image[..., 2]), 0, None)
        red[red < 40] = 0
        red[:, -60:] *= np.where(np.arange(150) > 110, 0, 1)[:, None]  # the woodcut's seal
        shares[side] = red[:, :120].sum() / max(red.sum(), 1)
    assert shares["left"] > 0.9
    assert shares["right"] < 0.1


async def test_three_painters_have_three_hands() -> None:
    sheets = [pixels((await make(name, ask("a kettle, dawn"))).images[0].data).astype(float) for name in NAMES]
    for i in range(3):
        assert np.abs(sheets[i] - sheets[i - 1]).mean() > 15


@pytest.mark.parametrize("name", NAMES)
async def test_steps_are_told_with_previews(name: str) -> None:
    events: list[CallEvent] = []
    clock = Clock()
    result = await make(name, ask("a tree", previews=2, size=Size(400, 300)), events, clock)
    sent, *rest = events
    assert isinstance(sent, Sent)
    assert (sent.wire.method, sent.wire.url) == ("PAINT", f"demo:{name}")
    assert sent.wire.body is not None
    assert sent.wire.body_sha256 == hashlib.sha256(sent.wire.body.encode()).hexdigest()
    assert json.loads(sent.wire.body)["prompt"] == "a tree"
    steps = [e for e in rest if isinstance(e, Progress)]
    fractions = [e.fraction or 0.0 for e in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    shown = [e.preview for e in steps if e.preview]
    assert 8 <= len(shown) <= 12
    assert len(set(shown)) > 5
    with Image.open(io.BytesIO(shown[-1])) as small:
        assert (small.format, max(small.size)) == ("WEBP", 320)
    assert 0.5 < clock.seconds < 2.0
    assert [(a.feature, a.kind) for a in result.adjustments] == [("previews", "native"), ("size", "native")]


async def test_no_previews_unless_asked_for() -> None:
    events: list[CallEvent] = []
    await make("woodcut", ask("a tree"), events)
    assert not any(isinstance(e, Progress) and e.preview for e in events)


async def test_several_pictures_count_their_seeds_and_share_the_bar() -> None:
    events: list[CallEvent] = []
    result = await make("aurora", ask("a fox", n=3, seed=10), events)
    assert [i.seed for i in result.images] == [10, 11, 12]
    assert len({i.data for i in result.images}) == 3
    assert (await make("aurora", ask("a fox", seed=11))).images[0].data == result.images[1].data
    with pytest.raises(BadRequestError, match="makes 4 per call"):
        await make("aurora", ask("a fox", n=5))


async def test_formats() -> None:
    for name, kind in (("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")):
        result = await make("aurora", ask("a cup", output_format=name, output_compression=60))
        assert Image.open(io.BytesIO(result.images[0].data)).format == kind
        assert result.images[0].media_type == f"image/{name}"
        told = {a.feature: a.kind for a in result.adjustments}
        assert told["output_compression"] == ("unsupported" if name == "png" else "native")


def test_every_feature_is_accounted_for() -> None:
    request = ask(
        "a cup", quality="high", background="transparent", moderation="low", user="me", input_fidelity="high",
        negative_prompt="fog", parts=(WeightedPart("a cup", 2), WeightedPart("moon", -0.5)),
        knobs={"stylize": 5000, "chaos": 10, "weird": 3, "tile": True, "raw": True, "sw": 3, "iw": 1},
    )  # fmt: skip
    told = {a.feature: a.kind for a in model("mosaic").plan(request)}
    assert set(told) == request.features()
    assert {f for f, kind in told.items() if kind == "unsupported"} == {
        "quality",
        "background",
        "moderation",
        "user",
        "input_fidelity",
        "tile",
        "raw",
        "sw",
        "iw",
    }
    assert (told["stylize"], told["chaos"], told["negative_prompt"], told["parts"]) == (
        "adjusted",
        "native",
        "native",
        "emulated",
    )


@pytest.mark.parametrize("value", ["much", True, float("nan")])
def test_a_knob_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(BadRequestError, match="stylize is a number from 0 to 1000") as caught:
        model("aurora").plan(ask("a cup", knobs={"stylize": value}))
    assert caught.value.param == "stylize"


@pytest.mark.parametrize("name", NAMES)
async def test_knobs_are_seen_in_the_picture(name: str) -> None:
    plain = (await make(name, ask("a vase", seed=3))).images[0].data
    for knob, value in (("stylize", 900), ("chaos", 100), ("weird", 2500)):
        assert (await make(name, ask("a vase", seed=3, knobs={knob: value}))).images[0].data != plain, knob


@pytest.mark.parametrize("name", NAMES)
async def test_an_edit_keeps_size_and_forms_and_takes_the_colours(name: str) -> None:
    source = np.full((100, 140, 3), 235, np.uint8)
    source[30:70, 50:90] = 30
    red, blue = [
        pixels((await make(name, ImageRequest(prompt=words, images=(given(source),)))).images[0].data).astype(float)
        for words in ("crimson, dusk", "cobalt, noon")
    ]
    assert red.shape == (100, 140, 3)
    assert red[40:60, 60:80].mean() < red[5:25, 5:25].mean() - 40
    assert (red[..., 0] - red[..., 2]).mean() > (blue[..., 0] - blue[..., 2]).mean() + 10


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prompt", ["emerald night", "a red balloon"])
async def test_outside_the_mask_every_pixel_stays(name: str, prompt: str) -> None:
    source = some_picture()
    for kind in ("png", "webp"):
        result = await make(
            name, ImageRequest(prompt=prompt, images=(given(source),), mask=a_mask(140, 100), output_format=kind)
        )
        made = pixels(result.images[0].data)
        outside = np.ones((100, 140), bool)
        outside[20:80, 40:110] = False
        assert (made[outside] == source[outside]).all()
        assert np.abs(made[~outside].astype(int) - source[~outside]).mean() > 8


async def test_a_masked_edit_of_a_transparent_picture() -> None:
    source = np.dstack([some_picture(), np.full((100, 140), 90, np.uint8)])
    made = pixels(
        (await make("aurora", ImageRequest(prompt="violet", images=(given(source),), mask=a_mask(140, 100))))
        .images[0]
        .data
    )
    assert made.shape == (100, 140, 4)
    assert (made[:20] == source[:20]).all()


async def test_an_edit_at_another_size() -> None:
    request = ask(
        "violet", images=(given(some_picture()),), mask=a_mask(140, 100), size=Size(70, 100), output_format="jpeg"
    )
    result = await make("woodcut", request)
    assert pixels(result.images[0].data).shape == (100, 70, 3)
    assert {a.feature: a.kind for a in result.adjustments}["mask"] == "adjusted"


async def test_references_tint_the_palette() -> None:
    sheet = np.zeros((60, 60, 3), np.uint8)
    sheet[..., 0] = 220
    plain, tinted = [
        pixels((await make("aurora", ask("a tree at noon", **more))).images[0].data).astype(float)
        for more in ({}, {"images": (given(sheet, "style"),)})
    ]
    assert tinted.shape == plain.shape
    assert (tinted[..., 0] - tinted[..., 2]).mean() > (plain[..., 0] - plain[..., 2]).mean() + 15


async def test_bad_pictures_are_refused() -> None:
    fine = given(some_picture())
    with pytest.raises(BadRequestError, match="needs the picture") as caught:
        await make("aurora", ask("x", mask=a_mask(140, 100)))
    assert caught.value.param == "mask"
    with pytest.raises(BadRequestError, match="12x12 pixels"):
        await make("aurora", ImageRequest(prompt="x", images=(given(np.zeros((12, 12, 3), np.uint8)),)))
    broken = InputImage(data=b"<svg></svg>", media_type="image/png", sha256="0", width=1, height=1)
    with pytest.raises(HostileContentError, match="SVG"):
        await make("aurora", ImageRequest(prompt="x", images=(broken,)))
    with pytest.raises(HostileContentError):
        await make("aurora", ImageRequest(prompt="x", images=(fine,), mask=broken))


async def test_the_deadline_ends_the_work_unbilled() -> None:
    with pytest.raises(ProviderFailedError, match="not finished in the time") as caught:
        await make("mosaic", ask("a cup"), clock=Clock(), deadline=0.3)
    assert caught.value.billed == "no"


async def test_a_cancelled_call_ends_between_steps() -> None:
    events: list[CallEvent] = []
    job = asyncio.create_task(make("aurora", ask("a cup"), events))
    while not any(isinstance(e, Progress) for e in events):
        await asyncio.sleep(0.001)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not any(isinstance(e, Progress) and e.fraction == 1.0 for e in events)


async def test_there_are_no_jobs_and_nothing_to_set_up() -> None:
    painter = model("aurora")
    assert isinstance(painter, PaintedModel)
    handle = JobHandle(provider="demo", endpoint="demo/aurora", job_id="1", state={})
    assert await painter.cancel(handle) is False
    with pytest.raises(ExpiredError):
        await painter.resume(handle, ask("x"), CallContext(call_id="c", deadline=1.0, tell=lambda _e: asyncio.sleep(0)))
    answer = await painter.check()
    assert (answer.ok, answer.message) == (True, "Works offline; nothing to set up.")


async def test_what_was_understood_is_told() -> None:
    image = (await make("aurora", ask("a red boat in the rain, dusk"))).images[0]
    assert image.metadata == {"hour": "dusk", "ground": "water", "things": ["boat"], "weather": ["rain"]}
