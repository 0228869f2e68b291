"""What a picture shows, by a tiny network that is a real file: its vector, the process that makes it, and how it fails."""

import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from tests.unit.tiny_onnx import bright_is_subject, seer

from triptych.imaging.tools.bench import ToolBench
from triptych.imaging.tools.embed import embedded, likeness
from triptych.imaging.tools.job import ToolDiedError, ToolError, ToolJob, Weights
from triptych.imaging.tools.network import open_network


def weights(folder: Path, data: bytes) -> Weights:
    path = folder / "tiny.onnx"
    path.write_bytes(data)
    return Weights(path=str(path), sha256=hashlib.sha256(data).hexdigest())


def png(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def job(found: Weights | None) -> ToolJob:
    return ToolJob(kind="embed", width=0, height=0, memory_mib=4096, weights=found, side=32)


def test_what_shows_the_like_is_near_whatever_its_size(tmp_path: Path) -> None:
    net = open_network(weights(tmp_path, seer()), "image_embeds")
    colours = ("#d01010", "#c01818", "#1010d0")
    red, reddish, blue = (embedded(Image.new("RGB", (40 * n, 30), c), net, 32) for n, c in enumerate(colours, 1))
    assert len(red) == 3
    near, far = likeness(red, reddish + blue)
    assert near > 0.99
    assert far < near - 0.5
    assert likeness(red, b"").size == 0


def test_the_middle_of_a_wide_picture_is_what_counts(tmp_path: Path) -> None:
    net = open_network(weights(tmp_path, seer()), "image_embeds")
    wide = Image.new("RGB", (300, 100), "#1010d0")
    wide.paste("#d01010", (100, 0, 200, 100))
    alike = likeness(embedded(wide, net, 32), embedded(Image.new("RGB", (50, 50), "#d01010"), net, 32))
    assert alike[0] > 0.99


@given(some.lists(some.lists(some.integers(-127, 127), min_size=6, max_size=6), min_size=1, max_size=20))
def test_likeness_is_the_cosine(rows: list[list[int]]) -> None:
    vectors = np.asarray(rows, dtype=np.int8)
    found = likeness(vectors[0].tobytes(), vectors.tobytes())
    whole = vectors.astype(np.float64)
    lengths = np.maximum(np.linalg.norm(whole, axis=1) * np.linalg.norm(whole[0]), 1)
    assert np.allclose(found, whole @ whole[0] / lengths, atol=1e-4)


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    net = open_network(weights(tmp_path, bright_is_subject()), "image_embeds")
    with pytest.raises(ToolError, match="not with one vector"):
        embedded(Image.new("RGB", (8, 8), "red"), net, 32)


async def test_one_process_looks_at_many_and_says_which_cannot_be_opened(tmp_path: Path) -> None:
    pictures = [png("red"), b"no picture", png("blue", (9, 200))]
    red, none, blue = await ToolBench().embed(job(weights(tmp_path, seer())), pictures, seconds=60)
    assert none == b""
    assert likeness(red, blue)[0] < 0.5


async def test_other_weights_and_a_process_that_dies_are_told_apart(tmp_path: Path) -> None:
    other = Weights(path=weights(tmp_path, seer()).path, sha256="0" * 64)
    with pytest.raises(ToolError, match="not the one that this model names") as caught:
        await ToolBench().embed(job(other), [png("red")], seconds=60)
    assert not isinstance(caught.value, ToolDiedError)
    with pytest.raises(ToolDiedError, match="ended before its work was done"):
        await ToolBench((sys.executable, "-c", "raise SystemExit(3)")).embed(job(other), [png("red")], seconds=60)
