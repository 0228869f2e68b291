"""By how much a picture missed what was asked for."""

from typing import Any

import pytest
from tests.unit.store.samples import picture_of

from triptych.studio.amounts import amounts


def words(request: dict[str, Any], *sizes: tuple[int, int]) -> list[tuple[str, int, str]]:
    pictures = [picture_of(f"img_{n}", width=width, height=height) for n, (width, height) in enumerate(sizes)]
    return [(each.feature, each.permille, each.words) for each in amounts(request, pictures)]


def test_another_shape_says_how_much_would_be_cut() -> None:
    assert words({"aspect_ratio": "4:5"}, (768, 1024)) == [
        ("aspect_ratio", 62, "Asked for 4:5, came as 3:4: to make it 4:5, 6 % would be cut from top and bottom."),
    ]  # fmt: skip
    assert words({"aspect_ratio": "1:1"}, (1536, 1024)) == [
        ("aspect_ratio", 333, "Asked for 1:1, came as 3:2: to make it 1:1, 33 % would be cut from its sides."),
    ]  # fmt: skip
    ((_, permille, said),) = words({"aspect_ratio": "16:9"}, (1365, 791))
    assert (permille, said[:36]) == (29, "Asked for 16:9, came as 1365 × 791: ")


@pytest.mark.parametrize("size", [(1024, 1280), (820, 1024)])
def test_what_is_as_asked_or_nearly_says_nothing(size: tuple[int, int]) -> None:
    assert words({"aspect_ratio": "4:5"}, size) == []


def test_another_size_says_how_many_pixels_more_or_fewer() -> None:
    assert words({"size": "1024x1024"}, (512, 512)) == [
        ("size", 750, "Asked for 1024x1024, came as 512 × 512: 75 % fewer pixels."),
    ]  # fmt: skip
    assert [(feature, permille) for feature, permille, _ in words({"size": "1000x1000"}, (1500, 1000))] == [
        ("size", 333), ("size", 500),
    ]  # fmt: skip


def test_another_size_class_is_measured_by_its_area() -> None:
    assert words({"resolution": "2k"}, (1024, 1024)) == [
        ("resolution", 750, "Asked for 2k (2048 × 2048 or as much), came as 1024 × 1024: 75 % fewer pixels."),
    ]  # fmt: skip
    assert words({"resolution": "1k"}, (832, 1248)) == []


def test_pictures_that_miss_alike_say_it_once() -> None:
    assert len(words({"aspect_ratio": "4:5"}, (768, 1024), (768, 1024))) == 1
    assert words({}, (768, 1024)) == []
    assert words({"aspect_ratio": "4:5"}) == []
