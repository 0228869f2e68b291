"""What a file is by its first bytes, whatever its name or its sender says.

Signatures: PNG (RFC 2083 section 3.1), JPEG (ITU T.81), GIF89a, WebP (RIFF container, RFC 9649), AVIF and HEIC
(ISO/IEC 14496-12 `ftyp` brands), TIFF 6.0, BMP, PDF. Text that could run in a page is named, so that it can be refused.
"""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"\x1f\x8b", "application/gzip"),
)
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
}
_TEXT_WINDOW = 4096


def sniff(data: bytes) -> str | None:
    """The media type that the bytes themselves show; None when nothing is recognised.

    Besides pictures it names `image/svg+xml`, `text/html`, `text/xml` and `application/json`, which are never opened.
    """
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return _by_brand(data)
    return _as_text(data)


def _by_brand(data: bytes) -> str | None:
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    known = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    return "image/avif" if "image/avif" in known else known[0] if known else None


def _as_text(data: bytes) -> str | None:
    head = data[:_TEXT_WINDOW]
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            head = head[len(mark) :].decode(encoding, "ignore").encode()
            break
    text = head.lstrip().lower()
    if b"<svg" in text and text.startswith((b"<", b"!")):
        return "image/svg+xml"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")) or b"<html" in text:
        return "text/html"
    if text.startswith((b"<?xml", b"<!doctype", b"<!--")):
        return "text/xml"
    if text.startswith((b"{", b"[")):
        return "application/json"
    return None
