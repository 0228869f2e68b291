"""What a draft is for each model: by the cards that ship, and by made-up ones at the edges of the rule."""

from dataclasses import replace

import pytest

from triptych.catalog import load_cards
from triptych.catalog.price import estimate
from triptych.router.parts import price_of
from triptych.spec.image import AspectRatio, ImageRequest, Size
from triptych.spec.model import Capabilities, ModelCard, PriceLine
from triptych.studio.tiers import draft_settings, draft_words, drafted, finished

CARDS = {card.id: card for card in load_cards()}
PLAIN = ImageRequest(prompt="a kettle")


def of(card: ModelCard, *requests: ImageRequest) -> dict[str, str]:
    return dict(draft_settings(card, requests or (PLAIN,), estimate))


def line(usd_micro: int, **when: str) -> PriceLine:
    return PriceLine(
        unit="image", micro_usd_per_million=usd_micro * 10**6, when=when, source="test", as_of="2026-11-21"
    )


def made_up(*prices: PriceLine, **caps: object) -> ModelCard:
    base = next(iter(CARDS.values()))
    return replace(base, free=False, prices=prices, capabilities=Capabilities(**caps))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("openai/gpt-image-2", {"quality": "low"}),
        ("openai/gpt-image-1-mini", {"quality": "low"}),
        ("openai/chatgpt-image-latest", {"quality": "low"}),  # no price per picture is known
        ("xai/grok-imagine-image-2.0", {"quality": "low"}),
        ("google/gemini-3-pro-image", {}),  # its smallest size is its default, and the next one costs the same
        ("demo/aurora", {"resolution": "512"}),
        ("aihorde/sdxl-1.0", {"resolution": "512"}),
    ],
)
def test_the_cards_that_ship_have_their_cheapest_setting(model: str, settings: dict[str, str]) -> None:
    assert of(CARDS[model]) == settings


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_a_draft_never_costs_more_and_comes_back_to_what_was_asked(card: ModelCard) -> None:
    request = replace(PLAIN, aspect_ratio=AspectRatio(4, 5))
    settings = draft_settings(card, [request], estimate)
    draft = drafted(request, settings)
    before, after = (price_of(card, one, estimate).amount_micro_usd for one in (request, draft))
    assert before is None or (after is not None and after <= before)
    assert finished(draft, settings) == request
    assert (draft.prompt, draft.aspect_ratio) == (request.prompt, request.aspect_ratio)


def test_what_the_text_sets_stays_as_it_is() -> None:
    card = CARDS["openai/gpt-image-2"]
    high = replace(PLAIN, quality="high")
    assert of(card, high) == {}
    assert of(card, PLAIN, high) == {}  # one of the prompts sets it
    assert of(CARDS["demo/aurora"], replace(PLAIN, size=Size(640, 480))) == {}
    assert finished(high, {}) == high


def test_among_equals_the_one_that_changes_least() -> None:
    card = made_up(line(40_000), line(10_000, quality="low"), qualities=("low", "high"), default_quality="high",
                   resolutions=("512", "1k"), default_resolution="1k")  # fmt: skip
    assert of(card) == {"quality": "low"}
    dear = made_up(line(10_000), qualities=("low", "high"), default_quality="high")
    assert of(dear) == {}
    assert draft_words(of(dear)) == "the same as a final: nothing here is cheaper"
    both = made_up(line(9_000, quality="low", resolution="1k"), line(4_000, quality="low", resolution="512"),
                   line(20_000), qualities=("low", "high"), default_quality="high",
                   resolutions=("512", "1k"), default_resolution="1k")  # fmt: skip
    assert of(both) == {"quality": "low", "resolution": "512"}
    assert draft_words(of(both)) == "quality low, size 512"


def test_nothing_is_asked_of_no_request() -> None:
    assert draft_settings(CARDS["demo/aurora"], [], estimate) == {}
