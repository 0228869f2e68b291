"""The record of what was really sent: safe to store and to show, and tied to the true bytes by their hash."""

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import msgspec
import pybase64

from triptych.http.message import HttpRequest, Part
from triptych.http.transport import EncodedBody
from triptych.imaging.sniff import sniff
from triptych.provider_kit.adapter import Auth
from triptych.spec.json import Json
from triptych.spec.model import WireRecord

_SECRET_HEADER = re.compile(r"authorization|cookie|(^|[-_])(key|token|secret|signature)$|apikey", re.IGNORECASE)
_SECRET_QUERY = re.compile(
    r"((?:^|&)[^=&]*(?:key|token|secret|sig|signature|credential|password)=)[^&]*", re.IGNORECASE
)
_CONTEXT = re.compile(r"thought_?signature$", re.IGNORECASE)  # a provider's own memory of a conversation
# Only the start of a text is looked at by expressions: the rest may be megabytes, and is decoded strictly anyway.
_DATA_URI = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(;[^,;]+)*;base64")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{32}")
_LONG = 4096  # characters of base64 that are no prompt, whatever they decode to


def wire_record(request: HttpRequest, url: str, body: EncodedBody | None, auth: Auth | None = None) -> WireRecord:
    """What was sent to `url`. `request` has no credentials in it; with `auth` the place where one goes is shown."""
    headers = {name: "<hidden>" if _SECRET_HEADER.search(name) else value for name, value in request.headers.items()}
    if auth is not None:
        headers = {name: value for name, value in headers.items() if name.lower() != auth.header.lower()}
        headers[auth.header] = f"{auth.prefix}<key>"
    if body is not None and body.media_type is not None:
        headers["Content-Type"] = body.media_type
    return WireRecord(
        method=request.method,
        url=_shown_url(url),
        headers=headers,
        body=shown_body(request),
        body_sha256=hashlib.sha256(body.data).hexdigest() if body is not None else None,
        step=request.step,
    )


def shown_body(request: HttpRequest) -> str | None:
    """The body as text, with the bytes of pictures replaced. A form is shown as a list of its parts."""
    if request.parts:
        return _text([_shown_part(part) for part in request.parts])
    return None if request.json is None else _text(_shown(request.json))


def placeholder(data: bytes, media_type: str | None = None) -> str:
    """`<image/png, 12345 bytes, sha256:…>`"""
    kind = sniff(data) or media_type or "application/octet-stream"
    return f"<{kind}, {len(data)} bytes, sha256:{hashlib.sha256(data).hexdigest()}>"


def _text(value: Json) -> str:
    return msgspec.json.encode(value).decode()


def _shown_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=_SECRET_QUERY.sub(r"\1<hidden>", parts.query)))


def _shown_part(part: Part) -> Json:
    shown: dict[str, Json] = {"name": part.name}
    if part.filename is not None:
        shown |= {"filename": part.filename, "content": placeholder(part.data, part.media_type)}
    else:
        shown["content"] = part.data.decode("utf-8", "replace")
    return shown


def _shown(value: Json) -> Json:
    if isinstance(value, str):
        return _shown_text(value)
    if isinstance(value, Mapping):
        return {name: _unshown(item) if _CONTEXT.search(name) else _shown(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return value


def _unshown(value: Json) -> Json:
    return f"<hidden, {len(value)} characters>" if isinstance(value, str) else _shown(value)


def _shown_text(text: str) -> str:
    if text.startswith("data:"):
        head, _, rest = text.partition(",")
        uri = _DATA_URI.fullmatch(head) if len(head) < _LONG else None
        return text if uri is None else placeholder(_decoded(rest) or rest.encode("utf-8", "replace"), uri["type"])
    if not _BASE64.match(text):
        return text
    data = _decoded(text)
    if data is None or not (len(text) >= _LONG or (sniff(data) or "").startswith("image/")):
        return text
    return placeholder(data)


def _decoded(text: str) -> bytes | None:
    plain = text.replace("-", "+").replace("_", "/")  # the other alphabet of RFC 4648 section 5
    if len(plain) % 4:
        plain = plain.rstrip("=")
        plain += "=" * (-len(plain) % 4)
    try:
        return pybase64.b64decode(plain, validate=True)
    except ValueError:
        return None
