"""The one word on a model's chip."""

from dataclasses import replace
from datetime import date

import pytest
from tests.unit.adapter_kit import CARDS

from triptych.app.model_views import word_of
from triptych.spec.json import JsonObject

CARD = next(iter(CARDS.values()))
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("retires", "says"),
    [("2026-12-01", "ends on 1 Dec"), ("2027-05-21", "ends on 21 May"), ("2027-05-22", None), ("2026-11-22", None), (None, None)],
)  # fmt: skip
def test_a_model_that_ends_within_half_a_year_says_so(retires: str | None, says: str | None) -> None:
    word = word_of(replace(CARD, retires=retires), None, TODAY)
    assert word == (says and {"at": f"/models#{CARD.provider}", "says": says})


def test_a_shipped_card_says_its_end_on_the_chip() -> None:
    word = word_of(CARDS["openai/gpt-image-1.5"], None, TODAY)
    assert word is not None
    assert word["says"] == "ends on 1 Dec"


def test_that_it_moved_comes_first() -> None:
    moved: JsonObject = {"watch": "w", "since_ms": 1, "words": "moved since 3 Nov"}
    word = word_of(replace(CARD, retires="2026-12-01"), moved, TODAY)
    assert word == {"at": "/drift", "says": "moved since 3 Nov"}
