"""Canaries have the lengths and settings of real jobs, are drawn the same by everybody, and carry nothing of anybody."""

from collections import Counter
from random import Random

import msgspec
import pytest
from tests.unit.network.card_tools import NOW

from triptych.network.canary import PHRASES, again, invent, shape_of
from triptych.network.job import Job, Picture

NONCE, OTHER = "n" * 22, "o" * 22


def real(number: int) -> Job:
    draw = Random(number)
    return Job(
        model="flux", prompt="x" * draw.choice((3, 12, 40, 90, 180, 700, 1400)), seed=draw.getrandbits(32), nonce=NONCE, sent_ms=NOW,
        n=draw.choice((1, 1, 4)), size=draw.choice(("1024x1024", "1344x768", None)), steps=draw.choice((20, 30)), guidance=3.5,
        negative_prompt=draw.choice((None, "blurry, text")),
    )  # fmt: skip


REAL = [real(number) for number in range(60)]
SHAPES = [found for one in REAL if (found := shape_of(one)) is not None]


def canaries(count: int) -> list[Job]:
    draw = Random(9)
    return [invent(SHAPES, "flux", draw, NONCE, NOW) for _ in range(count)]


def test_canaries_are_spread_like_real_jobs() -> None:
    made = canaries(3000)

    def settings(job: Job) -> tuple[object, ...]:
        return (job.n, job.size, job.steps, job.guidance, job.negative_prompt is None, round(len(job.prompt) / 10))

    wanted, found = Counter(map(settings, REAL)), Counter(map(settings, made))
    for one, times in wanted.items():
        near = sum(
            many
            for other, many in found.items()
            if other[:5] == one[:5] and abs(int(str(other[5])) - int(str(one[5]))) <= 1
        )
        assert near / 3000 == pytest.approx(times / 60, abs=0.05), one
    assert {one[:5] for one in found} <= {one[:5] for one in wanted}


def test_prompts_are_as_long_as_real_ones_and_seldom_the_same() -> None:
    made = canaries(1000)
    lengths = {len(one.prompt) for one in REAL}
    assert all(min(abs(len(one.prompt) - length) for length in lengths) <= 4 for one in made)
    longer = [one.prompt for one in made if len(one.prompt) > 60]
    assert len(set(longer)) == len(longer)
    assert "x" * 10 not in "".join(longer)


def test_seeds_are_as_large_as_real_ones() -> None:
    seeds = [one.seed for one in canaries(500)]
    assert max(seeds) >= 2**31
    assert max(seeds) < 2**32
    assert len(set(seeds)) == 500


def test_two_nodes_are_asked_the_same_and_cannot_tell() -> None:
    first = msgspec.structs.replace(canaries(1)[0], guest="g" * 22)
    second = again(first, "flux-here", OTHER, NOW + 5)
    assert (second.nonce, second.sent_ms, second.model, second.guest) == (OTHER, NOW + 5, "flux-here", None)
    same = msgspec.structs.replace(second, nonce=NONCE, sent_ms=NOW, model="flux", guest="g" * 22)
    assert same == first


def test_a_job_with_pictures_has_no_canary() -> None:
    picture = Picture(bytes=1, sha256="0" * 64, media_type="image/png", role="edit")
    assert shape_of(msgspec.structs.replace(REAL[0], images=(picture,))) is None
    with pytest.raises(ValueError, match="shapes"):
        invent([], "flux", Random(1), NONCE, NOW)
    with pytest.raises(ValueError, match="phrases"):
        invent(SHAPES, "flux", Random(1), NONCE, NOW, ())
    assert len(set(PHRASES)) == len(PHRASES)
