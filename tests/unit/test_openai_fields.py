"""OpenAI's fields as a call: nothing that is taken in is lost without a word."""

import pytest

from triptych.server.openai_fields import read_call


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
