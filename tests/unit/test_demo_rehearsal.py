"""A refusal and a slow picture, played by the painters on a word, and said to be played."""

import pytest
from tests.unit.test_demo_painters import NAMES, Clock, ask, make, model

from triptych.spec.errors import BlockedError
from triptych.spec.model import CallEvent, Progress, Sent
from triptych.studio.failures import state_after, tile_error


async def test_a_word_makes_one_painter_refuse_and_it_says_that_it_plays() -> None:
    events: list[CallEvent] = []
    with pytest.raises(BlockedError) as caught:
        await make("woodcut", ask("a red kite, Demo-Refusal"), events)
    assert isinstance(events[0], Sent)
    assert state_after(caught.value) == "blocked"
    told = tile_error(caught.value)
    assert (told.message, told.hint, told.billed) == (
        "Woodcut refused, as demo-refusal in the prompt asks: a demo, no provider’s rule.",
        "Take demo-refusal out of the prompt, or try another painter.",
        "no",
    )
    assert (await make("aurora", ask("a red kite, demo-refusal"))).images


@pytest.mark.parametrize(
    "prompt", ["a demo, refusal", "demo-refusals", "undemo-refusal", "a refusal", "demo-refusal-2"]
)
async def test_no_other_words_are_refused(prompt: str) -> None:
    assert (await make("woodcut", ask(prompt))).images


async def test_a_slow_picture_comes_with_previews_and_the_reason() -> None:
    events: list[CallEvent] = []
    slow, usual = Clock(), Clock()
    made = await make("mosaic", ask("a kite, demo-slow", previews=2, seed=4), events, slow)
    await make("mosaic", ask("a kite", previews=2, seed=4), clock=usual)
    steps = [event for event in events if isinstance(event, Progress)]
    assert {step.note for step in steps} == {"Slow on purpose, as demo-slow in the prompt asks."}
    assert len({step.preview for step in steps if step.preview}) > 5
    most = model("mosaic").card.typical_seconds
    assert most is not None
    assert usual.seconds < most[1] < 20 < slow.seconds < 40
    assert ("demo", "adjusted") in [(one.feature, one.kind) for one in made.adjustments]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_played_is_said_before(name: str) -> None:
    told = {
        word: [(one.kind, one.detail) for one in model(name).plan(ask(f"a kite, {word}")) if one.feature == "demo"]
        for word in ("demo-refusal", "demo-slow", "demo")
    }
    other = [("unsupported", "demo-refusal is played by Woodcut, demo-slow by Mosaic")]
    refused = [("adjusted", "demo-refusal: refused on purpose, to show what a refusal looks like")]
    slowly = [("adjusted", "demo-slow: painted slowly on purpose, in about half a minute")]
    assert told == {
        "demo-refusal": refused if name == "woodcut" else other,
        "demo-slow": slowly if name == "mosaic" else other,
        "demo": [],
    }
    notes = [one.detail for one in model(name).plan(ask("a kite, demo-slow, demo-refusal")) if one.feature == "prompt"]
    assert notes == []
