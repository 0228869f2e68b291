"""Headers are read without a decoder and agree with it; hostile files are named for what they are."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from triptych.imaging import header as header_module
from triptych.imaging.decode import open_picture
from triptych.imaging.header import MAX_PIXELS, header
from triptych.imaging.mask import mask_from_alpha, read_mask
from triptych.imaging.sniff import sniff
from triptych.spec.errors import HostileContentError


def picture(fmt: str, size: tuple[int, int] = (40, 24), mode: str = "RGB", **options: Any) -> bytes:
    rng = np.random.default_rng(4)
    channels = {"RGB": 3, "RGBA": 4, "L": 1}[mode]
    pixels = rng.integers(0, 255, (size[1], size[0], channels), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels.squeeze(), mode).save(out, fmt, **options)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    ihdr = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_the_header_agrees_with_the_decoder(fmt: str) -> None:
    data = picture(fmt)
    info = header(data)
    assert info.media_type == f"image/{fmt.lower()}" == sniff(data)
    assert (info.width, info.height) == (40, 24) == open_picture(data).size
    assert info.frames == 1


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "AVIF"])
def test_transparency_is_seen_in_the_header(fmt: str) -> None:
    assert header(picture(fmt, mode="RGBA")).has_alpha
    assert not header(picture(fmt)).has_alpha


def test_lossless_webp_and_transparent_palette() -> None:
    assert header(picture("WEBP", lossless=True)).width == 40
    assert header(picture("WEBP", mode="RGBA", lossless=True)).has_alpha
    paletted = Image.open(io.BytesIO(picture("PNG"))).quantize(8)
    out = io.BytesIO()
    paletted.save(out, "PNG", transparency=0)
    assert header(out.getvalue()).has_alpha
    assert open_picture(out.getvalue()).mode == "RGBA"


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured(fmt: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = picture(fmt, exif=exif.tobytes())
    info = header(data)
    assert (info.width, info.height) == ((24, 40) if orientation > 4 else (40, 24))
    assert open_picture(data).size == (info.width, info.height)


def test_animations_count_their_frames() -> None:
    frames = [Image.new("RGB", (16, 16), (9 * i, 0, 0)) for i in range(5)]
    for fmt in ("GIF", "WEBP", "PNG"):
        out = io.BytesIO()
        frames[0].save(out, fmt, save_all=True, append_images=frames[1:])
        assert header(out.getvalue()).frames == 5, fmt


def test_too_many_frames_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("RGB", (16, 16), (9 * i, 0, 0)) for i in range(5)]
    monkeypatch.setattr(header_module, "MAX_FRAMES", 4)
    for fmt in ("GIF", "WEBP", "PNG"):
        out = io.BytesIO()
        frames[0].save(out, fmt, save_all=True, append_images=frames[1:])
        with pytest.raises(HostileContentError, match="frames; the limit is 4"):
            header(out.getvalue())


def test_a_bomb_is_refused_from_its_header() -> None:
    with pytest.raises(HostileContentError, match="40000x40000 pixels; the limit is 64 megapixels"):
        header(bomb(40_000, 40_000))
    assert header(bomb(8000, MAX_PIXELS // 8000)).width == 8000
    with pytest.raises(HostileContentError, match="zero pixels"):
        header(bomb(0, 10))


def test_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_module, "MAX_BYTES", 1024)
    with pytest.raises(HostileContentError, match="MiB; the limit is"):
        header(picture("PNG") + b"\0" * 1024)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "image/svg+xml", "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x --><svg/>', "image/svg+xml", "SVG"),
        ("\ufeff<svg></svg>".encode("utf-16-le"), "image/svg+xml", "SVG"),
        (b"\n <!DOCTYPE html><html>", "text/html", "an HTML page"),
        (b"<?xml version='1.0'?><error/>", "text/xml", "an XML document"),
        (b'{"error": "no"}', "application/json", "JSON text"),
        (b"%PDF-1.7", "application/pdf", "application/pdf"),
        (b"II*\x00rest", "image/tiff", "image/tiff"),
        (b"\x00\x01\x02 nothing at all", None, "no known kind"),
    ],
)
def test_other_things_are_named_and_refused(data: bytes, kind: str | None, words: str) -> None:
    assert sniff(data) == kind
    with pytest.raises(HostileContentError, match=words):
        header(data)


def test_nothing_is_refused_too() -> None:
    with pytest.raises(HostileContentError, match="empty"):
        header(b"")


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_every_cut_is_refused_by_header_or_decoder(fmt: str) -> None:
    data = picture(fmt)
    for end in range(1, len(data) - 8, 61):
        with pytest.raises(HostileContentError):
            open_picture(data[:end])


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "GIF"])
def test_a_cut_is_seen_without_decoding(fmt: str) -> None:
    with pytest.raises(HostileContentError, match="cut off or damaged"):
        header(picture(fmt)[:-40])


@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "AVIF", ""]))
def test_any_bytes_give_an_answer_or_our_error(tail: bytes, fmt: str) -> None:
    data = (picture(fmt, (8, 8))[:30] if fmt else b"") + tail
    try:
        info = header(data)
    except HostileContentError:
        return
    assert info.width > 0


def test_sixteen_bit_grey_is_scaled_not_cut() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (8, 1))
    out = io.BytesIO()
    Image.fromarray(ramp).save(out, "PNG")
    grey = np.asarray(open_picture(out.getvalue()))[0, :, 0]
    assert grey[0] == 0
    assert 120 < grey[32] < 136
    assert grey[-1] == 255


def test_a_mask_is_one_where_transparent() -> None:
    alpha = np.full((10, 20), 255, np.uint8)
    alpha[:, :10] = 0
    out = io.BytesIO()
    Image.merge("LA", [Image.new("L", (20, 10)), Image.fromarray(alpha)]).save(out, "PNG")
    mask = mask_from_alpha(out.getvalue())
    assert mask.shape == (10, 20)
    assert (mask[:, :10] == 1).all()
    assert (mask[:, 10:] == 0).all()
    assert mask_from_alpha(out.getvalue(), (40, 20)).shape == (20, 40)
    assert not mask_from_alpha(picture("PNG")).any()


def mask_file(kind: str, *, background: int, middle: int) -> bytes:
    """A PNG of 12x8 with another value in its middle: of grey, or of transparency over black."""
    shade = np.full((8, 12), background, np.uint8)
    shade[2:6, 3:9] = middle
    grey = Image.fromarray(shade)
    black = Image.new("L", grey.size)
    image = {
        "LA": lambda: Image.merge("LA", (black, grey)), "RGBA": lambda: Image.merge("RGBA", (black, black, black, grey)),
        "1": lambda: grey.convert("1"), "RGB": lambda: grey.convert("RGB"), "P": lambda: grey.convert("P"), "L": lambda: grey,
    }[kind]()  # fmt: skip
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("kind", ["L", "1", "RGB", "P"])
def test_a_mask_without_transparency_is_read_by_its_brightness(kind: str) -> None:
    reading, made = read_mask(mask_file(kind, background=0, middle=255))
    assert (reading.by, reading.nothing, reading.everything) == ("brightness", False, False)
    assert Image.open(io.BytesIO(made)).mode == "RGBA"
    changed = mask_from_alpha(made)
    assert (changed[2:6, 3:9] == 1).all()
    assert changed.sum() == 24


@pytest.mark.parametrize("kind", ["LA", "RGBA"])
def test_a_mask_that_can_be_transparent_is_read_by_that_alone(kind: str) -> None:
    data = mask_file(kind, background=255, middle=0)
    reading, made = read_mask(data)
    assert (reading.by, reading.least, reading.most) == ("transparency", 0, 255)
    assert made == data


@pytest.mark.parametrize(
    ("kind", "background", "middle", "nothing", "everything"),
    [("RGBA", 255, 255, True, False), ("RGBA", 0, 0, False, True), ("RGBA", 255, 252, True, False),
     ("L", 0, 0, True, False), ("L", 0, 3, True, False), ("L", 0, 40, False, False), ("L", 255, 253, False, True)],
)  # fmt: skip
def test_whether_a_mask_changes_anything(
    kind: str, background: int, middle: int, nothing: bool, everything: bool
) -> None:
    reading, _ = read_mask(mask_file(kind, background=background, middle=middle))
    assert (reading.nothing, reading.everything) == (nothing, everything)
