"""What the painters say of words that they cannot draw."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.providers.demo.unread import not_drawn


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a velociraptor reading tax law", "velociraptor tax law"),
        ("a cinematic photograph of a velociraptor on a beach", "velociraptor"),
        ("one two-headed dragon, one unicorn, one fox", "dragon unicorn"),
        ("ein roter Kessel", "ein roter kessel"),
        ("a café at night", "café"),
        ("猫", "猫"),
        ("a steel kettle on basalt, dawn", ""),
        ("two cats and a teapot, soft light, 35mm, highly detailed", ""),
        ("a dramatic kettle, in the style of Hokusai", ""),
        ("no velociraptor, red", ""),
        ("sunset", ""),
        ("", ""),
    ],
)
def test_only_things_that_are_missed_are_named(prompt: str, words: str) -> None:
    assert not_drawn(prompt) == tuple(words.split())


@given(st.text(max_size=200))
def test_any_text_names_six_words_at_most(prompt: str) -> None:
    found = not_drawn(prompt)
    assert len(found) == len(set(found)) <= 6
