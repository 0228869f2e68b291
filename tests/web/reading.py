"""Everything that a page gets to know: answers with their headings and bytes, the event stream as it came, what is drawn, said and
kept; and what of it names a maker beside a picture, or tells two pictures apart."""

import json
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, Request

SPOKEN = """() => { window.spoken = []; new MutationObserver(() => { window.spoken.push(document.title);
  for (const e of document.querySelectorAll('[role=status], [role=alert], [aria-live]')) window.spoken.push(e.textContent);
}).observe(document, { subtree: true, childList: true, characterData: true }); }"""
KEPT = "async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, window.spoken, await caches.keys(), performance.getEntriesByType('resource').map(e => [e.name, e.serverTiming.map(t => t.name)])])"
PIECES = ", ".join(f":is(main, dialog[open], aside) {piece}" for piece in ("figure", "li", "article", ".tile", "h2"))
"""What is drawn of one picture or one thing each; the prompt bar beside them names every model."""
SIZES = {"content-length", "date"}
"""Headings that follow from the pixels alone, and the time of day."""


@dataclass
class Reader:
    """Of one page, from now on. `take` is to be called before the page goes to another document."""

    page: Page
    events: list[tuple[str, str, str]] = field(default_factory=list)  # as they came: id, name and data
    answers: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: list[Request] = []
        self._wire = self.page.context.new_cdp_session(self.page)
        self._wire.on(
            "Network.eventSourceMessageReceived",
            lambda e: self.events.append((e["eventId"], e["eventName"], e["data"])),
        )
        self._wire.send("Network.enable")
        self.page.on("requestfinished", lambda asked: self._open.append(asked))
        self.page.on("console", lambda told: self.said.append(f"{told.text} {told.location}"))
        self.page.add_init_script(f"({SPOKEN})()")

    def forget(self) -> None:
        """Begins anew, after the page has gone to another document: what came for the one before cannot be read any more."""
        self._open.clear()

    def take(self) -> None:
        """Reads the bytes of what came."""
        came, self._open[:] = list(self._open), []
        for asked in came:
            one = asked.response()
            if one is None or "/web/" in one.url or one.headers.get("content-type", "").startswith("text/event-stream"):
                continue
            body = b"" if one.status in {204, 304} or 300 <= one.status < 400 else one.body()
            self.answers.append((f"{asked.method} {one.url}", one.all_headers(), body))

    def texts(self) -> list[tuple[str, str]]:
        """All of it as text, each with where it is from; of a document what it starts from."""
        self.take()
        found = [(f"event {kind}", data) for _, kind, data in self.events]
        for where, headers, body in self.answers:
            timeless = {name: value for name, value in headers.items() if name != "date"}
            found.append((f"headings of {where}", json.dumps([where, timeless])))
            kind = headers.get("content-type", "")
            if "html" in kind and (boot := re.search(r'id="boot"[^>]*>(.*?)</script>', body.decode(), re.DOTALL)):
                found.append((f"boot of {where}", boot.group(1)))
            elif "json" in kind:
                found.append((where, body.decode()))
        found += [("kept and spoken", self.page.evaluate(KEPT)), ("console", "\n".join(self.said))]
        return found + [
            ("drawn", html) for html in self.page.locator(PIECES).evaluate_all("es => es.map(e => e.outerHTML)")
        ]

    def pictures(self, image: str) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Every answer with pixels of one picture: where from, its headings but for their size, and its bytes."""
        self.take()
        return [
            (where.replace(image, "own"), {name: value for name, value in headers.items() if name not in SIZES}, body)
            for where, headers, body in self.answers
            if image in where and headers.get("content-type", "").startswith("image/")
        ]


def telling(text: str, own: Collection[str], makers: Collection[str]) -> list[str]:
    """The smallest parts that name one of these ids and a maker, too."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return _telling(value, own, makers)


def _telling(value: Any, own: Collection[str], makers: Collection[str]) -> list[str]:
    text = json.dumps(value).lower()
    if not any(name.lower() in text for name in own) or not any(name in text for name in makers):
        return []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    inner = [found for part in parts for found in _telling(part, own, makers)]
    plain = isinstance(value, dict) and any(isinstance(v, str) and v in own for v in value.values())
    return inner or ([text[:300]] if plain or isinstance(value, str) else [])


def without(text: str, own: Sequence[str]) -> str:
    """A text without the ids of its own, and without which of the two it is by its place."""
    for name in own:
        text = text.replace(name, "own").replace(name[-6:], "own")
    text = re.sub(r'tabindex="-?\d"|aria-(?:posinset|current|pressed|selected)="\w+"', "", text)
    return re.sub(r"\b[AB]\b|\([12]\)|, [12]\b|(?<=>)[12](?=</button>)", "@", text)


def chunks(data: bytes) -> list[str]:
    """What a PNG or WebP is made of, and how it is encoded; nothing of what it shows."""
    if data[8:12] == b"WEBP":
        found, at = [], 12
        while at + 8 <= len(data):
            length = int.from_bytes(data[at + 4 : at + 8], "little")
            found.append(data[at : at + 4].decode())
            at += 8 + length + length % 2
        return found
    assert data.startswith(b"\x89PNG"), data[:16]
    found, at, packed = [], 8, b""
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IHDR":
            found.append(f"IHDR {data[at + 8 : at + 8 + length].hex()}")  # size, depth, kind of colour, interlacing
        elif kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        else:
            found.append(kind.decode())
        at += 12 + length
    return [*found, packed[:2].hex(), str(len(zlib.decompress(packed)))]
