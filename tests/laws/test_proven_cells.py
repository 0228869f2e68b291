"""The cells of the providers' page are what the emulators bear out today."""

import json
from dataclasses import replace

import pytest
from tests.emulators import Emulators, proving

from triptych.catalog.page import proof

CARDS = proving.proven_cards()
PROVIDERS = sorted({card.provider for card in CARDS})


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_written_is_what_holds(emulators: Emulators, provider: str) -> None:
    """`python -m tests.emulators.proving` writes it anew."""
    cards = [card for card in CARDS if card.provider == provider]
    found = await proving.prove(emulators, cards)
    assert found == {card.id: proof()[card.id] for card in cards}


def test_every_model_with_an_emulator_is_there_and_no_other() -> None:
    assert set(proof()) == {card.id for card in CARDS}
    assert proving.PROVEN.read_text("utf-8") == proving.written(proof())


def test_no_cell_fails_before_its_emulator() -> None:
    open_cells = {
        (card.provider, field)
        for card in CARDS
        for field, held in proof()[card.id].items()
        if held is False or held == []
    }
    assert open_cells == set()


async def test_a_cell_that_does_not_hold_is_found(emulators: Emulators) -> None:
    card = next(card for card in CARDS if card.provider == "xai")
    wrong = replace(card, capabilities=replace(card.capabilities, aspect_ratios=("1:1", "37:1")))
    found = await proving.prove(emulators, [wrong])
    assert json.loads(proving.written(found))[card.id]["aspect_ratio"] == ["1:1"]
