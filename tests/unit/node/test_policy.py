"""What a node refuses by its words, and what it keeps back by its lists."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from triptych.imaging.decode import open_picture
from triptych.imaging.pdq import pdq_of
from triptych.node.policy import FILE, HashList, Words, open_words, read_words
from triptych.spec.errors import SettingsError

PAIR = b'[[never]]\nname = "pair"\nwords = [["fox*"], ["red hat", "hood"]]\n[[never]]\nname = "always"\nalways = true\nwords = [["wolf"]]\n'


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [
        ("a fox in a red hat", "pair"), ("FÓXES under a hööd", "pair"), ("(fox:1.4), ((hood))", "pair"), ("fox::2 hood::-1", "pair"),
        ("f o x with a hood", "pair"), ("fo\u200bx, hood", "pair"), ("f.o.x in a h-o-o-d", "pair"), ("\uff46ox hood", "pair"),
        ("a fox", None), ("a red hat", None), ("a firefox logo and a hood", None), ("a fox with a hat, red", None), ("a wolf", "always"),
        ("wolfram", None), ("", None),
    ],
)  # fmt: skip
def test_what_comes_together_counts_however_it_is_written(prompt: str, rule: str | None) -> None:
    assert read_words(PAIR, "words").refuses(prompt) == rule


def test_a_node_that_draws_more_still_has_what_is_never_drawn() -> None:
    open_minded = read_words(PAIR, "words", nsfw=True)
    assert open_minded.refuses("a fox in a red hat") is None
    assert open_minded.refuses("a wolf") == "always"


def test_the_rules_that_come_along_are_strict_and_leave_the_harmless_alone(tmp_path: Path) -> None:
    words = open_words(tmp_path)
    harmless = ("a girl with a kite", "three children on a beach, sunny", "a sexton in a church", "nude lipstick on marble", "baby shoes",
                "stars seen by the naked eye", "a kid goat", "Essex marshes", "a minor chord as a landscape", "teenage mutant turtles")  # fmt: skip
    assert [one for one in harmless if words.refuses(one)] == []
    assert words.refuses("a nude at the window") == "not safe for work"
    assert words.refuses("n u d e") == "not safe for work"
    assert words.refuses("naked child") == "children and sex"
    assert open_words(tmp_path, nsfw=True).refuses("Naked CHILDREN") == "children and sex"
    assert open_words(tmp_path, nsfw=True).refuses("a nude at the window") is None


def test_the_operators_own_file_is_the_one_that_counts(tmp_path: Path) -> None:
    open_words(tmp_path)
    (tmp_path / FILE).write_text('[[never]]\nname = "mine"\nwords = [["bicycle*"]]\n')
    assert open_words(tmp_path).refuses("two bicycles") == "mine"
    (tmp_path / FILE).write_text('[[never]]\nname = "mine"\nword = []\n')
    with pytest.raises(SettingsError, match=r"words\.toml.*word"):
        open_words(tmp_path)
    with pytest.raises(SettingsError, match="no letters"):
        read_words(b'allowed = ["*"]', "words")
    assert Words().refuses("anything") is None


def picture(seed: int, side: int = 96, kind: str = "PNG") -> bytes:
    waves = np.random.default_rng(seed).uniform(0, 255, (8, 8, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(waves).resize((side, side), Image.Resampling.BICUBIC).save(out, kind)
    return out.getvalue()


async def test_a_picture_on_a_list_is_kept_back_also_when_it_was_saved_again() -> None:
    known, other = picture(1), picture(2)
    exact = HashList.read(f"# a list\nSHA256:{hashlib.sha256(known).hexdigest()}  # a note\n\n", "list")
    assert await exact.look(known) == "its bytes are on the list"
    assert await exact.look(picture(1, 128, "JPEG")) is None
    alike = HashList.read(f"pdq:{pdq_of(open_picture(known)).hash}", "list")
    assert await alike.look(picture(1, 128, "JPEG")) == "it looks like one on the list"
    assert await alike.look(other) is None
    plain = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(plain, "PNG")
    assert await HashList(alike=("0" * 64,)).look(plain.getvalue()) is None, "a plain picture is like any other"


def test_a_line_that_is_no_hash_is_named() -> None:
    with pytest.raises(SettingsError, match="line 2"):
        HashList.read("\nmd5:abc", "list")
