"""The painters' reading of a prompt: words become things, places, colours, hours."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.providers.demo.composing import compose
from triptych.providers.demo.cutout import MAKERS
from triptych.providers.demo.field import rgb
from triptych.providers.demo.reading import read, singular
from triptych.providers.demo.scene import Scene, Whim
from triptych.providers.demo.words import COLOURS, DEFAULT_COLOURS, HOURS, THINGS, TRIM_COLOURS


def scene(prompt: str, *, negative: str | None = None, seed: int = 1, ratio: float = 1.0, **whim: float) -> Scene:
    return compose(prompt, negative, seed, ratio, Whim(**whim))  # type: ignore[arg-type]


def test_the_tables_fit_together() -> None:
    assert len(COLOURS) >= 100
    assert all(len(rgb(text)) == 3 for text in COLOURS.values())
    assert set(THINGS.values()) <= set(MAKERS)
    assert set(DEFAULT_COLOURS) | set(TRIM_COLOURS) <= set(MAKERS)


def test_colours_stay_with_their_things() -> None:
    reading = read("a steel kettle on black sand, a red bird above, teal and amber")
    kettle, sand, bird = reading.things
    assert (kettle.kind, kettle.colours, kettle.metal) == ("kettle", ["steel"], True)
    assert (sand.kind, sand.layer, sand.colours) == ("sand", "ground", ["black"])
    assert (bird.kind, bird.colours, bird.places) == ("bird", ["red"], {"above"})
    assert reading.colours == ["teal", "amber"]


@pytest.mark.parametrize(
    ("text", "kind", "colours"),
    [
        ("an orange", "apple", []),
        ("an orange cat", "cat", ["orange"]),
        ("a rose", "flower", []),
        ("pine trees", "pine", []),
        ("a bottle of wine", "bottle", []),
        ("portrait of a woman", "portrait", []),
    ],
)
def test_words_that_are_two_things(text: str, kind: str, colours: list[str]) -> None:
    (thing,) = read(text).things
    assert (thing.kind, thing.colours) == (kind, colours)


@pytest.mark.parametrize(("word", "hour"), sorted(HOURS.items()))
def test_hours(word: str, hour: str) -> None:
    assert read(f"a boat, {word}").hour == hour


def test_weather_and_frame() -> None:
    reading = read("close-up of a lantern in the fog, rain and snowfall, low horizon")
    assert reading.weathers == {"fog", "rain", "snow"}
    assert reading.frames == {"close", "low"}


@pytest.mark.parametrize(
    ("text", "count"), [("two cups", 2), ("three boats", 3), ("several kites", 5), ("4 birds", 4), ("a cup", 1)]
)
def test_counts(text: str, count: int) -> None:
    assert len(scene(text).figures) == count


def test_a_row_stands_level_and_apart() -> None:
    figures = scene("a row of lanterns", ratio=1.5).figures
    assert len(figures) == 5
    assert len({f.base for f in figures}) == 1
    columns = sorted(f.x for f in figures)
    assert all(b - a > 0.1 for a, b in itertools.pairwise(columns))


def test_places() -> None:
    assert scene("a cup on the left").figures[0].x < 0.4
    assert scene("a cup on the right").figures[0].x > 0.6
    high, low = scene("a bird above a boat").figures
    assert (high.kind, low.kind) == ("bird", "boat")
    assert high.base < low.base
    moon = scene("a house, moon on the right")
    assert (moon.source, moon.hour) == ("moon", "moonlit")
    assert moon.light[0] > 0.7


def test_sizes_and_frames_change_the_size() -> None:
    sizes = [scene(f"a {word} lantern").figures[0].size for word in ("tiny", "small", "tall", "huge")]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 2
    assert (
        scene("a lantern, close-up").figures[0].size
        > scene("a lantern").figures[0].size
        > scene("a lantern, wide").figures[0].size
    )
    assert scene("a boat, low horizon").horizon > scene("a boat").horizon > scene("a boat, high horizon").horizon


@pytest.mark.parametrize("ratio", [0.4, 0.8, 1.0, 1.78, 3.0])
@pytest.mark.parametrize("prompt", ["a huge car", "a boat and a kettle", "three whales", "a book"])
def test_figures_stay_in_the_picture(prompt: str, ratio: float) -> None:
    for figure in scene(prompt, ratio=ratio).figures:
        half = (
            max(abs(x) for part in MAKERS[figure.kind]() for x, _ in part.outline) * figure.size * min(1 / ratio, 1.3)
        )
        assert figure.x - half > -0.08
        assert figure.x + half < 1.08


def test_what_a_negative_prompt_names_is_kept_out() -> None:
    plain = scene("a red boat and a bird at dusk, fog")
    kept = scene("a red boat and a bird at dusk, fog", negative="red, bird, fog, sun")
    assert {f.kind for f in plain.figures} == {"boat", "bird"}
    assert [f.kind for f in kept.figures] == ["boat"]
    assert kept.weathers == frozenset()
    assert (plain.source, kept.source) == ("sun", None)
    red, green, blue = kept.figures[0].colour
    assert not (red > green + 0.25 and red > blue + 0.25)


def test_without_in_the_prompt_itself() -> None:
    assert [t.kind for t in read("a house without trees").things] == ["house"]


def test_unknown_words_get_a_form_of_their_own() -> None:
    forms = {
        scene(f"the {word}").figures[0].kind
        for word in ("silence", "entropy", "zugzwang", "saudade", "qualia", "hygge")
    }
    assert len(forms) > 1
    assert scene("the silence").figures == scene("the silence").figures


def test_land_things_on_water_stand_on_rock() -> None:
    kinds = [f.kind for f in scene("a lighthouse in the sea").figures]
    assert kinds == ["rock", "lighthouse"]
    assert [f.kind for f in scene("a boat on the sea").figures] == ["boat"]


def test_variety_moves_the_composition_with_the_seed() -> None:
    calm = {scene("a cat", seed=s).figures[0].x for s in range(8)}
    wild = {scene("a cat", seed=s, variety=1.0).figures[0].x for s in range(8)}
    assert max(calm) - min(calm) < 0.04
    assert max(wild) - min(wild) > 0.08


def test_plurals() -> None:
    assert [singular(w) for w in ("boats", "cherries", "foxes", "glass", "churches")] == [
        "boat",
        "cherry",
        "fox",
        "glas",
        "church",
    ]


@given(st.text(max_size=120), st.floats(0.0625, 16), st.integers(0, 2**32))
def test_any_text_gives_a_scene(text: str, ratio: float, seed: int) -> None:
    made = compose(text, text[::-1], seed, ratio, Whim(variety=0.5, oddity=0.5))
    assert 0 < made.horizon < 1
    assert all(f.size > 0 for f in made.figures)
