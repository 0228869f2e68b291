"""A part of a picture brought to another size and written as a file, with a recipe in it where one is wanted."""

import io
from xml.sax.saxutils import quoteattr

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from triptych.imaging.decode import encode, flattened, open_picture
from triptych.spec.errors import HostileContentError

RECIPE_SPACE = "urn:triptych:recipe:1:"
"""The XML name space of the recipe; the attribute is `Recipe`."""
_MOST_RECIPE = 48 << 10  # bytes; a JPEG segment holds 65,533
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def packet(recipe: str) -> bytes:
    """An XMP packet (ISO 16684-1) with a recipe as its only property; empty for a recipe that is too long for it."""
    written = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" '
        f'xmlns:triptych="{RECIPE_SPACE}" triptych:Recipe={quoteattr(recipe)}/></rdf:RDF></x:xmpmeta>'
    ).encode()
    return written if len(written) <= _MOST_RECIPE else b""


def reframed(
    data: bytes,
    box: tuple[int, int, int, int] | None,
    size: tuple[int, int],
    media_type: str,
    quality: int | None = None,
    recipe: str = "",
) -> bytes:
    """The part `box` (left, top, right, bottom; None: all of it) at `size` pixels. Raises HostileContentError for what is no
    picture and for a box that is not in it."""
    picture = open_picture(data)
    if box is not None and not (0 <= box[0] < box[2] <= picture.width and 0 <= box[1] < box[3] <= picture.height):
        raise HostileContentError("The picture is smaller than the part that was asked for.")
    part = picture if box is None else picture.crop(box)
    if part.size != size:
        part = part.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _written(part, media_type, quality, packet(recipe)) if recipe else encode(part, media_type, quality)


def _written(image: Image.Image, media_type: str, quality: int | None, xmp: bytes) -> bytes:
    out = io.BytesIO()
    if media_type == "image/jpeg":
        flattened(image).save(out, "JPEG", quality=90 if quality is None else quality, optimize=True, xmp=xmp)
    elif media_type == "image/webp":
        image.save(out, "WEBP", quality=90 if quality is None else quality, method=4, xmp=xmp)
    else:
        info = PngInfo()
        if xmp:
            info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        image.save(out, "PNG", compress_level=6, pnginfo=info)
    return out.getvalue()
