"""The same job drawn twice: what honest machines do matches, each way of cheating does not, and doubt is said to be doubt."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from tests.unit.network.pictures import field, image

from triptych.imaging.apart import Difference, difference
from triptych.network.compare import Comparison, DrawnBy, Thresholds, calibrate, compare, compare_roughly

BY = DrawnBy("ab" * 32, "comfyui/0.3.1", "fp16")
SIZE = (160, 112)
grey_of = cache(field)


def drawn(seed: int, machine: int = 0, finest: float = 1.4) -> Image.Image:
    """A picture, and what another machine makes of the same numbers: noise in the last bits."""
    grey = grey_of(seed, *SIZE, 40, finest)
    noise = np.random.RandomState(1000 * machine + seed).normal(0, 0.8, grey.shape) if machine else 0
    return image(grey + noise)


LIMITS = calibrate([difference(drawn(seed), drawn(seed, 1 + seed % 3)) for seed in range(30)])


def outcome(reference: Image.Image, suspect: Image.Image, limits: Thresholds = LIMITS, by: DrawnBy = BY) -> str:
    return compare(BY, by, difference(reference, suspect), limits).outcome


def test_honest_machines_are_never_accused() -> None:
    found = [outcome(drawn(seed), drawn(seed, 7)) for seed in range(30, 60)]
    assert "mismatch" not in found
    assert found.count("match") >= 24


def blown_up(one: Image.Image, how: Image.Resampling) -> Image.Image:
    return one.resize((SIZE[0] // 2, SIZE[1] // 2), Image.Resampling.BOX).resize(SIZE, how)


def noisy(one: Image.Image, much: float) -> Image.Image:
    data = np.asarray(one, dtype=np.float64)
    return image(data[:, :, 0] + np.random.RandomState(1).normal(0, much, data.shape[:2]))


CHEATS: dict[str, Callable[[int], Image.Image]] = {
    "another picture": lambda seed: drawn(seed + 500), "a stale picture": lambda _: drawn(900),
    "half the size, blown up": lambda seed: blown_up(drawn(seed), Image.Resampling.BICUBIC),
    "half the size, blown up otherwise": lambda seed: blown_up(drawn(seed), Image.Resampling.LANCZOS),
    "half the size, coarsely": lambda seed: blown_up(drawn(seed), Image.Resampling.NEAREST),
    "half the size, sharpened": lambda seed: blown_up(drawn(seed), Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(2, 250, 0)),
    "half the size, with noise for detail": lambda seed: noisy(blown_up(drawn(seed), Image.Resampling.LANCZOS), 12),
    "fewer steps, blurred": lambda seed: drawn(seed).filter(ImageFilter.GaussianBlur(1.2)),
    "a grey card": lambda _: Image.new("RGB", SIZE, "grey"),
}  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
def test_each_cheat_is_found(cheat: str) -> None:
    found = [outcome(drawn(seed), CHEATS[cheat](seed)) for seed in range(10)]
    assert found == ["mismatch"] * 10


def test_doubt_is_said_to_be_doubt() -> None:
    """A picture with nothing in it is no evidence, neither for a node nor against it."""
    grey = CHEATS["a grey card"](0)
    assert outcome(grey, drawn(1)) == outcome(grey, grey) == "inconclusive"
    smooth = drawn(1, finest=0.03)
    assert outcome(smooth, smooth) == "inconclusive"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(BY, engine="ComfyUI/0.9"), True), (replace(BY, engine="comfyui/1.0"), False),
        (replace(BY, engine="a1111/0.3"), False), (replace(BY, precision="int8"), False), (replace(BY, digest="cd" * 32), False),
        (replace(BY, digest=None), False),
    ],
)  # fmt: skip
def test_only_one_class_is_compared(other: DrawnBy, same: bool) -> None:
    assert BY.comparable(other) is other.comparable(BY) is same
    assert outcome(drawn(1), drawn(1), by=other) == ("match" if same else "inconclusive")
    assert not replace(BY, digest=None).comparable(replace(BY, digest=None))


def test_whose_precision_nobody_knows_may_well_have_two() -> None:
    vague = replace(BY, precision="unknown")
    assert not vague.comparable(vague)
    assert vague.akin(vague)
    assert vague.akin(BY)
    assert outcome(drawn(1), drawn(1), by=vague) == "inconclusive"


@pytest.mark.parametrize(
    "changed", [{"engine": "a1111/0.3"}, {"digest": None}, {"digest": "cd" * 32}, {"sampler": "ddim"}]
)
def test_other_weights_engines_and_samplers_draw_another_motif(changed: dict[str, Any]) -> None:
    other = replace(BY, **changed)
    assert not BY.akin(other)
    assert compare_roughly(BY, other, difference(drawn(1), drawn(2))).outcome == "inconclusive"


def test_where_nobody_has_measured_only_what_is_plainly_another_picture_is_seen() -> None:
    good = Difference(pdq_bits=10, quality=100, detail=1.0, likeness=0.95, reference_detail=5)
    for bits, wanted in ((0, "match"), (40, "match"), (41, "inconclusive"), (100, "inconclusive"), (101, "mismatch")):
        found = compare_roughly(
            BY, replace(BY, precision="int8"), replace(good, pdq_bits=bits, detail=0.2, likeness=0.1)
        )
        assert (bits, found.outcome) == (bits, wanted)
        assert found.why.endswith(".")
    assert compare_roughly(BY, BY, replace(good, pdq_bits=130, quality=49)).outcome == "inconclusive"


def test_no_honest_change_of_a_picture_is_plainly_another_one() -> None:
    """As far apart as other precisions are at the very most, and further: noise, blur, half the size, hard compression, a twentieth cut off."""
    plain = drawn(3)
    width, height = plain.size
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=30)
    changed = [
        Image.open(out), blown_up(plain, Image.Resampling.BILINEAR), plain.filter(ImageFilter.GaussianBlur(2)),
        plain.point([min(255, round(1.1 * one)) for one in range(256)] * 3),
        plain.crop((width // 20, height // 20, width, height)).resize(plain.size),
    ]  # fmt: skip
    assert all(compare_roughly(BY, BY, difference(plain, one.convert("RGB"))).outcome != "mismatch" for one in changed)
    others = [compare_roughly(BY, BY, difference(drawn(seed), drawn(seed + 500))).outcome for seed in range(40)]
    assert others.count("mismatch") >= 39


def test_between_honest_and_cheating_nothing_is_said() -> None:
    limits = Thresholds(pdq_bits=20, detail=1.1, likeness=0.9, runs=100)
    good = Difference(pdq_bits=10, quality=100, detail=1.0, likeness=0.95, reference_detail=5)
    cases: dict[str, list[dict[str, Any]]] = {
        "match": [{}],
        "inconclusive": [{"pdq_bits": 25}, {"detail": 0.8}, {"detail": 1.3}, {"likeness": 0.85}, {"quality": 49},
                         {"reference_detail": 0.4}],
        "mismatch": [{"pdq_bits": 31}, {"detail": 0.5}, {"detail": 1.7}, {"likeness": 0.7}],
    }  # fmt: skip
    for wanted, changes in cases.items():
        for changed in changes:
            found = compare(BY, BY, replace(good, **changed), limits)
            assert (changed, found.outcome) == (changed, wanted)
            assert found.why.endswith(".")
    assert compare(BY, BY, replace(good, pdq_bits=91), replace(limits, pdq_bits=200)) == Comparison(
        "mismatch", "It is another picture: 91 of 256 bits differ."
    )


def test_runs_that_were_all_the_same_accuse_nobody_for_a_bit() -> None:
    same = calibrate([Difference(0, 100, 1.0, 1.0, 5.0)] * 20)
    assert compare(BY, BY, Difference(2, 100, 1.01, 0.97, 5.0), same).outcome == "inconclusive"
    with pytest.raises(ValueError, match="20"):
        calibrate([Difference(0, 100, 1.0, 1.0, 5.0)] * 19)


def test_sizes_have_to_be_the_same() -> None:
    with pytest.raises(ValueError, match="pixels"):
        difference(drawn(1), drawn(1).resize((96, 64)))
    with pytest.raises(ValueError, match="16"):
        difference(Image.new("RGB", (15, 99)), Image.new("RGB", (15, 99)))


def test_compression_is_not_cheating_once_it_was_calibrated() -> None:
    def packed(one: Image.Image) -> Image.Image:
        out = io.BytesIO()
        one.save(out, "WEBP", quality=90)
        return Image.open(out)

    limits = calibrate([difference(drawn(seed), packed(drawn(seed, 1))) for seed in range(30)])
    found = [outcome(drawn(seed), packed(drawn(seed, 2)), limits) for seed in range(30, 40)]
    assert "mismatch" not in found
    assert outcome(drawn(30), packed(blown_up(drawn(30), Image.Resampling.LANCZOS)), limits) == "mismatch"
