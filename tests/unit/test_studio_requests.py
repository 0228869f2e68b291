"""Requests to and from JSON, plates, names of models and of files."""

import string
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from triptych.spec.image import AspectRatio, ImageRequest, InputImage, Size, Turn, WeightedPart
from triptych.spec.model import Capabilities, SizeRule
from triptych.spec.records import PictureRecord
from triptych.store.codec import json_value, to_json
from triptych.studio.requests import asked_json, ratio_of, request_from_json, request_json
from triptych.studio.sizes import size_problem
from triptych.studio.views import file_name

IMAGE = InputImage(data=b"bytes", media_type="image/png", sha256="ab" * 32, width=300, height=200, role="style")


class OneBlob:
    """A blob store with one picture in it."""

    async def put(self, data: bytes, sha256: str | None = None) -> str:
        return IMAGE.sha256

    async def get(self, sha256: str) -> bytes | None:
        return IMAGE.data if sha256 == IMAGE.sha256 else None

    async def has(self, sha256: str) -> bool:
        return sha256 == IMAGE.sha256

    async def remove(self, sha256: str, kinds: Sequence[str] = ()) -> None: ...

    async def put_derived(self, sha256: str, kind: str, data: bytes) -> None: ...

    async def get_derived(self, sha256: str, kind: str) -> bytes | None:
        return None


_WORD = st.text(string.printable, max_size=20)
_REQUESTS = st.builds(
    ImageRequest,
    prompt=_WORD,
    n=st.integers(1, 10),
    size=st.none() | st.builds(Size, st.integers(1, 9000), st.integers(1, 9000)),
    aspect_ratio=st.none() | st.builds(AspectRatio, st.integers(1, 99), st.integers(1, 99)),
    quality=st.none() | st.sampled_from(["low", "high"]),
    seed=st.none() | st.integers(0, 2**32 - 1),
    negative_prompt=st.none() | _WORD,
    parts=st.lists(st.builds(WeightedPart, _WORD, st.floats(-5, 5)), max_size=3).map(tuple),
    previews=st.integers(0, 3),
    images=st.lists(st.just(IMAGE), max_size=2).map(tuple),
    mask=st.none() | st.just(replace(IMAGE, role="edit")),
    knobs=st.dictionaries(_WORD, st.booleans() | st.integers(0, 9) | _WORD, max_size=3),
    options=st.dictionaries(_WORD, st.dictionaries(_WORD, st.booleans() | _WORD, max_size=2), max_size=2),
    restore=st.booleans(),
    turns=st.lists(
        st.builds(
            Turn, prompt=_WORD, picture=_WORD, answer=st.just(IMAGE), endpoint=_WORD,
            images=st.lists(st.just(IMAGE), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)  # fmt: skip


@given(_REQUESTS)
async def test_a_request_comes_back_from_its_json(request: ImageRequest) -> None:
    stored: Any = json_value(to_json(request_json(request)))
    assert await request_from_json(stored, OneBlob()) == request


async def test_what_a_provider_keeps_of_a_turn_is_not_in_the_json_and_comes_back_beside_it() -> None:
    turn = Turn(prompt="a", picture="img_1", answer=IMAGE, endpoint="one/kettle", context="a secret")
    stored: Any = json_value(to_json(request_json(ImageRequest(prompt="x", images=(IMAGE,), turns=(turn,)))))
    assert "secret" not in str(stored)
    assert "secret" not in repr(turn)

    async def contexts(picture: str, endpoint: str) -> str | None:
        return "a secret" if (picture, endpoint) == ("img_1", "one/kettle") else None

    assert (await request_from_json(stored, OneBlob(), contexts)).turns == (turn,)


def test_an_endpoint_sees_its_own_context_only() -> None:
    turns = tuple(Turn(prompt="a", picture=one, answer=IMAGE, endpoint=one, context="x") for one in ("one", "two"))
    seen = ImageRequest(prompt="x", turns=turns).seen_by("two")
    assert [turn.context for turn in seen.turns] == [None, "x"]
    assert seen.seen_by("two") is seen


def test_json_of_a_request_holds_no_bytes_and_only_what_was_asked_for() -> None:
    assert request_json(ImageRequest(prompt="x", images=(IMAGE,))) == {
        "prompt": "x", "n": 1,
        "images": [{"sha256": IMAGE.sha256, "bytes": 5, "media_type": "image/png", "width": 300, "height": 200, "role": "style"}],
    }  # fmt: skip


def test_what_was_asked_for_beyond_the_words_is_told_without_what_a_draft_set() -> None:
    request = ImageRequest(
        prompt="a kettle", size=Size(256, 320), quality="low", seed=5, negative_prompt="birds", user="someone",
        parts=(WeightedPart("a kettle", 2), WeightedPart("steam", 0.5)), images=(IMAGE,), mask=IMAGE,
        knobs={"stylize": 250, "raw": True}, options={"openai": {"x": 1}}, restore=True,
        turns=(Turn(prompt="a pot", picture="img_1", answer=IMAGE, endpoint="a/one", context="x"),),
    )  # fmt: skip
    asked = asked_json(request_json(request), {"quality": "low"})
    assert asked == {
        "size": "256x320", "seed": 5, "negative_prompt": "birds", "parts": "a kettle::2 steam::0.5",
        "images": [{"sha256": IMAGE.sha256, "role": "style"}], "mask": IMAGE.sha256, "stylize": 250, "raw": True,
        "turns": [{"prompt": "a pot", "picture": "img_1"}], "restore": True, "options": {"openai": {"x": 1}},
    }  # fmt: skip
    assert asked_json(request_json(request))["quality"] == "low"
    assert asked_json({"prompt": "a kettle", "n": 1}) == {}


def test_the_plate_has_the_final_shape_before_any_bytes_arrive() -> None:
    edit = replace(IMAGE, role="edit")
    assert ratio_of(ImageRequest(prompt="x", aspect_ratio=AspectRatio(4, 5))) == 0.8
    assert ratio_of(ImageRequest(prompt="x", size=Size(1536, 1024), aspect_ratio=AspectRatio(1, 1))) == 1.5
    assert ratio_of(ImageRequest(prompt="x", images=(IMAGE, edit))) == 1.5
    assert ratio_of(ImageRequest(prompt="x", images=(IMAGE,))) == 1.0


def test_sizes_far_from_all_that_a_model_makes() -> None:
    rule = Capabilities(size_rule=SizeRule(multiple=16, min_side=256, max_side=2048))
    assert size_problem(rule, Size(3000, 2000)) is None
    assert size_problem(rule, Size(64, 64)) == "sides from 256 to 2048 pixels in steps of 16"
    assert size_problem(rule, Size(8192, 8192)) is not None
    assert size_problem(rule, Size(3200, 1024)) is not None
    large = Capabilities(resolutions=("1k", "2k", "4k"), aspect_ratios=("1:1", "16:9", "21:9"))
    assert size_problem(large, Size(9000, 9000)) is not None
    assert size_problem(large, Size(6336, 2688)) is None
    assert size_problem(large, Size(300, 300)) is not None
    listed = Capabilities(sizes=("1024x1024", "1536x1024"))
    assert size_problem(listed, Size(2304, 1500)) is None
    assert size_problem(listed, Size(2304, 2304)) == "1024x1024, 1536x1024"
    shapes = Capabilities(resolutions=("1k", "2k"), aspect_ratios=("1:1", "4:5"))
    assert size_problem(shapes, Size(1536, 1024)) is None
    assert size_problem(shapes, Size(20_000, 20_000)) == "1k, 2k in the shapes 1:1, 4:5"


def test_file_names() -> None:
    picture = PictureRecord(id="img_0abcdef7c2m4q", tile_id="t", position=0, sha256="", media_type="image/jpeg", width=1,
                            height=1, bytes=1, created_ms=0)  # fmt: skip
    assert file_name(
        picture, "google/gemini-3.1-flash-image", "A steel kettle on basalt, dawn"
    ) == "steel-kettle-on-basalt-dawn_gemini-3.1-flash-image_7c2m4q.jpeg".replace("jpeg", "jpg")
    assert file_name(replace(picture, seed=7), None, "../../etc/passwd\n\x00") == "etc-passwd_7.jpg"
    assert file_name(picture, "x/Y Z", "!!!") == "image_y-z_7c2m4q.jpg"
    assert file_name(picture, None, "冬の山").startswith("冬の山_")
