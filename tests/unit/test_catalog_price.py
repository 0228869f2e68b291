"""Prices: the right line, exact sums, and never a zero that is not one."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.catalog.price import at_most, estimate, from_usage
from triptych.spec.image import FREE, UNKNOWN_COST, AspectRatio, Cost, ImageRequest, InputImage, Size, Turn, Usage
from triptych.spec.model import Capabilities, ModelCard, PriceLine, PriceUnit, SizeRule
from triptych.spec.price import delivered

CAPS = Capabilities(
    operations=("generate", "edit"), resolutions=("1k", "2k", "4k"), default_resolution="1k",
    qualities=("low", "high"), default_quality="low", max_images_per_call=2, max_input_images=3,
)  # fmt: skip
PICTURE = InputImage(b"x", "image/png", "00", 1, 1)


def line(unit: PriceUnit, micro_usd: str, **when: str) -> PriceLine:
    millionths = Fraction(micro_usd) * 1_000_000
    assert millionths.denominator == 1
    return PriceLine(unit=unit, micro_usd_per_million=int(millionths), when=when, source="list", as_of="2026-11-20")


def card(*prices: PriceLine, caps: Capabilities = CAPS, free: bool = False) -> ModelCard:
    return ModelCard(
        id="a/b", provider="a", provider_model_id="b", family="b", name="B", maker="M", lane="commercial",
        capabilities=caps, prices=prices, free=free,
    )  # fmt: skip


TABLE = card(
    line("image", "40000"),
    line("image", "90000", resolution="2k"),
    line("image", "120000", resolution="2k", quality="high"),
    line("image", "60000", quality="high"),
    line("input_image", "3000"),
)


@pytest.mark.parametrize(
    ("asked", "micro_usd"),
    [
        ({}, 40_000),
        ({"n": 3}, 120_000),
        ({"quality": "high"}, 60_000),
        ({"resolution": "2K"}, 90_000),
        ({"resolution": "2k", "quality": "high"}, 120_000),
        ({"size": Size(2048, 2048)}, 90_000),
        ({"resolution": "4k"}, 40_000),
        ({"images": (PICTURE,)}, 43_000),
        ({"images": (PICTURE,) * 5}, 49_000),  # what is left out is not paid for
        ({"images": (PICTURE,), "n": 4}, 166_000),  # two calls, each with the picture
    ],
)
def test_the_line_that_fits_best_is_taken(asked: dict[str, Any], micro_usd: int) -> None:
    cost = estimate(TABLE, replace(ImageRequest(prompt="x"), **asked))
    assert (cost.amount_micro_usd, cost.source) == (micro_usd, "table")


def test_what_nobody_knows_is_priced_at_the_dearest_line() -> None:
    caps = replace(CAPS, default_quality=None)
    open_quality = card(line("image", "11000", quality="low"), line("image", "170000", quality="high"), caps=caps)
    assert estimate(open_quality, ImageRequest(prompt="x")).amount_micro_usd == 170_000
    assert estimate(open_quality, ImageRequest(prompt="x", quality="auto")).amount_micro_usd == 170_000
    assert estimate(open_quality, ImageRequest(prompt="x", quality="low")).amount_micro_usd == 11_000
    # a word of another model that the adapter may translate
    assert estimate(open_quality, ImageRequest(prompt="x", quality="hd")).amount_micro_usd == 170_000


def test_a_limit_in_megapixels_takes_the_smallest_that_fits() -> None:
    caps = Capabilities(size_rule=SizeRule(multiple=16, max_side=4096))
    tiers = card(
        line("image", "45000", max_megapixels="2.61"), line("image", "20000", max_megapixels="1"),
        line("image", "90000"), caps=caps,
    )  # fmt: skip
    assert estimate(tiers, ImageRequest(prompt="x", size=Size(512, 512))).amount_micro_usd == 20_000
    assert estimate(tiers, ImageRequest(prompt="x", size=Size(1600, 1600))).amount_micro_usd == 45_000
    assert estimate(tiers, ImageRequest(prompt="x", size=Size(2048, 2048))).amount_micro_usd == 90_000


def test_megapixels_are_counted_at_the_size_that_is_sent() -> None:
    caps = Capabilities(size_rule=SizeRule(multiple=64, max_side=1024))
    by_area = card(line("megapixel", "25000"), caps=caps)
    assert estimate(by_area, ImageRequest(prompt="x", size=Size(4096, 4096))).amount_micro_usd == 26_214
    assert estimate(by_area, ImageRequest(prompt="x", aspect_ratio=AspectRatio(2, 1))).amount_micro_usd == 13_107


def test_unknown_is_not_zero_and_free_is_free() -> None:
    assert estimate(card(), ImageRequest(prompt="x")).amount_micro_usd is None
    assert estimate(card(), ImageRequest(prompt="x")).source == "unknown"
    only_4k = card(line("image", "1", resolution="4k"))
    assert estimate(only_4k, ImageRequest(prompt="x")).amount_micro_usd is None
    assert estimate(card(line("output_image_token", "60")), ImageRequest(prompt="x")).source == "unknown"
    free = estimate(card(free=True), ImageRequest(prompt="x", n=9))
    assert (free.amount_micro_usd, free.source) == (0, "free")


TOKENS = card(
    line("input_text_token", "0.5"), line("input_image_token", "1"),
    line("output_image_token", "60"), line("output_text_token", "3"),
)  # fmt: skip


def test_usage_times_rate() -> None:
    usage = Usage(input_text_tokens=12, output_tokens=1300, output_image_tokens=1290)
    cost = from_usage(TOKENS, usage, ImageRequest(prompt="x"))
    assert cost is not None
    assert (cost.amount_micro_usd, cost.source) == (6 + 77_400 + 30, "usage")


@pytest.mark.parametrize(
    ("usage", "images", "micro_usd"),
    [
        (Usage(input_tokens=10, output_tokens=100), 0, 6_005),
        (Usage(input_tokens=10, output_tokens=100), 1, None),  # text or picture? not to be told
        (Usage(input_tokens=10, input_image_tokens=8, output_tokens=100), 1, 6_009),
        (Usage(input_tokens=10, input_text_tokens=2, output_tokens=100), 1, 6_009),
        (Usage(output_tokens=100), 0, None),
        (Usage(input_tokens=10), 0, None),
        (Usage(), 0, None),
    ],
)
def test_usage_that_leaves_something_out_gives_no_cost(usage: Usage, images: int, micro_usd: int | None) -> None:
    cost = from_usage(TOKENS, usage, ImageRequest(prompt="x", images=(PICTURE,) * images))
    assert (cost.amount_micro_usd if cost else None) == micro_usd


def test_a_kind_of_token_without_a_rate_gives_no_cost() -> None:
    only_pictures = card(line("output_image_token", "60"))
    usage = Usage(input_text_tokens=5, output_tokens=100)
    assert from_usage(only_pictures, usage, ImageRequest(prompt="x")) is None


amounts = st.integers(min_value=1, max_value=10**12)


@given(per_million=amounts, n=st.integers(min_value=1, max_value=50))
def test_a_price_is_exact_half_up_and_never_zero(per_million: int, n: int) -> None:
    one = PriceLine(unit="image", micro_usd_per_million=per_million, source="l", as_of="2026-11-20")
    amount = estimate(card(one), ImageRequest(prompt="x", n=n)).amount_micro_usd
    assert amount is not None
    exact = Fraction(per_million * n, 1_000_000)
    assert amount >= 1
    assert abs(amount - exact) <= Fraction(1, 2) or amount == 1
    if exact % 1 == Fraction(1, 2):
        assert amount == exact + Fraction(1, 2)


@given(rates=st.lists(amounts, min_size=1, max_size=4), n=st.integers(min_value=1, max_value=9))
def test_more_pictures_never_cost_less(rates: list[int], n: int) -> None:
    lines = [
        PriceLine(unit="image", micro_usd_per_million=rate, when={"resolution": name}, source="l", as_of="2026-11-20")
        for rate, name in zip(rates, ("1k", "2k", "4k", "8k"), strict=False)
    ]
    few = estimate(card(*lines), ImageRequest(prompt="x", n=n)).amount_micro_usd
    more = estimate(card(*lines), ImageRequest(prompt="x", n=n + 1)).amount_micro_usd
    assert few is not None
    assert more is not None
    assert more >= few


def test_only_what_was_delivered_is_priced() -> None:
    assert delivered(TABLE, ImageRequest(prompt="x", n=4), 1).amount_micro_usd == 40_000


GROUPS = card(line("image", "35000"), line("input_image", "1000"), caps=replace(CAPS, pictures_option="group.most"))


@pytest.mark.parametrize(
    ("asked", "micro_usd"),
    [
        ({}, 35_000),
        ({"options": {"a": {"group": {"most": 4}}}}, 4 * 35_000),
        ({"options": {"a": {"group": {"most": 4}}}, "n": 3}, 2 * 4 * 35_000),  # two calls, each with a group
        ({"options": {"a": {"group": {"most": 4}}}, "images": (PICTURE,)}, 4 * 35_000 + 1_000),
        ({"options": {"a": {"group": {"most": 1}}}, "n": 2}, 2 * 35_000),
        ({"options": {"other": {"group": {"most": 4}}}}, 35_000),
        ({"options": {"a": {"seed": 7, "watermark": True}}}, 35_000),
        ({"options": {"a": {"gro": "auto", "group": {"most": 2}}}}, 2 * 35_000),  # the switch of that option
    ],
)
def test_a_group_is_priced_at_the_most_pictures_it_may_bring(asked: dict[str, Any], micro_usd: int) -> None:
    request = ImageRequest(prompt="x", **asked)
    assert estimate(GROUPS, request).amount_micro_usd == micro_usd
    assert delivered(GROUPS, replace(request, n=1, images=()), 2).amount_micro_usd == 70_000


@pytest.mark.parametrize(
    "options",
    [{"group": {"most": "4"}}, {"group": 4}, {"gro": "auto"}, {"group": {"most": 2, "size": "8k"}}, {"steps": 400}],
)
def test_an_option_that_nobody_knows_the_price_of_makes_the_price_unknown(options: dict[str, Any]) -> None:
    request = ImageRequest(prompt="x", options={"a": options})
    assert estimate(GROUPS, request) == delivered(GROUPS, request, 1) == UNKNOWN_COST
    assert estimate(GROUPS, ImageRequest(prompt="x", options={"b": options})).amount_micro_usd == 35_000
    assert estimate(replace(GROUPS, free=True), request).amount_micro_usd == 0


def test_what_is_held_covers_the_words_and_the_rounding_of_a_price_per_picture() -> None:
    request = ImageRequest(prompt="ä kettle", n=3)  # nine bytes, two calls
    plain, words = line("image", "40000"), line("input_text_token", "5")
    assert at_most(card(plain), request) == estimate(card(plain), request)
    more = 2 * 5 * (9 + 32)
    assert at_most(card(plain, words), request) == Cost(120_000 + more, "table")
    tokens = (plain, words, line("output_image_token", "30"))
    assert at_most(card(*tokens), request) == Cost(120_000 + more + 3 * 500, "table")
    assert at_most(card(*tokens, free=True), request) == FREE
    assert at_most(card(words), request) == UNKNOWN_COST


def test_what_is_held_covers_the_earlier_turns_that_this_endpoint_may_be_sent() -> None:
    def named(name: str) -> InputImage:
        return replace(PICTURE, sha256=name * 64)

    here, elsewhere = "a/b", "b/b"
    first = Turn(prompt="ä kettle", picture="i", answer=named("b"), endpoint=here, images=(named("a"), named("d")))
    second = Turn(prompt="by night", picture="j", answer=named("c"), endpoint=here, images=(named("b"),))
    request = ImageRequest(prompt="now blue", images=(named("c"),), turns=(first, second))
    lines = (line("image", "40000"), line("input_image", "1000"), line("input_text_token", "5"))
    one = card(*lines, caps=replace(CAPS, max_input_images=8))
    words = 5 * (9 + 8 + 8 + 3 * 32)
    assert estimate(one, request) == Cost(41_000, "table")
    assert at_most(one, request) == Cost(41_000 + words + 3 * 1000, "table")  # a, d and b besides c
    few = replace(one, capabilities=replace(one.capabilities, max_input_images=2))
    assert at_most(few, request) == Cost(41_000 + words + 1000, "table")
    others = replace(request, turns=tuple(replace(turn, endpoint=elsewhere) for turn in request.turns))
    assert at_most(one, others) == at_most(one, replace(request, turns=()))
