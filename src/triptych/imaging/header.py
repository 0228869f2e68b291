"""What a picture's header says, read without a decoder: type, shape, transparency, number of frames.

This runs on the way of every answer, so it is a few look-ups in the bytes and no picture library. The formats are read
as their specifications lay them out: PNG (W3C PNG third edition, section 5), JPEG (ITU T.81 annex B), GIF89a,
WebP (RFC 9649), AVIF (ISO/IEC 23000-22 over 14496-12 boxes), Exif orientation (CIPA DC-008, tag 0x0112).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from triptych.imaging.sniff import sniff
from triptych.spec.errors import HostileContentError

MAX_BYTES = 100 * 1024 * 1024
MAX_PIXELS = 64_000_000
MAX_FRAMES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInfo:
    """A picture as it is to be shown: width and height in pixels after its orientation is applied."""

    media_type: str
    width: int
    height: int
    has_alpha: bool
    frames: int = 1


class _Short(Exception):  # noqa: N818 - never leaves this module
    """The bytes end before the header does."""


def header(data: bytes) -> PictureInfo:
    """Reads the header and holds it against the caps. Raises HostileContentError with a sentence that says why."""
    if not data:
        raise HostileContentError("The picture is empty: 0 bytes.")
    if len(data) > MAX_BYTES:
        raise HostileContentError(
            f"The picture has {len(data) / 2**20:.0f} MiB; the limit is {MAX_BYTES // 2**20} MiB.",
            hint="Send a smaller file.",
        )
    media_type = sniff(data)
    reader = _READERS.get(media_type or "")
    if reader is None:
        raise HostileContentError(
            f"This is {_spoken(media_type)}, not a picture that is opened here.",
            hint="PNG, JPEG, WebP, GIF and AVIF are.",
            detail=media_type,
        )
    try:
        info = reader(data)
    except (_Short, IndexError) as short:
        raise HostileContentError(
            f"The {_name(media_type)} is cut off or damaged: its structure ends early."
        ) from short
    return _within_caps(info)


def _within_caps(info: PictureInfo) -> PictureInfo:
    if info.width == 0 or info.height == 0:
        raise HostileContentError(f"The {_name(info.media_type)} claims a side of zero pixels.")
    if info.width * info.height > MAX_PIXELS:
        raise HostileContentError(
            f"The picture claims {info.width}x{info.height} pixels; the limit is {MAX_PIXELS // 1_000_000} megapixels.",
            hint="It was not decoded.",
        )
    if info.frames > MAX_FRAMES:
        raise HostileContentError(f"The picture claims {info.frames} frames; the limit is {MAX_FRAMES}.")
    return info


def _name(media_type: str | None) -> str:
    return (media_type or "file").removeprefix("image/").upper()


def _spoken(media_type: str | None) -> str:
    words = {"image/svg+xml": "SVG, which can carry scripts", "text/html": "an HTML page", "text/xml": "an XML document",
             "application/json": "JSON text", None: "a file of no known kind"}  # fmt: skip
    return words.get(media_type, f"a file of type {media_type}")


def _take(data: bytes, at: int, length: int, order: str = "big") -> int:
    piece = data[at : at + length]
    if len(piece) < length:
        raise _Short
    return int.from_bytes(piece, "little" if order == "little" else "big")


def _turned(info: PictureInfo, exif: bytes) -> PictureInfo:
    """Exif orientations 5 to 8 lie on their side."""
    if _orientation(exif) in {5, 6, 7, 8}:
        return replace(info, width=info.height, height=info.width)
    return info


def _orientation(exif: bytes) -> int:
    tiff = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        first = _take(tiff, 4, 4, order)
        for entry in range(min(_take(tiff, first, 2, order), 200)):
            at = first + 2 + 12 * entry
            if _take(tiff, at, 2, order) == 0x0112:
                return _take(tiff, at + 8, 2, order)
    except _Short:
        return 1
    return 1


def _png(data: bytes) -> PictureInfo:
    if data[12:16] != b"IHDR":
        raise _Short
    width, height, colour = _take(data, 16, 4), _take(data, 20, 4), _take(data, 25, 1)
    alpha, frames, exif, at, pixels_seen = colour in {4, 6}, 1, b"", 8, False
    while True:
        length, kind = _take(data, at, 4), data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            raise _Short
        if kind == b"IEND":
            break
        pixels_seen = pixels_seen or kind == b"IDAT"
        alpha = alpha or kind == b"tRNS"
        frames = _take(data, at + 8, 4) if kind == b"acTL" else frames
        exif = data[at + 8 : at + 8 + length] if kind == b"eXIf" else exif
        at += 12 + length
    if not pixels_seen:
        raise _Short
    info = PictureInfo(media_type="image/png", width=width, height=height, has_alpha=alpha, frames=frames)
    return _turned(info, exif)


def _jpeg(data: bytes) -> PictureInfo:
    at, exif = 2, b""
    while True:
        while _take(data, at, 1) != 0xFF:
            at += 1
        marker = _take(data, at + 1, 1)
        if marker in {0xFF, 0x01} or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in {0xD9, 0xDA}:
            raise _Short
        length = _take(data, at + 2, 2)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\x00\x00":
            exif = data[at + 4 : at + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            break
        at += 2 + length
    if data.rfind(b"\xff\xd9", at) < 0:
        raise _Short
    info = PictureInfo(
        media_type="image/jpeg", width=_take(data, at + 7, 2), height=_take(data, at + 5, 2), has_alpha=False
    )
    return _turned(info, exif)


def _gif(data: bytes) -> PictureInfo:
    flags, at, frames, alpha = _take(data, 10, 1), 13, 0, False
    at += 3 * (2 << (flags & 7)) if flags & 0x80 else 0
    while (kind := _take(data, at, 1)) != 0x3B:
        if kind == 0x21:
            alpha = alpha or (data[at + 1] == 0xF9 and bool(_take(data, at + 3, 1) & 1))
            at += 2
        elif kind == 0x2C:
            local = _take(data, at + 9, 1)
            at += 11 + (3 * (2 << (local & 7)) if local & 0x80 else 0)
            frames += 1
            if frames > MAX_FRAMES:
                break
        else:
            raise _Short
        while length := _take(data, at, 1):
            at += 1 + length
        at += 1
    if not frames:
        raise _Short
    return PictureInfo(media_type="image/gif", width=_take(data, 6, 2, "little"), height=_take(data, 8, 2, "little"),
                       has_alpha=alpha, frames=frames)  # fmt: skip


def _webp(data: bytes) -> PictureInfo:
    end = 8 + _take(data, 4, 4, "little")
    if end > len(data) + 1:
        raise _Short
    chunks, at = [], 12
    while at + 8 <= min(end, len(data)):
        length = _take(data, at + 4, 4, "little")
        if at + 8 + length > len(data):
            raise _Short
        chunks.append((data[at : at + 4], at + 8, length))
        at += 8 + length + (length & 1)
    if not chunks:
        raise _Short
    frames = sum(kind == b"ANMF" for kind, _, _ in chunks) or 1
    kind, body, _ = chunks[0]
    shapes = {b"VP8 ": _webp_lossy, b"VP8L": _webp_lossless, b"VP8X": _webp_extended}
    if kind not in shapes:
        raise _Short
    width, height, alpha = shapes[kind](data, body)
    info = PictureInfo(media_type="image/webp", width=width, height=height, has_alpha=alpha, frames=frames)
    return _turned(info, next((data[b : b + n] for k, b, n in chunks if k == b"EXIF"), b""))


def _webp_lossy(data: bytes, at: int) -> tuple[int, int, bool]:
    return _take(data, at + 6, 2, "little") & 0x3FFF, _take(data, at + 8, 2, "little") & 0x3FFF, False


def _webp_lossless(data: bytes, at: int) -> tuple[int, int, bool]:
    bits = _take(data, at + 1, 4, "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _webp_extended(data: bytes, at: int) -> tuple[int, int, bool]:
    alpha = bool(_take(data, at, 1) & 0x10)
    return _take(data, at + 4, 3, "little") + 1, _take(data, at + 7, 3, "little") + 1, alpha


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The ISO boxes between two offsets: type, start and end of the content."""
    while at + 8 <= end:
        size, kind, start = _take(data, at, 4), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, start = _take(data, at + 8, 8), at + 16
        stop = end if size == 0 else at + size
        if stop > end or stop < start:
            raise _Short
        yield kind, start, stop
        at = stop


def _avif(data: bytes) -> PictureInfo:
    top = {kind: (start, stop) for kind, start, stop in _boxes(data, 0, len(data))}
    if b"meta" not in top or b"mdat" not in top:
        raise _Short
    meta = {kind: (start, stop) for kind, start, stop in _boxes(data, top[b"meta"][0] + 4, top[b"meta"][1])}
    inner = {kind: (start, stop) for kind, start, stop in _boxes(data, *meta.get(b"iprp", (0, 0)))}
    properties = list(_boxes(data, *inner.get(b"ipco", (0, 0))))
    shapes = [(_take(data, at + 4, 4), _take(data, at + 8, 4)) for kind, at, _ in properties if kind == b"ispe"]
    if not shapes:
        raise _Short
    width, height = max(shapes, key=lambda shape: shape[0] * shape[1])
    if any(kind == b"irot" and _take(data, at, 1) & 1 for kind, at, _ in properties):
        width, height = height, width
    alpha = any(kind == b"auxC" and b":alpha" in data[at:stop] for kind, at, stop in properties)
    return PictureInfo(media_type="image/avif", width=width, height=height, has_alpha=alpha)


_READERS: dict[str, Callable[[bytes], PictureInfo]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/avif": _avif,
}
