"""Formats and windows: exact shapes inside of the picture, wherever the focus is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.spec.errors import BadRequestError
from triptych.spec.image import AspectRatio, Size
from triptych.studio.kit_formats import FORMATS, enlarged, loss, read_format, window

sides = st.integers(16, 6000)
places = st.integers(0, 1000)


@given(picture=st.builds(Size, sides, sides), wanted=st.builds(Size, sides, sides), focus=st.tuples(places, places))
def test_a_window_lies_in_the_picture_and_touches_two_of_its_edges(
    picture: Size, wanted: Size, focus: tuple[int, int]
) -> None:
    part = window(picture, wanted, focus)
    assert 0 <= part.left < part.right <= picture.width
    assert 0 <= part.top < part.bottom <= picture.height
    assert part.width == picture.width or part.height == picture.height
    assert abs(part.width - part.height * wanted.width / wanted.height) <= max(1, wanted.width / wanted.height)


def test_the_focus_is_the_middle_of_the_window_where_there_is_room() -> None:
    assert window(Size(2000, 1000), Size(1, 1), (500, 500)).box == (500, 0, 1500, 1000)
    assert window(Size(2000, 1000), Size(1, 1), (0, 0)).box == (0, 0, 1000, 1000)
    assert window(Size(2000, 1000), Size(1, 1), (900, 0)).box == (1000, 0, 2000, 1000)
    half = window(Size(2000, 1000), Size(500, 500), (500, 500))
    assert (enlarged(half, Size(500, 500)), loss(Size(2000, 1000), half)) == (50, 50)


def test_every_row_has_its_shape_and_its_source() -> None:
    for row in FORMATS.values():
        assert row.size.width / row.size.height == pytest.approx(AspectRatio.parse(row.ratio).value, rel=0.001)
        assert row.source
        for zone in row.zones:
            assert zone.top + zone.bottom < 1000 > zone.left + zone.right


@pytest.mark.parametrize(
    ("text", "kind", "ratio", "size"),
    [("4x5", "4x5", "4:5", (1080, 1350)), ("4:5", "4x5", "4:5", (1080, 1350)), ("8:10", "4x5", "4:5", (1080, 1350)),
     ("3:2", "own", "3:2", (1920, 1280)), ("1200x628", "own", "300:157", (1200, 628)), ("1000:707", "own", "1000:707", (1920, 1357))],
)  # fmt: skip
def test_formats_are_read(text: str, kind: str, ratio: str, size: tuple[int, int]) -> None:
    assert read_format(text) == (kind, ratio, Size(*size))


@pytest.mark.parametrize("text", ["", "a4x", "21:1", "0x5", "63x64", "8193x64", "1.5:1", "-1:2", "5" * 30])
def test_what_is_no_format_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        read_format(text)
