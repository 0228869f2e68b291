"""Witnesses of this log: each checkpoint is shown to them, and what they cosign is served with it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog

from triptych.config.settings import WitnessSettings
from triptych.http.client import HttpClient
from triptych.http.message import HttpRequest
from triptych.http.transport import EncodedBody
from triptych.spec.clock import Clock
from triptych.spec.errors import OverloadedError, StorageError, TriptychError
from triptych.spec.json import JsonObject
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import Tree
from triptych.tlog.cosign import Cosigned, Post, ask_witness
from triptych.tlog.errors import TlogError
from triptych.tlog.log import Log
from triptych.tlog.note import Note, Signature, VerifierKey, parse_signatures
from triptych.tlog.witness import TEXT_TYPE

ASK_S = 5.0  # that a witness has for its answer
AGAIN_S = 60.0  # until one that did not answer is asked again about the same checkpoint
MAX_ANSWER = 64 << 10
_log = structlog.get_logger("triptych.witnesses")


class Witnessing:
    """One per process. Follows the log that this process writes, and asks every witness that has an address."""

    def __init__(self, witnesses: Mapping[str, WitnessSettings], client: HttpClient, clock: Clock) -> None:
        self.keys = tuple(VerifierKey.parse(one.key) for one in witnesses.values())
        self._asked = {VerifierKey.parse(one.key): one.url.rstrip("/") for one in witnesses.values() if one.url}
        self._client, self._clock = client, clock
        self._known: dict[VerifierKey, int] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._following: asyncio.Task[None] | None = None

    def follow(self, log: Log) -> None:
        """Begins to ask; to be called while the event loop runs."""
        if self._asked:
            self._following = asyncio.create_task(self._follow(log), name="witnesses")

    async def stop(self) -> None:
        """Asks no more. May be called twice."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
            self._following = None

    async def take(self, log: Log | None, body: bytes) -> bool:
        """Takes the signature lines that a witness hands in by itself; False when they are not of a witness of this log
        on its latest checkpoint. Raises NoteError for what are no signature lines, OverloadedError while another
        process writes the log, StorageError."""
        lines = parse_signatures(body.decode("utf-8", errors="replace"))
        if log is None:
            raise OverloadedError("Another process writes this log.", hint="Ask again shortly.", retry_after_s=10)
        taken = await log.cosign(lines, self.keys)
        if taken:
            self.seen_on(log.checkpoint())
        return taken

    def seen_on(self, checkpoint: bytes) -> Sequence[JsonObject]:
        """Who of the witnesses cosigned last, at which size and when: what stands under this checkpoint, and what this
        process saw under earlier ones; the newest first. Raises TlogError for a checkpoint that cannot be read."""
        note = Note.parse(checkpoint)
        size, there = Checkpoint.parse(note.text).size, {(one.name, one.key_id) for one in note.signatures}
        if any((key.name, key.key_id) in there for key in self.keys):
            for one in note.verified(self.keys):
                self._seen[one.key.name] = (size, (one.time or 0) * 1000)
        newest = sorted(self._seen.items(), key=lambda item: item[1], reverse=True)
        return [{"name": name, "size": size, "at_ms": at_ms} for name, (size, at_ms) in newest]

    async def _follow(self, log: Log) -> None:
        seen, missing = 0, False
        while True:
            try:
                async with asyncio.timeout(AGAIN_S if missing else None):
                    await log.covered(seen)
            except TimeoutError:
                pass
            except StorageError:
                return  # the log is closed
            tree = await log.tree()
            found = await asyncio.gather(*(self._ask(tree, key) for key in self._asked))
            signatures = [signature for one in found if one is not None for signature in one.signatures]
            seen, missing = tree.size, len(signatures) < len(self._asked)
            if signatures:
                await self._keep(log, signatures)

    async def _keep(self, log: Log, signatures: list[Signature]) -> None:
        try:
            if await log.cosign(signatures, self.keys):
                self.seen_on(log.checkpoint())
        except StorageError as error:
            _log.warning("cosignatures cannot be kept", reason=str(error))

    async def _ask(self, tree: Tree, key: VerifierKey) -> Cosigned | None:
        try:
            async with asyncio.timeout(ASK_S):
                found = await ask_witness(tree, key, self._known.get(key, 0), self._post(self._asked[key]))
        except (TlogError, TriptychError, TimeoutError) as error:
            _log.warning("a witness has not cosigned", witness=key.name, reason=str(error) or "no answer in time")
            with suppress(KeyError):
                del self._known[key]
            return None
        self._known[key] = found.size
        return found

    def _post(self, address: str) -> Post:
        async def post(body: bytes) -> tuple[int, bytes]:
            answer = await self._client.send(
                HttpRequest(method="POST", url=f"{address}/add-checkpoint", step="check"),
                deadline=self._clock.monotonic() + ASK_S, allow_private=True, max_bytes=MAX_ANSWER,
                body=EncodedBody(body, TEXT_TYPE),
            )  # fmt: skip
            return answer.status, answer.body

        return post
