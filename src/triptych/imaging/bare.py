"""Where the content credentials of a picture stand, and the picture without them, byte for byte.

A C2PA manifest store is one insertion: chunks `caBX` in PNG, a chunk `C2PA` in WebP, segments APP11 of one JUMBF box in
JPEG (C2PA specification 2.2, appendix A.3). Taken out, what is left is the file as it was before they were put in. So a
file with credentials can be tied to the hash of the one without, with nothing but these few lines.
"""

from collections.abc import Callable, Iterator

Span = tuple[int, int]  # from byte, to byte

_PNG = b"\x89PNG\r\n\x1a\n"
_C2PA_BOX = bytes.fromhex("6332706100110010800000aa00389b71")  # the type of the superbox, ISO 19566-5 description box
_BEFORE_SCAN = 0xDA  # the marker after which there are no more segments


def has_credentials(data: bytes) -> bool:
    """Whether a PNG, JPEG or WebP carries a C2PA manifest store. Other and broken files carry none."""
    return next(_spans(data), None) is not None


def bare(data: bytes) -> bytes:
    """The file without its manifest store; the same bytes when it has none."""
    spans = list(_spans(data))
    if not spans:
        return data
    kept, place = bytearray(), 0
    for start, end in spans:
        kept += data[place:start]
        place = end
    kept += data[place:]
    if data[:4] == b"RIFF":
        size = int.from_bytes(data[4:8], "little") - sum(end - start for start, end in spans)
        kept[4:8] = max(0, size).to_bytes(4, "little")
    return bytes(kept)


def _spans(data: bytes) -> Iterator[Span]:
    found = next((read for is_it, read in _KINDS if is_it(data)), None)
    return iter(()) if found is None else found(data)


def _in_png(data: bytes) -> Iterator[Span]:
    place = len(_PNG)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        if kind == b"caBX" and end <= len(data):
            yield place, end
        if kind == b"IEND":
            return
        place = end


def _in_webp(data: bytes) -> Iterator[Span]:
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        end = place + 8 + size + (size & 1)
        if data[place : place + 4] == b"C2PA" and place + 8 + size <= len(data):
            yield place, min(end, len(data))
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
                yield place, end
        place = max(end, place + 4)


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[Span]]], ...] = (
    (lambda data: data.startswith(_PNG), _in_png),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _in_webp),
    (lambda data: data.startswith(b"\xff\xd8"), _in_jpeg),
)
