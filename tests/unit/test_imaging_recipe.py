"""Recipes in files: put in without touching another byte, read back, and taken out again."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.unit.credential_tools import KINDS, picture
from tests.unit.receipt_tools import TILE, picture_record

from triptych.imaging.bare import bare, has_credentials, has_recipe
from triptych.imaging.provenance import told
from triptych.imaging.recipe import MOST_RECIPE, recipe_in, with_recipe
from triptych.studio.imported import asked_of
from triptych.studio.prompt import read_prompt
from triptych.studio.recipe import recipe_of
from triptych.studio.requests import build_request, request_json

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description AIGC="{}"/></x:xmpmeta>'


def pictures() -> dict[str, bytes]:
    """One of each kind, and those whose bytes stand otherwise: lossless, animated, with Exif and XMP of their own."""
    made = {kind: picture(kind) for kind in KINDS}
    exif = Image.Exif()
    exif[0x010E] = "a description"
    for name, kind, more in (
        ("lossless", "WEBP", {"lossless": True}),
        ("webp with xmp", "WEBP", {"xmp": XMP, "exif": exif}),
        ("jpeg with xmp", "JPEG", {"xmp": XMP, "exif": exif, "comment": b"Triptych"}),
    ):
        out = io.BytesIO()
        Image.new("RGBA" if kind == "WEBP" else "RGB", (31, 17), (9, 90, 90)).save(out, kind, **more)
        made[name] = out.getvalue()
    return made


PICTURES = pictures()
RECIPE: dict[str, Any] = {
    "triptych": "recipe/1",
    "model": "demo/woodcut",
    "request": {"prompt": "a fox — \u72d0 \U0001f98a"},
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_recipe_goes_in_and_out_and_not_a_pixel_changes(kind: str) -> None:
    plain, text = PICTURES[kind], json.dumps(RECIPE, ensure_ascii=False)
    for said in (text, text + " "):  # of even and of odd length
        made = with_recipe(plain, said)
        assert made is not None
        assert (recipe_in(made), bare(made), has_recipe(made), has_credentials(made)) == (said, plain, True, False)
        with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(plain)) as before:
            assert after.tobytes() == before.tobytes()
            assert after.info.get("xmp") == before.info.get("xmp"), "a provider's own packet stays the only one"
        assert (told(made)["source"], told(made)["prompt"]) == ("triptych", RECIPE["request"]["prompt"])
        assert with_recipe(made, text) is None, "there is one already"
    assert (recipe_in(plain), has_recipe(plain)) == (None, False)


def test_where_there_is_no_place_for_it_nothing_is_made() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "GIF")
    cut = PICTURES["WEBP"][:-3]
    for data in (out.getvalue(), b"", b"RIFF", b"\x89PNG\r\n\x1a\n", cut, PICTURES["WEBP"] + b"more"):
        assert with_recipe(data, "{}") is None
        assert bare(data) == data
    assert with_recipe(PICTURES["JPEG"], "x" * MOST_RECIPE) is not None
    assert with_recipe(PICTURES["JPEG"], "x" * (MOST_RECIPE + 1)) is None
    assert with_recipe(PICTURES["JPEG"], "") is None


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n\0\0\0\x10iTXtTriptych recipe\0", b"\xff\xd8\xff\xfe\0\x20Triptych recipe: ",
                        b"RIFF\x10\0\0\0WEBPTRPR", b"\xff\xd8"]), st.binary(max_size=300))  # fmt: skip
def test_it_holds_on_any_bytes(start: bytes, rest: bytes) -> None:
    data = start + rest
    assert has_recipe(data) == (recipe_in(data) is not None)
    made = with_recipe(data, "{}")
    assert made is None or (bare(made) == data and recipe_in(made) == "{}")


@pytest.mark.parametrize(
    "text",
    [
        "a fox\nin snow --ar 4:5 --quality high --seed 7 --s 250 --tile --raw --niji 6 --no red, blue --format webp",
        "a fox --size 2k --v 6.1 --iw 1.5 --sref 123 --bg transparent",
        "a fox --size 640x480 --draft",
        "a fox::2 in snow::1 fog::-0.5 --no red --chaos 5",
        r"a \{quiet\} fox::1.5 snow::",
        "two -- dashes, @img1 and 3:2",
    ],
)
def test_what_was_asked_for_is_asked_for_again(text: str) -> None:
    asked = request_json(build_request(read_prompt(text, limit=1).prompts[0]))
    recipe = {"triptych": "recipe/1", "model": "one/kettle", "request": asked, "seed": None}
    made = with_recipe(PICTURES["PNG"], json.dumps(recipe))
    assert made is not None
    row, again = asked_of(told(made))
    assert again == asked
    assert request_json(build_request(read_prompt(row, limit=1).prompts[0])) == asked, (
        "and so by a model added to the row"
    )


def test_a_recipe_that_lies_about_its_settings_brings_its_words_alone() -> None:
    for settings in (
        {"quality": "a b"},
        {"size": "--blind"},
        {"aspect_ratio": "1:1 --m gpt"},
        {"knobs": {"tile": "x"}},
        {"parts": [{"text": "a dog", "weight": 2}, {"text": "in snow", "weight": 1}]},
        {"parts": [{"text": "a fox", "weight": 2}, 7]},
    ):
        recipe = {"triptych": "recipe/1", "model": "m", "request": {"prompt": "a fox", **settings}}
        made = with_recipe(PICTURES["PNG"], json.dumps(recipe))
        assert made is not None
        assert asked_of(told(made)) == ("a fox", {"prompt": "a fox", "n": 1})


def test_a_recipe_says_how_to_make_it_again_and_nothing_else() -> None:
    private: dict[str, Any] = {"images": [{"sha256": "ab"}], "mask": {"sha256": "cd"}, "turns": [{"prompt": "x"}], "options": {"one": {"key": "s"}},
               "user": "me", "previews": 2}  # fmt: skip
    tile = replace(TILE, request={"prompt": "a fox", "quality": "high", **private})
    record = picture_record()
    assert recipe_of(tile, record) == {
        "triptych": "recipe/1", "model": tile.endpoint, "request": {"prompt": "a fox", "quality": "high"}, "seed": record.seed,
        "picture_sha256": record.sha256,
    }  # fmt: skip
    assert recipe_of(tile, record, way="crop")["way"] == "crop"
