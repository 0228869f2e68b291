"""OpenAI's fields as a call: nothing that is taken in is lost without a word."""

import pytest

from triptych.server.openai_fields import read_call
from triptych.spec.errors import BadRequestError


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"partial_images": 2}, ["partial_images"]),
        ({"partial_images": 0}, []),
        ({"partial_images": 2, "stream": True}, []),
        ({"colour": "red", "partial_images": 1, "stream": False}, ["colour", "partial_images"]),
        ({"seed": 4, "size": "1024x1024"}, []),
    ],
)
def test_what_means_nothing_here_is_said(body: dict[str, object], said: list[str]) -> None:
    call = read_call({"prompt": "x", **body})
    assert [(note.feature, note.kind) for note in call.notes] == [(name, "unsupported") for name in said]
    assert call.request.previews == (2 if said == [] and body.get("stream") else 0)


@pytest.mark.parametrize("name", ["image", "image[]", "images", "image_url", "input_references", "mask"])
@pytest.mark.parametrize("value", ["data:image/png;base64,AAAA", ["https://example.com/a.png"], {"url": "a"}])
def test_a_picture_among_the_text_fields_is_refused_and_not_left_out(name: str, value: object) -> None:
    for body in ({name: value}, {"triptych": {name: value}}):
        with pytest.raises(BadRequestError) as caught:
            read_call({"prompt": "x", **body})
        assert caught.value.param == name
        assert "POST /v1/images/edits" in (caught.value.hint or "")


@pytest.mark.parametrize("nothing", [None, "", []])
def test_a_picture_field_with_nothing_in_it_is_no_picture(nothing: object) -> None:
    assert read_call({"prompt": "x", "image": nothing, "mask": nothing}).notes == ()
