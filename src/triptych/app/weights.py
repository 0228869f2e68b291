"""Weights of the tools of this machine: fetched when a person asks for them, in parts, and kept by their SHA-256."""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urljoin

import structlog

from triptych.app.models import Models
from triptych.http.message import HttpRequest, HttpResponse
from triptych.providers.tools import PROVIDER, ToolCard, WeightsCard
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError, StorageError, TriptychError
from triptych.spec.json import JsonObject

PART_BYTES = 4 << 20
PART_S = 120.0
"""How long one part may take."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 4
_SLACK = 1.25  # how much larger than its card says a file may be
_log = structlog.get_logger("triptych.app")


class Client(Protocol):
    """What is needed of the HTTP client."""

    async def send(self, request: HttpRequest, *, deadline: float, max_bytes: int = ...) -> HttpResponse: ...


@dataclass(slots=True)
class _Fetch:
    """One file on its way. `reason` says why it did not come."""

    task: asyncio.Task[None] | None = None
    fetched: int = 0
    total: int | None = None
    reason: str | None = None


class Weights:
    """Files under one folder. What came stays when a fetch breaks off or is stopped, and the next one goes on from there."""

    def __init__(self, folder: Path, client: Client, clock: Clock) -> None:
        self._folder = folder
        self._client = client
        self._clock = clock
        self._fetches: dict[str, _Fetch] = {}

    def where(self, card: WeightsCard) -> str | None:
        """The file; None while it is not here. Its hash is looked at when it is read."""
        path = self._path(card)
        return str(path) if path.is_file() else None

    def state(self, card: WeightsCard) -> JsonObject:
        """`here`, `missing`, `fetching` or `failed`, with how much has come and where it is from."""
        known = self._fetches.get(card.sha256)
        state: Literal["here", "missing", "fetching", "failed"] = "missing"
        if self.where(card) is not None:
            state = "here"
        elif known is not None:
            state = "fetching" if known.task is not None else "failed"
        return {
            "state": state, "fetched": known.fetched if known else 0, "total": (known and known.total) or card.about_bytes,
            "reason": known.reason if known else None, "url": card.url, "sha256": card.sha256,
        }  # fmt: skip

    def begin(self, card: WeightsCard) -> JsonObject:
        """Starts fetching unless the file is here or on its way."""
        known = self._fetches.get(card.sha256)
        if self.where(card) is None and (known is None or known.task is None):
            fetch = self._fetches[card.sha256] = _Fetch()
            fetch.task = asyncio.create_task(self._see_through(card, fetch), name=f"weights {card.sha256[:8]}")
        return self.state(card)

    async def stop(self, card: WeightsCard) -> JsonObject:
        """Ends a fetch; what came stays for the next one."""
        await self._end(self._fetches.pop(card.sha256, None))
        return self.state(card)

    async def wait(self, card: WeightsCard) -> None:
        """Until a fetch that is under way has ended, well or not."""
        known = self._fetches.get(card.sha256)
        if known is not None and known.task is not None:
            await asyncio.wait([known.task])

    async def close(self) -> None:
        """Ends every fetch."""
        for fetch in list(self._fetches.values()):
            await self._end(fetch)

    # Inside.

    @staticmethod
    async def _end(fetch: _Fetch | None) -> None:
        if fetch is not None and fetch.task is not None:
            fetch.task.cancel()
            await asyncio.wait([fetch.task])

    def _path(self, card: WeightsCard) -> Path:
        return self._folder / f"{card.sha256}.onnx"

    async def _see_through(self, card: WeightsCard, fetch: _Fetch) -> None:
        try:
            await self._fetch(card, fetch)
            self._fetches.pop(card.sha256, None)
        except TriptychError as error:
            _log.warning("weights did not come", url=card.url, reason=error.message)
            fetch.reason = " ".join(filter(None, (error.message, error.hint)))
        finally:
            fetch.task = None

    async def _fetch(self, card: WeightsCard, fetch: _Fetch) -> None:
        """Raises HostileContentError for another file than the card names, StorageError, and what the client raises."""
        part = self._path(card).with_suffix(".part")
        fetch.fetched = await asyncio.to_thread(begun, part)
        most = int(card.about_bytes * _SLACK)
        while fetch.total is None or fetch.fetched < fetch.total:
            data, fetch.total = await part_of(self._client, self._clock, card.url, fetch.fetched, PART_BYTES, most)
            if fetch.total > most:
                raise HostileContentError(f"The file is larger than its card says: {fetch.total} bytes.")
            if not data:
                raise HostileContentError("The server sent an empty part of the file.", hint="Try again later.")
            whole = len(data) == fetch.total
            await asyncio.to_thread(append, part, data, anew=whole)
            fetch.fetched = len(data) if whole else fetch.fetched + len(data)
        await asyncio.to_thread(_take, part, self._path(card), card.sha256)


def weights_of(models: Models, model: str) -> WeightsCard | None:
    """What the tool of this machine with this id reads; None for a tool that needs none, and for any other model."""
    found = models.endpoints().get(model)
    if found is None or found.model.card.provider != PROVIDER:
        return None
    return ToolCard.of(found.model.card).weights


def tool_weights(models: Models, tool: str) -> WeightsCard | None:
    """The same for a tool by its own name, such as `lanczos`."""
    return weights_of(models, f"{PROVIDER}/{tool}")


async def part_of(client: Client, clock: Clock, url: str, start: int, length: int, most: int) -> tuple[bytes, int]:
    """Up to `length` bytes from `start` on, and how many the whole file has. A server that sends no parts sends all of it, which may be
    `most` bytes. Raises HostileContentError, and what the client raises."""
    deadline = clock.monotonic() + PART_S
    for _ in range(_MOST_REDIRECTS + 1):
        # What a page answers can name any address: each is looked at like one, and only public ones are opened.
        request = HttpRequest(method="GET", url=url, step="fetch", from_response=True,
                              headers={"Range": f"bytes={start}-{start + length - 1}"})  # fmt: skip
        answer = await client.send(request, deadline=deadline, max_bytes=most)
        location = answer.headers.get("location")
        if answer.status not in _REDIRECTS or not location:
            return _bytes_of(answer, start)
        url = urljoin(url, location)
    raise HostileContentError(f"More than {_MOST_REDIRECTS} redirects were refused.")


def _bytes_of(answer: HttpResponse, start: int) -> tuple[bytes, int]:
    if answer.status == 200:
        return answer.body, len(answer.body)
    said = answer.headers.get("content-range", "")
    span, _, total = said.removeprefix("bytes ").partition("/")
    if answer.status != 206 or span.partition("-")[0] != str(start) or not total.isdigit():
        raise HostileContentError(f"The server answered with status {answer.status} and no part of the file.",
                                  hint="Try again later.", status=answer.status)  # fmt: skip
    return answer.body, int(total)


def begun(part: Path) -> int:
    """How many bytes of a file are here already; makes its folder. Raises StorageError."""
    try:
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return part.stat().st_size if part.is_file() else 0
    except OSError as error:
        raise StorageError(f"The folder for weights cannot be made: {error.strerror}.") from error


def append(part: Path, data: bytes, *, anew: bool) -> None:
    """Adds to what is here, or begins anew. Raises StorageError."""
    try:
        with part.open("wb" if anew else "ab") as file:
            file.write(data)
    except OSError as error:
        raise StorageError(f"The weights cannot be written: {error.strerror}.", hint="Is the disk full?") from error


def _take(part: Path, path: Path, sha256: str) -> None:
    """The file takes its name once its hash is right; one with another is thrown away."""
    try:
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == sha256:
            part.replace(path)
        else:
            part.unlink()
    except OSError as error:
        raise StorageError(f"The weights cannot be kept: {error.strerror}.") from error
    if found != sha256:
        raise HostileContentError("What came is not the file that the card names: its hash is another one.",
                                  hint="It was thrown away. The file may have been changed where it lies.")  # fmt: skip
