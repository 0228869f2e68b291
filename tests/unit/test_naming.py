"""Names made of prompts: they end where a reader would end them."""

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from triptych.studio.naming import MOST, title

LINKS = (
    "a",
    "the",
    "at",
    "of",
    "with",
    "and",
    "in",
    "mit",
    "einem",
    "auf",
    "und",
    "avec",
    "une",
    "sur",
    "con",
    "del",
    "het",
)
THINGS = (
    "lighthouse",
    "kettle",
    "basalt",
    "dawn",
    "Meer",
    "Klippe",
    "Boote",
    "falaise",
    "phare",
    "barca",
    "1.5",
    "sea-green",
)
MARKS = (",", ";", ".", "!", "")


@st.composite
def sentences(draw: st.DrawFn) -> list[str]:
    """The words of a prompt, with a mark after some things; the first is a thing."""
    words = [draw(st.sampled_from(THINGS))]
    for kind in draw(st.lists(st.booleans(), min_size=1, max_size=25)):
        words.append(
            draw(st.sampled_from(LINKS)) if kind else draw(st.sampled_from(THINGS)) + draw(st.sampled_from(MARKS))
        )
    return words


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a steel kettle on basalt, dawn", "a steel kettle on basalt, dawn"),
        ("A lighthouse on a cliff at dusk, warm light, calm teal sea", "A lighthouse on a cliff at dusk"),
        ("A portrait of an old fisherman with a weathered face and a pipe", "A portrait of an old fisherman"),
        ("Cinematic, a lighthouse on a cliff with its very old keeper", "Cinematic, a lighthouse on a cliff"),
        ("A photo of extraordinarily beautiful antique bicycles", "A photo of extraordinarily beautiful"),
        ("A bottle of 1.5 litres and a glass. Both stand on the sand", "A bottle of 1.5 litres and a glass"),
        ('a poster that says "Tea at Dawn, and more words" in red ink', "a poster that says Tea at Dawn"),
        ('a poster that says "Tea, Dawn" in red ink on a wall of brick', 'a poster that says "Tea, Dawn"'),
        ("a cat (sitting on a wall, in the moonlight and in the rain)", "a cat sitting on a wall"),
        ("Ein Leuchtturm auf einer Klippe im Abendlicht mit Booten", "Ein Leuchtturm auf einer Klippe"),
        ("Un phare sur une falaise au crépuscule avec une barque", "Un phare sur une falaise au crépuscule"),
        ("断崖の上の灯台、夕暮れ、暖かい光、穏やかな海、小さな船がいくつか、遠くの雲、静かな朝、長い影", "断崖の上の灯台、夕暮れ、暖かい光、穏やかな海、小さな船がいくつか、遠くの雲"),
        ("\n  ...  kettle\twith\x00 steam ,", "kettle with steam"),
        ("“Tea” in a window", "“Tea” in a window"),
        ("!?…", ""),
    ],
)  # fmt: skip
def test_a_name_ends_where_a_reader_would_end_it(prompt: str, name: str) -> None:
    assert title(prompt) == name


@given(sentences())
def test_a_name_ends_after_a_whole_word_that_needs_no_other(words: list[str]) -> None:
    prompt = " ".join(words)
    assume(len(prompt) > MOST)
    named = title(prompt).split()
    assert named[:-1] == words[: len(named) - 1]
    assert named[-1] == words[len(named) - 1].rstrip(",;.!")
    assert named[-1] not in LINKS


@given(sentences())
def test_a_prompt_that_is_short_enough_is_its_own_name(words: list[str]) -> None:
    prompt = " ".join(words)
    assume(len(prompt) <= MOST)
    assert title(prompt) == prompt.rstrip(",;.!")


@given(st.text(max_size=300), st.integers(min_value=3, max_value=80))
@example("x" * 300, 40)
@example("e\u0301" * 60, 41)
@example("\U0001f44d\U0001f3fd" * 40, 41)
def test_a_name_of_anything_is_one_line_within_its_length(text: str, most: int) -> None:
    name = title(text, most)
    assert len(name) <= most
    assert name == " ".join(name.split())
    assert name.isprintable()
    assert name == title(name, most)


@given(st.lists(st.sampled_from(["e\u0301", "o\u0323\u0302", "\U0001f44d\U0001f3fd", "x"]), min_size=1, max_size=150))
def test_no_letter_is_parted_from_what_belongs_to_it(letters: list[str]) -> None:
    name, rest = title("".join(letters)), "".join(letters)
    assert rest.startswith(name)
    after = rest[len(name) : len(name) + 1]
    assert not after or unicodedata.category(after) not in {"Mn", "Sk"}
