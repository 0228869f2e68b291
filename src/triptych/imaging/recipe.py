"""A recipe in a place of its own in a picture's file: put in without touching another byte, and read back.

Its place is not XMP: a file has one XMP packet, and a provider's own may say there by law that the picture is an AI's. Which
places are the recipe's says `triptych.imaging.bare`, which takes it out again.
"""

import zlib

from triptych.imaging.bare import COMMENT, JPEG_RECIPE, PNG, PNG_RECIPE, WEBP_RECIPE, bare, spans

MOST_RECIPE = 48 << 10
"""Bytes of a recipe; a segment of a JPEG holds 65,533."""
_PLAIN = b"\0\0\0\0"  # not compressed, method 0, no language, no translated keyword


def with_recipe(data: bytes, recipe: str) -> bytes | None:
    """The PNG, JPEG or WebP with a recipe in it. None for another or a broken file, for one that has a recipe, for a recipe
    that is too long, and wherever taking it out would not bring back every byte."""
    said = recipe.encode()
    if not 0 < len(said) <= MOST_RECIPE:
        return None
    put = next((put for start, put in _KINDS if data.startswith(start)), None)
    made = put(data, said) if put is not None else None
    return made if made is not None and bare(made) == data else None


def recipe_in(data: bytes) -> str | None:
    """The first recipe of the file, as it is written there; None where there is none."""
    found = next(((start, end) for what, start, end in spans(data) if what == "recipe"), None)
    if found is None:
        return None
    if data.startswith(PNG):
        said = data[found[0] + 8 + len(PNG_RECIPE + _PLAIN) : found[1] - 4]
    elif data.startswith(b"RIFF"):
        size = int.from_bytes(data[found[0] + 4 : found[0] + 8], "little")
        said = data[found[0] + 8 : found[0] + 8 + size]
    else:
        said = data[found[0] + 4 + len(JPEG_RECIPE) : found[1]]
    return said[:MOST_RECIPE].decode(errors="replace")


def _in_png(data: bytes, recipe: bytes) -> bytes | None:
    """Right after the header, which is always first (PNG, section 5.6)."""
    place = len(PNG) + 12 + 13
    if data[12:16] != b"IHDR":
        return None
    chunk = b"iTXt" + PNG_RECIPE + _PLAIN + recipe
    length = (len(chunk) - 4).to_bytes(4, "big")
    return data[:place] + length + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[place:]


def _in_webp(data: bytes, recipe: bytes) -> bytes | None:
    """At the end, where unknown chunks stand (WebP container specification, "Unknown Chunks")."""
    if data[8:12] != b"WEBP" or len(data) != 8 + int.from_bytes(data[4:8], "little") or len(data) & 1:
        return None
    chunk = WEBP_RECIPE + len(recipe).to_bytes(4, "little") + recipe + bytes(len(recipe) & 1)
    return b"RIFF" + (len(data) - 8 + len(chunk)).to_bytes(4, "little") + data[8:] + chunk


def _in_jpeg(data: bytes, recipe: bytes) -> bytes | None:
    """After the segments of applications at its beginning: JFIF and Exif want to be first."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and 0xE0 <= data[place + 1] <= 0xEF:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    said = JPEG_RECIPE + recipe
    return data[:place] + bytes((0xFF, COMMENT)) + (len(said) + 2).to_bytes(2, "big") + said + data[place:]


_KINDS = ((PNG, _in_png), (b"RIFF", _in_webp), (b"\xff\xd8", _in_jpeg))
