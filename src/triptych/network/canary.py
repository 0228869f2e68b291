"""Canaries: jobs of nobody, that look like the jobs of somebody, to see what a node makes of them.

The settings of a canary are those of one real job, taken together, so that all canaries together have the lengths and settings of
all real jobs; its words are put together from phrases and tell nothing of anybody. A node that knows the phrases could know the canary:
hand in your own. Each asking has a nonce and a time of its own, so that the node which drew the right picture and the one that is
tried were asked nothing that is the same to the byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import msgspec

from triptych.network.job import Job

_LEAST_BITS = 31  # of a seed, where the real ones are small
_SLACK = 2  # letters that a prompt may be longer than its model
_FILL = ("calm", "wide", "soft", "old", "dim", "blue", "far", "low")

PHRASES = (
    "a lighthouse on a rocky coast", "two herons at the edge of a pond", "an orchard after the first snow", "a baker at her oven",
    "a market square at noon", "a ship in a storm", "a fox asleep under a hedge", "an old man mending nets", "a girl reading at a window",
    "a mountain lake", "a train crossing a viaduct", "a bowl of pears on a linen cloth", "a walled garden", "a windmill", "three sheep",
    "a blacksmith at work", "a narrow street in the rain", "an owl", "a harbour with fishing boats", "a field of barley", "a chapel",
    "in the manner of an etching", "watercolour on rough paper", "oil on canvas", "a woodcut in two colours", "pencil drawing",
    "photograph, 50 mm lens", "shallow depth of field", "soft morning light", "late afternoon sun", "under a full moon", "heavy clouds",
    "long shadows", "mist over the water", "warm colours", "muted greens and greys", "high contrast", "fine detail", "seen from above",
    "seen from a low angle", "wide view", "close up", "a quiet mood", "no people", "a flock of birds in the distance",
    "a stone bridge in the background", "reflections in wet cobbles", "candlelight", "autumn leaves", "empty sky",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """What a node can see of a job but its words: letters of the prompt and of the negative one, bits of the seed, settings."""

    letters: int
    negative: int | None
    seed_bits: int
    size: str | None
    quality: str | None
    output_format: Literal["png", "jpeg", "webp"] | None
    steps: int | None
    guidance: float | None
    n: int
    previews: int


def shape_of(job: Job) -> Shape | None:
    """The shape of a real job; None for one with pictures, which no canary can look like."""
    if job.images:
        return None
    negative = None if job.negative_prompt is None else len(job.negative_prompt)
    return Shape(
        len(job.prompt), negative, job.seed.bit_length(), job.size, job.quality, job.output_format, job.steps, job.guidance,
        job.n, job.previews,
    )  # fmt: skip


def invent(
    shapes: Sequence[Shape], model: str, draw: Random, nonce: str, now_ms: int, phrases: Sequence[str] = PHRASES
) -> Job:
    """A canary for the node that makes the right picture. Raises ValueError for no shapes or no phrases."""
    if not shapes or not phrases:
        raise ValueError("A canary needs shapes of real jobs and phrases.")
    one = draw.choice(shapes)
    bits = max(_LEAST_BITS, *(shape.seed_bits for shape in shapes))
    return Job(
        model=model, prompt=_words(one.letters, draw, phrases), seed=draw.getrandbits(bits), nonce=nonce, sent_ms=now_ms, n=one.n,
        size=one.size, quality=one.quality, output_format=one.output_format,
        negative_prompt=None if one.negative is None else _words(one.negative, draw, phrases), steps=one.steps,
        guidance=one.guidance, previews=one.previews,
    )  # fmt: skip


def again(job: Job, model: str, nonce: str, now_ms: int) -> Job:
    """The same job for another node, which calls its model so: the same seed and settings, and nothing by which to know it.
    A guest's word stays with the node that it was for."""
    return msgspec.structs.replace(job, model=model, nonce=nonce, sent_ms=now_ms, guest=None)


def _words(letters: int, draw: Random, phrases: Sequence[str]) -> str:
    """Phrases, as near to that many letters as words can be."""
    found = ""
    pool: list[str] = []
    while len(found) < letters - _SLACK:
        if not pool:
            pool = draw.sample(phrases, len(phrases))
        room = letters + _SLACK - len(found) - (2 if found else 0)
        fits = next((one for one in pool if len(one) <= room), None)
        if fits is None:
            return _filled(found, letters, draw)
        pool.remove(fits)
        found += f", {fits}" if found else fits
    return found


def _filled(found: str, letters: int, draw: Random) -> str:
    """The last few letters."""
    while len(found) < letters - _SLACK:
        found += (" " if found else "") + draw.choice(_FILL)
    return found[: letters + _SLACK]
