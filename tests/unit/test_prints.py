"""What pictures look like: near ones have near hashes, and colours are found by their words."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from triptych.imaging.prints import NAMED, distances, print_of, words_near
from triptych.imaging.workshop import Workshop


def _scene(seed: int, side: int = 512) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


def test_the_same_picture_smaller_lighter_or_packed_is_near_and_others_are_far() -> None:
    scene, buffer = _scene(1), io.BytesIO()
    scene.save(buffer, "JPEG", quality=40)
    twins = [scene.resize((300, 200)), ImageEnhance.Brightness(scene).enhance(0.8), Image.open(buffer)]
    near = distances(print_of(scene).shape, [print_of(twin).shape for twin in twins])
    far = distances(print_of(scene).shape, [print_of(_scene(seed)).shape for seed in range(2, 12)])
    assert near.max() <= 6
    assert far.min() >= 16
    assert distances("00" * 8, ["00" * 8, "ff" * 8, "01" + "00" * 7]).tolist() == [0, 64, 1]


@pytest.mark.parametrize("colour", ["#c12b11", "#005dd1", "#ffffff", "#202020", "#7a7a7a", "#ffe000", "#00ff00"])
def test_a_colour_is_found_by_itself_and_by_its_neighbours(colour: str) -> None:
    rgb = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    seen = print_of(Image.new("RGB", (40, 30), rgb))
    assert seen.tone == colour
    assert len(seen.colours) == 1
    assert set(seen.colours) <= set(words_near(colour))
    beside = "#{:02x}{:02x}{:02x}".format(*(min(255, part + 12) for part in rgb))
    assert set(seen.colours) & set(words_near(beside))
    opposite = "#{:02x}{:02x}{:02x}".format(*(255 - part if abs(part - 127) > 20 else 0 for part in rgb))
    assert not set(seen.colours) & set(words_near(opposite))


def test_main_colours_are_those_that_cover_something() -> None:
    image = Image.new("RGB", (100, 100), "#101010")
    image.paste("#c12b11", (0, 0, 100, 30))
    image.paste("#005dd1", (0, 99, 3, 100))
    colours = set(print_of(image).colours)
    assert colours & set(words_near("#c12b11"))
    assert not colours & set(words_near("#005dd1"))


def test_the_coat_of_a_small_figure_is_among_the_main_colours_also_where_its_shades_differ() -> None:
    ground = np.random.default_rng(3).normal((120, 130, 125), 14, (200, 200, 3))
    light = np.linspace(0.75, 1.15, 50)[:, None, None]
    ground[80:130, 80:120] = np.array((190, 45, 35)) * light  # 5 % of the picture
    picture = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    colours = set(print_of(picture).colours)
    assert colours & set(words_near("red"))
    assert colours & set(words_near("grey"))
    assert not colours & set(words_near("blue"))


@pytest.mark.parametrize("name", NAMED)
def test_a_colour_with_a_name_is_wide_and_its_neighbour_at_most_besides(name: str) -> None:
    mine = set(words_near(name))
    assert mine > set(words_near(NAMED[name]))
    flat = {other: print_of(Image.new("RGB", (9, 9), NAMED[other])).colours for other in NAMED}
    found = {other for other in NAMED if mine & set(flat[other])}
    assert found in ({name}, {"teal", "grey"}, {"yellow", "beige"})
    assert name in found


def test_transparency_counts_as_white() -> None:
    assert print_of(Image.new("RGBA", (9, 9), (0, 0, 0, 0))).tone == "#ffffff"


async def test_it_is_made_outside_of_this_process() -> None:
    scene, buffer, workshop = _scene(3, 64), io.BytesIO(), Workshop(processes=1)
    scene.save(buffer, "PNG")
    try:
        assert await workshop.look(buffer.getvalue()) == print_of(scene)
    finally:
        await workshop.close()
