"""Opens pictures with Pillow: only known formats, only within the caps, upright, in sRGB and free of metadata."""

import io

from PIL import Image, ImageCms

from triptych.imaging.header import MAX_PIXELS, header
from triptych.spec.errors import HostileContentError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
"""What is opened here, by Pillow's names."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, OverflowError, TypeError)
"""What Pillow raises for broken files, `UnidentifiedImageError` (an OSError) included."""


def open_picture(data: bytes) -> Image.Image:
    """Decodes the first frame to RGB or RGBA. Raises HostileContentError for anything that is not a whole picture."""
    header(data)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise HostileContentError("The picture is larger than its header says.", hint="It was not decoded.")
            opened.load()
            return _upright(opened)
    except Image.DecompressionBombError as error:
        raise HostileContentError("The picture unpacks to far more than it claims.") from error
    except DAMAGED as error:
        raise HostileContentError("The picture is damaged: it could not be decoded to its end.") from error


def _upright(image: Image.Image) -> Image.Image:
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    plain = _in_srgb(image, _eight_bit(image))
    plain.info = {}
    return plain.transpose(turn) if turn is not None else plain


def _eight_bit(image: Image.Image) -> Image.Image:
    has_alpha = image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info
    if image.mode.startswith("I"):  # 16 bits of grey, which a plain conversion would cut off at 255
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    return image.convert("RGBA" if has_alpha else "RGB")


def _in_srgb(image: Image.Image, plain: Image.Image) -> Image.Image:
    """The colours of an embedded RGB profile brought to sRGB; a profile that cannot be read is left out."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "RGBA"}:
        return plain
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, *DAMAGED):
        return plain
    return plain if turned is None else turned


def flattened(image: Image.Image) -> Image.Image:
    """Transparency laid on white, for formats that have none."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def encode(image: Image.Image, media_type: str, quality: int | None = None, *, quick: bool = False) -> bytes:
    """The picture as a file without any metadata. `quality` 0 to 100 is for JPEG and WebP; `quick` favours speed."""
    out = io.BytesIO()
    if media_type == "image/jpeg":
        flattened(image).save(
            out, "JPEG", quality=90 if quality is None else min(max(quality, 1), 100), optimize=not quick
        )
    elif media_type == "image/webp":
        image.save(out, "WEBP", quality=90 if quality is None else quality, method=1 if quick else 4)
    else:
        image.save(out, "PNG", compress_level=1 if quick else 6)
    return out.getvalue()
