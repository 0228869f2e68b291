"""Word that rows are done, by web push, to browsers that asked for it and at which nobody looks.

What goes out says how many rows and pictures, sealed for one browser and always of one length: never a prompt, a model or
a name. A push service (its maker's server, chosen by the browser) sees that something came, and when. No push can hurt a
run: rows are watched from the outside, as a page watches them, and only while somebody asked.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from triptych.app.web_push import SALT, Browser, key_of, new_key, public_of, scalar_of, seal, token
from triptych.http.guard import check_hostile_url, origin
from triptych.http.message import HttpRequest
from triptych.http.transport import EncodedBody, Transport
from triptych.network.jose import decode_url64, encode_url64
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, NotSentError, ProviderFailedError, StorageError, TriptychError
from triptych.spec.records import FINAL_STATES
from triptych.store.base import Bus, RecordStore, Vault

MOST = 20
"""Browsers of one server; the oldest gives way."""
_NAME = "web-push"  # among the secrets of the vault; no provider has this name
_SIZE = 200  # bytes of every text, padded
_WAIT_S, _MOST_BYTES = 10.0, 1 << 16
_SETTLE_S = 1.5  # rows that end together are told once
_KEEP_S = 12 * 3600  # how long a push service keeps one for a browser that is off; also how long a token holds
_GONE = frozenset({404, 410})  # RFC 8030 section 7.3: the subscription is no more
_LANGUAGES = frozenset({"en", "de"})
_log = structlog.get_logger("triptych.push")


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """One browser that asked, as it is kept: all of it is secret."""

    endpoint: str
    p256dh: str
    auth: str
    lang: str = "en"


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    browsers: tuple[Subscribed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What there is to tell: so many rows that ended, with so many tiles, of which so many have a picture."""

    runs: tuple[str, ...]
    done: int
    of: int

    @property
    def topic(self) -> str:
        """A name under which a newer message takes the place of one that is not delivered yet (RFC 8030 section 5.4)."""
        return encode_url64(hashlib.sha256("\n".join(self.runs).encode()).digest()[:24])

    def text(self, lang: str) -> bytes:
        tag = self.runs[0] if len(self.runs) == 1 else "rows"
        return msgspec.json.encode(
            {"tag": tag, "rows": len(self.runs), "done": self.done, "of": self.of, "lang": lang}
        )  # fmt: skip


_TRIAL = Done(runs=(), done=0, of=0)


def read_subscription(value: Mapping[str, object]) -> Subscribed:
    """What a page sends: `PushSubscription.toJSON()` (Push API, section 8) and its language. Raises BadRequestError, and
    HostileContentError for an address that is not https to a public host."""
    endpoint, keys, lang = value.get("endpoint"), value.get("keys"), value.get("lang", "en")
    if not isinstance(endpoint, str) or not isinstance(keys, Mapping):
        raise BadRequestError("A subscription has an endpoint and keys.", param="endpoint")
    check_hostile_url(endpoint)
    point, auth = (
        decode_url64(text) if isinstance(text := keys.get(name), str) else None for name in ("p256dh", "auth")
    )
    Browser(point or b"", auth or b"")
    return Subscribed(endpoint=endpoint, p256dh=str(keys["p256dh"]), auth=str(keys["auth"]),
                      lang=lang if isinstance(lang, str) and lang in _LANGUAGES else "en")  # fmt: skip


class PushDesk:
    """The browsers that asked, and the messages to them. `contact` is an address at which a push service reaches whoever
    runs this server. One per process."""

    def __init__(self, vault: Vault, store: RecordStore, transport: Transport, bus: Bus, clock: Clock,
                 contact: str | None = None) -> None:  # fmt: skip
        self._vault = vault
        self._store = store
        self._transport = transport
        self._bus = bus
        self._clock = clock
        self._contact = contact
        self._watching = 0  # pages that somebody looks at
        self._asked = asyncio.Event()  # set while a browser asked
        self._due: set[str] = set()
        self._changing = asyncio.Lock()

    # What the settings of the page ask.

    async def public_key(self) -> str:
        """What a browser subscribes for, in base64url: the server's own public key, made when first asked for."""
        async with self._changing:
            kept = await self._kept()
            if kept is None:
                kept = _Kept(key=encode_url64(scalar_of(new_key())))
                await self._keep(kept)
        return encode_url64(public_of(_key(kept)))

    async def subscribe(self, browser: Subscribed) -> None:
        """Keeps a browser, one entry for each address. A message goes out on trial first, unless it is there already:
        one whose push service does not take it is not kept. Raises ProviderFailedError with the way out, and what
        sending raises."""
        await self.public_key()
        if browser in await self.browsers():
            return
        status = await self._send(browser, _TRIAL)
        if status >= 300:
            raise ProviderFailedError(
                f"The push service {_host(browser.endpoint)} refuses messages of this server ({status}).",
                hint="Switch it off and on again. Some services want `push_contact` in triptych.toml.", status=status,
            )  # fmt: skip
        async with self._changing:
            if (kept := await self._kept()) is not None:
                others = [one for one in kept.browsers if one.endpoint != browser.endpoint]
                await self._keep(msgspec.structs.replace(kept, browsers=(*others, browser)[-MOST:]))
        self._asked.set()

    async def unsubscribe(self, endpoint: str) -> None:
        """Forgets a browser; one that is not there is forgotten already."""
        async with self._changing:
            kept = await self._kept()
            if kept is not None and any(one.endpoint == endpoint for one in kept.browsers):
                rest = tuple(one for one in kept.browsers if one.endpoint != endpoint)
                await self._keep(msgspec.structs.replace(kept, browsers=rest))
                if not rest:
                    self._asked.clear()

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """While somebody looks at a page, who sees it there: a hidden page holds no stream of events."""
        self._watching += 1
        try:
            yield
        finally:
            self._watching -= 1

    @property
    def is_looked_at(self) -> bool:
        """Whether somebody looks at a page now."""
        return self._watching > 0

    # Watching rows.

    async def keep(self) -> None:
        """Tells of rows that end, until it is cancelled. Reads no event while no browser asked."""
        try:
            if await self.browsers():
                self._asked.set()
        except StorageError as error:
            _log.warning("who asked for web push cannot be read", reason=error.message)
        telling: asyncio.Task[None] | None = None
        try:
            while True:
                await self._asked.wait()
                events = aiter(self._bus.subscribe(None))
                while self._asked.is_set():
                    event = await anext(events)
                    if event.type == "tile" and event.data.get("state") in FINAL_STATES:
                        self._due.add(str(event.data.get("run")))
                        if telling is None or telling.done():
                            telling = asyncio.create_task(self._soon(), name="web push")
        finally:
            if telling is not None:
                telling.cancel()

    async def _soon(self) -> None:
        while self._due:
            await self._clock.sleep(_SETTLE_S)
            due, self._due = sorted(self._due), set()
            await self.tell(due)

    async def tell(self, runs: Sequence[str]) -> None:
        """Tells of those of the rows that are over, unless somebody looks at a page and sees it there."""
        try:
            found = await self._finished(runs)
            if found is not None and not self.is_looked_at:
                await self.send(found)
        except StorageError as error:
            _log.warning("rows that ended are not told of", reason=error.message)

    async def _finished(self, run_ids: Sequence[str]) -> Done | None:
        """Those of the rows that are the page's own and are over, together; None when there are none."""
        tiles, over, pictured = await self._store.tiles_of(run_ids), [], []
        for run_id in run_ids:
            run, own = await self._store.run(run_id), [tile for tile in tiles.get(run_id, ()) if not tile.hidden]
            if run is None or run.deleted or run.source != "studio" or any(t.state not in FINAL_STATES for t in own):
                continue
            over.append(run_id)
            pictured += [tile.state == "done" for tile in own]
        return Done(runs=tuple(over), done=sum(pictured), of=len(pictured)) if over else None

    async def send(self, what: Done) -> None:
        """Sends it to every browser, all at once. A browser that is gone is forgotten; any other trouble is logged, with
        the push service's name and without the address, which is a secret."""
        browsers = await self.browsers()
        for browser, status in zip(browsers, await asyncio.gather(*(self._try(one, what) for one in browsers)), strict=True):  # fmt: skip
            if status in _GONE:
                await self.unsubscribe(browser.endpoint)

    async def _try(self, browser: Subscribed, what: Done) -> int:
        try:
            status = await self._send(browser, what)
        except TriptychError as error:
            _log.warning("a push was not sent", service=_host(browser.endpoint), reason=error.message)
            return 0
        if status >= 300 and status not in _GONE:
            _log.warning("a push was refused", service=_host(browser.endpoint), status=status)
        return status

    async def _send(self, browser: Subscribed, what: Done) -> int:
        kept = await self._kept()
        if kept is None:
            raise NotSentError("This server has no key for web push any more.", hint="Switch it off and on again.")
        to = Browser(decode_url64(browser.p256dh) or b"", decode_url64(browser.auth) or b"")
        body = seal(what.text(browser.lang), to, new_key(), secrets.token_bytes(SALT), size=_SIZE)
        said = token(_key(kept), audience=_audience(browser.endpoint),
                     until_s=self._clock.now_ms() // 1000 + _KEEP_S, contact=self._contact)  # fmt: skip
        headers = {"Authorization": said, "Content-Encoding": "aes128gcm", "TTL": str(_KEEP_S), "Urgency": "normal"}
        if what.runs:
            headers["Topic"] = what.topic
        request = HttpRequest(url=browser.endpoint, headers=headers, step="check", from_response=True)
        answer = await self._transport.send(request, deadline=self._clock.monotonic() + _WAIT_S, max_bytes=_MOST_BYTES,
                                            body=EncodedBody(body, "application/octet-stream"))  # fmt: skip
        return answer.status

    # What is kept.

    async def browsers(self) -> tuple[Subscribed, ...]:
        """Who asked, the oldest first. Raises StorageError."""
        return kept.browsers if (kept := await self._kept()) is not None else ()

    async def _kept(self) -> _Kept | None:
        text = await self._vault.get(_NAME)
        try:
            return None if text is None else msgspec.json.decode(text, type=_Kept)
        except msgspec.DecodeError:
            raise _damaged() from None

    async def _keep(self, kept: _Kept) -> None:
        await self._vault.put(_NAME, msgspec.json.encode(kept).decode())


def _key(kept: _Kept) -> ec.EllipticCurvePrivateKey:
    try:
        return key_of(decode_url64(kept.key) or b"")
    except ValueError:
        raise _damaged() from None


def _damaged() -> StorageError:
    return StorageError("What is kept of web push is damaged.",
                        hint=f"Remove keys/{_NAME}.sealed from the data folder, and switch it on anew.")  # fmt: skip


def _host(endpoint: str) -> str:
    """The push service, which is no secret."""
    return urlsplit(endpoint).hostname or "unknown"


def _audience(endpoint: str) -> str:
    """The origin of a push service as a token names it (RFC 8292 section 2): without the port where it is https's own."""
    return origin(endpoint).removesuffix(":443")
