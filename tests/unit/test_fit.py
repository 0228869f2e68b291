"""Fitting a request to a card: what is sent is allowed, and what became of every wish is written down."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.provider_kit.fit import MASK_EMULATED, Fit, nearest_ratio, resolution_side, size_allowed, size_within
from triptych.spec.errors import BadRequestError
from triptych.spec.image import Adjustment, AspectRatio, ImageRequest, InputImage, Size, WeightedPart
from triptych.spec.model import Capabilities, ModelCard, SizeRule


def card(caps: Capabilities | None = None) -> ModelCard:
    return ModelCard(
        id="a/b", provider="a", provider_model_id="b", family="b", name="B", maker="M", lane="commercial",
        capabilities=caps or Capabilities(),
    )  # fmt: skip


def picture(role: str = "edit") -> InputImage:
    return InputImage(b"x", "image/png", "00", 1, 1, role)  # type: ignore[arg-type]


def said(fit: Fit, feature: str) -> Adjustment:
    return next(entry for entry in fit.done() if entry.feature == feature)


@st.composite
def rules(draw: st.DrawFn) -> SizeRule:
    step = draw(st.sampled_from([1, 8, 16, 32, 64]))
    low = draw(st.integers(min_value=1, max_value=8)) * 64
    high = draw(st.integers(min_value=low // 64 + 1, max_value=32)) * 64
    ratio = draw(st.sampled_from([1.5, 2.0, 3.0, 16.0]))
    short = draw(st.sampled_from([1 << 16, max(low + 64, high // 2), high]))
    square = (draw(st.integers(min_value=low // 64, max_value=min(high, short) // 64)) * 64) ** 2  # one that is allowed
    return SizeRule(
        multiple=step, min_side=low, max_side=high, max_short_side=short,
        min_pixels=draw(st.integers(min_value=0, max_value=square)),
        max_pixels=draw(st.integers(min_value=square, max_value=square * 8)),
        min_ratio=1 / ratio, max_ratio=ratio,
    )  # fmt: skip


ratios = st.builds(AspectRatio, st.integers(min_value=1, max_value=32), st.integers(min_value=1, max_value=32))


@settings(max_examples=60, deadline=None)
@given(rule=rules(), ratio=ratios, pixels=st.integers(min_value=1, max_value=1 << 24))
def test_a_size_from_a_rule_is_always_allowed_by_it(rule: SizeRule, ratio: AspectRatio, pixels: int) -> None:
    assert size_allowed(rule, size_within(rule, ratio, pixels))


@pytest.mark.parametrize(
    ("ratio", "pixels", "size"),
    [
        ("1:1", 1024 * 1024, "1024x1024"),
        ("4:5", 2048 * 2048, "1832x2290"),
        ("16:9", 1 << 20, "1367x769"),
        ("1:100", 1 << 20, "256x4096"),
        ("1:1", 1 << 40, "4096x4096"),
        ("1:1", 1, "64x64"),
    ],
)
def test_a_size_keeps_the_shape_and_about_the_area(ratio: str, pixels: int, size: str) -> None:
    assert str(size_within(SizeRule(max_pixels=1 << 30), AspectRatio.parse(ratio), pixels)) == size


def test_the_shorter_side_has_a_limit_of_its_own() -> None:
    rule = SizeRule(multiple=16, min_side=256, max_side=3840, max_short_side=2160, max_pixels=3840 * 2160)
    for text in ("3840x2160", "2160x3840", "2160x2160"):
        assert size_allowed(rule, Size.parse(text))
    assert not size_allowed(rule, Size(2880, 2880))
    made = [str(size_within(rule, AspectRatio.parse(text), 1 << 24)) for text in ("1:1", "16:9", "9:16", "4:3")]
    assert made == ["2160x2160", "3840x2160", "2160x3840", "2880x2160"]


def test_a_rule_that_allows_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="allows no size"):
        size_within(SizeRule(multiple=1000, min_side=100, max_side=900), AspectRatio(1, 1), 1 << 20)


@given(wanted=ratios)
def test_the_nearest_ratio_is_nearest_both_ways(wanted: AspectRatio) -> None:
    allowed = ("1:2", "2:3", "1:1", "3:2", "2:1")
    there = nearest_ratio(wanted, allowed)
    back = nearest_ratio(AspectRatio(wanted.height, wanted.width), tuple(reversed(allowed)))
    distance = abs(math.log(there.value / wanted.value))
    assert math.isclose(distance, abs(math.log(back.value * wanted.value)), abs_tol=1e-9)
    assert all(distance <= abs(math.log(AspectRatio.parse(text).value / wanted.value)) + 1e-9 for text in allowed)


def test_everything_asked_for_is_in_the_record_even_when_nobody_took_it() -> None:
    request = ImageRequest(
        prompt="x", n=2, size=Size(64, 64), seed=7, quality="high", output_format="webp", previews=2, user="u",
        parts=(WeightedPart("a", 2.0),), knobs={"stylize": 300, "raw": True},
    )  # fmt: skip
    records = {entry.feature: entry for entry in Fit(request, card()).done()}
    assert set(records) == request.features()
    assert records["output_format"].kind == "emulated"
    assert {records[name].kind for name in ("size", "seed", "quality", "previews", "stylize", "raw")} == {"unsupported"}
    assert records["stylize"].detail == "this model has no --stylize"


def test_the_prompt_is_byte_identical_and_a_negative_prompt_is_said() -> None:
    request = ImageRequest(prompt=" two  spaces\n", negative_prompt="text")
    assert Fit(replace(request, negative_prompt=None), card()).prompt() == " two  spaces\n"
    fit = Fit(request, card())
    assert fit.prompt() == " two  spaces\n\n\nAvoid: text."
    assert said(fit, "negative_prompt").kind == "emulated"
    able = Fit(request, card(Capabilities(negative_prompt=True)))
    assert (able.prompt(), able.negative_prompt()) == (" two  spaces\n", "text")
    assert said(able, "negative_prompt").kind == "native"


def test_a_prompt_over_the_limit_is_refused_with_both_numbers() -> None:
    with pytest.raises(BadRequestError, match=r"5 characters; B takes 4") as caught:
        Fit(ImageRequest(prompt="12345"), card(Capabilities(max_prompt_chars=4))).prompt()
    assert caught.value.param == "prompt"


def test_a_seed_goes_only_where_it_is_taken() -> None:
    request = ImageRequest(prompt="x", seed=0)
    able, unable = Fit(request, card(Capabilities(seed=True))), Fit(request, card())
    assert (able.seed(), unable.seed()) == (0, None)
    assert (said(able, "seed").kind, said(unable, "seed").kind) == ("native", "unsupported")


def test_more_pictures_than_one_call_makes_are_refused() -> None:
    with pytest.raises(BadRequestError) as caught:
        Fit(ImageRequest(prompt="x", n=2), card()).count()
    assert caught.value.param == "n"
    assert Fit(ImageRequest(prompt="x", n=2), card(Capabilities(max_images_per_call=4))).count() == 2


def test_a_choice_is_taken_translated_or_reported() -> None:
    allowed = ("low", "high")
    for asked, sent, kind in (("high", "high", "native"), ("hd", "high", "adjusted"), ("max", None, "unsupported")):
        fit = Fit(ImageRequest(prompt="x", quality=asked), card())
        assert fit.choice("quality", allowed, {"hd": "high"}) == sent
        assert said(fit, "quality").kind == kind
    assert Fit(ImageRequest(prompt="x"), card()).choice("quality", allowed) is None


SHAPES = card(Capabilities(aspect_ratios=("1:1", "4:5", "16:9"), resolutions=("1k", "2k")))


@pytest.mark.parametrize(
    ("request_", "ratio", "kinds"),
    [
        (ImageRequest(prompt="x", aspect_ratio=AspectRatio(8, 10)), "4:5", {"aspect_ratio": "native"}),
        (ImageRequest(prompt="x", aspect_ratio=AspectRatio(3, 4)), "4:5", {"aspect_ratio": "adjusted"}),
        (ImageRequest(prompt="x", size=Size(1920, 1080)), "16:9", {"size": "adjusted"}),
    ],
)
def test_a_shape_is_the_nearest_on_offer(request_: ImageRequest, ratio: str, kinds: dict[str, str]) -> None:
    fit = Fit(request_, SHAPES)
    assert str(fit.aspect_ratio()) == ratio
    assert {entry.feature: entry.kind for entry in fit.done()} == kinds


def test_a_size_class_is_as_asked_or_covers_the_size() -> None:
    for request, sent in (
        (ImageRequest(prompt="x", resolution="2K"), "2k"),
        (ImageRequest(prompt="x", resolution="4k"), "2k"),
        (ImageRequest(prompt="x", size=Size(1600, 1200)), "2k"),
        (ImageRequest(prompt="x", size=Size(800, 800)), "1k"),
        (ImageRequest(prompt="x"), None),
    ):
        assert Fit(request, SHAPES).resolution() == sent
    fit = Fit(ImageRequest(prompt="x", resolution="4k"), SHAPES)
    fit.resolution()
    assert said(fit, "resolution").detail == "asked for 4k, sent 2k"


LISTED = card(Capabilities(sizes=("1024x1024", "1536x1024", "1024x1536")))


def test_a_listed_size_is_the_nearest_shape() -> None:
    fit = Fit(ImageRequest(prompt="x", aspect_ratio=AspectRatio(3, 2)), LISTED)
    assert str(fit.size()) == "1536x1024"
    assert said(fit, "aspect_ratio").kind == "native"
    fit = Fit(ImageRequest(prompt="x", size=Size(512, 512)), LISTED)
    assert str(fit.size()) == "1024x1024"
    assert said(fit, "size").detail == "asked for 512x512, sent 1024x1024"
    assert Fit(ImageRequest(prompt="x"), LISTED).size(default=Size(1, 1)) == Size(1, 1)


def test_a_size_class_that_is_not_reached_is_said() -> None:
    near, far = (Fit(ImageRequest(prompt="x", resolution=name), LISTED) for name in ("1k", "4k"))
    assert str(near.size()) == str(far.size()) == "1024x1024"
    assert (said(near, "resolution").kind, said(far, "resolution").kind) == ("native", "adjusted")


def test_a_size_class_beside_a_pixel_size_decides_nothing_and_says_so() -> None:
    fit = Fit(ImageRequest(prompt="x", size=Size(1024, 1024), resolution="1k"), LISTED)
    fit.size()
    assert said(fit, "size").kind == "native"
    assert said(fit, "resolution").kind == "adjusted"
    assert "the pixel size decides" in said(fit, "resolution").detail


def test_a_size_within_a_rule_is_sent_as_asked() -> None:
    ruled = card(Capabilities(size_rule=SizeRule(multiple=16, max_side=2048), sizes=("1024x1024",)))
    fit = Fit(ImageRequest(prompt="x", size=Size(1600, 800)), ruled)
    assert fit.size() == Size(1600, 800)
    assert said(fit, "size").kind == "native"
    assert Fit(ImageRequest(prompt="x", size=Size(1600, 800)), card()).size() is None


def test_pictures_over_the_limit_are_left_out_aloud_and_the_edited_one_stays() -> None:
    request = ImageRequest(prompt="x", images=(picture("style"), picture("subject"), picture("edit")))
    fit = Fit(request, card(Capabilities(max_input_images=2)))
    assert [image.role for image in fit.images()] == ["edit", "subject"]
    assert said(fit, "images").detail == "2 of 3 pictures sent; left out: @img1 (style)"
    roles = said(fit, "roles")
    assert (roles.kind, roles.detail) == (
        "unsupported", "no field says what a picture is for: @img2 (subject) goes without it"
    )  # fmt: skip


def test_a_picture_to_edit_needs_no_word_about_its_role() -> None:
    fit = Fit(ImageRequest(prompt="x", images=(picture(),)), card(Capabilities(max_input_images=2)))
    fit.images()
    assert [entry.feature for entry in fit.done()] == ["images"]


def test_a_model_without_input_or_mask_refuses_both() -> None:
    with pytest.raises(BadRequestError) as caught:
        Fit(ImageRequest(prompt="x", images=(picture(),)), card()).images()
    assert caught.value.param == "image"
    with pytest.raises(BadRequestError) as caught:
        Fit(ImageRequest(prompt="x", images=(picture(),), mask=picture()), card()).mask()
    assert caught.value.param == "mask"


def test_a_model_that_edits_without_masks_gets_the_picture_whole() -> None:
    fit = Fit(ImageRequest(prompt="x", images=(picture(),), mask=picture()), card(Capabilities(max_input_images=1)))
    assert fit.mask() is None
    assert len(fit.images()) == 1
    assert said(fit, "mask").kind == "emulated"
    assert said(fit, "mask").detail == MASK_EMULATED


def test_a_class_nobody_knows_counts_as_1k() -> None:
    assert (resolution_side("4K"), resolution_side("huge")) == (4096, 1024)


def test_a_picture_that_is_changed_keeps_its_shape_where_only_a_class_is_asked_for() -> None:
    wide = replace(picture(), width=1600, height=800)
    caps = Capabilities(max_input_images=2, size_rule=SizeRule(multiple=16, min_side=256, max_side=2048))
    asked = ImageRequest(prompt="x", images=(wide,), resolution="1k")
    size = Fit(asked, card(caps)).size()
    assert size is not None
    assert size.width == 2 * size.height
    reference = replace(asked, images=(replace(wide, role="style"),))
    assert Fit(reference, card(caps)).size() == Size(1024, 1024)
    fit = Fit(replace(asked, resolution=None), card(caps))
    assert fit.followed() == size
    assert said(fit, "size").detail == f"the picture has 1600x800, sent {size}"
    assert Fit(replace(reference, resolution=None), card(caps)).followed() is None
