"""What is put into a picture's file when it is taken home, and the picture without it, byte for byte.

Both are insertions of their own. A C2PA manifest store: chunks `caBX` in PNG, a chunk `C2PA` in WebP, segments APP11 of one
JUMBF box in JPEG (C2PA specification 2.2, appendix A.3). A recipe (`triptych.imaging.recipe`): a text chunk `iTXt` with the
keyword "Triptych recipe" in PNG, a chunk `TRPR` in WebP, a comment that begins with "Triptych recipe: " in JPEG. Taken out,
what is left is the file as it was before. So such a file can be tied to the hash of the one without, with nothing but these
few lines.
"""

from collections.abc import Callable, Iterator
from typing import Literal

Extra = Literal["credentials", "recipe"]
Span = tuple[Extra, int, int]  # what it is, from byte, to byte

PNG = b"\x89PNG\r\n\x1a\n"
PNG_RECIPE = b"Triptych recipe\0"
"""The keyword of the text chunk, as PNG (third edition) writes one in section 11.3.3.4."""
JPEG_RECIPE = b"Triptych recipe: "
WEBP_RECIPE = b"TRPR"
COMMENT = 0xFE
_C2PA_BOX = bytes.fromhex("6332706100110010800000aa00389b71")  # the type of the superbox, ISO 19566-5 description box
_BEFORE_SCAN = 0xDA  # the marker after which there are no more segments


def has_credentials(data: bytes) -> bool:
    """Whether a PNG, JPEG or WebP carries a C2PA manifest store. Other and broken files carry none."""
    return any(what == "credentials" for what, _, _ in spans(data))


def has_recipe(data: bytes) -> bool:
    """Whether a PNG, JPEG or WebP carries a recipe of its own place; one in XMP is a part of the picture's file."""
    return any(what == "recipe" for what, _, _ in spans(data))


def bare(data: bytes) -> bytes:
    """The file without its manifest store and its recipe; the same bytes when it has neither."""
    found = list(spans(data))
    if not found:
        return data
    kept, place = bytearray(), 0
    for _, start, end in found:
        kept += data[place:start]
        place = end
    kept += data[place:]
    if data[:4] == b"RIFF":
        size = int.from_bytes(data[4:8], "little") - sum(end - start for _, start, end in found)
        kept[4:8] = max(0, size).to_bytes(4, "little")
    return bytes(kept)


def spans(data: bytes) -> Iterator[Span]:
    """Where they stand, in the order of the file."""
    found = next((read for is_it, read in _KINDS if is_it(data)), None)
    return iter(()) if found is None else found(data)


def _in_png(data: bytes) -> Iterator[Span]:
    place = len(PNG)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        if kind == b"caBX" and end <= len(data):
            yield "credentials", place, end
        elif kind == b"iTXt" and data.startswith(PNG_RECIPE, place + 8) and end <= len(data):
            yield "recipe", place, end
        if kind == b"IEND":
            return
        place = end


def _in_webp(data: bytes) -> Iterator[Span]:
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        end, what = place + 8 + size + (size & 1), _WEBP.get(data[place : place + 4])
        if what is not None and place + 8 + size <= len(data):
            yield what, place, min(end, len(data))
        place = end


def _in_jpeg(data: bytes) -> Iterator[Span]:
    """Segments of one box have its number in common; the first of them begins with the box's description."""
    place, ours = 2, set[bytes]()
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != _BEFORE_SCAN:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        head = data[place + 4 : place + 64]
        if data[place + 1] == 0xEB and head[:2] == b"JP" and end <= len(data):
            number = head[2:4]
            if _C2PA_BOX in head:
                ours.add(number)
            if number in ours:
                yield "credentials", place, end
        elif data[place + 1] == COMMENT and head.startswith(JPEG_RECIPE) and end <= len(data):
            yield "recipe", place, end
        place = max(end, place + 4)


_WEBP: dict[bytes, Extra] = {b"C2PA": "credentials", WEBP_RECIPE: "recipe"}
_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[Span]]], ...] = (
    (lambda data: data.startswith(PNG), _in_png),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _in_webp),
    (lambda data: data.startswith(b"\xff\xd8"), _in_jpeg),
)
