"""A log as a command is given it: a folder, or an address; and what lies beside it."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from triptych.http.client import HttpClient
from triptych.http.message import HttpRequest
from triptych.network.beside import PackError, catalogue_path, pack_path, policy_path, unpack
from triptych.network.evidence import Evidence
from triptych.network.history import History, read_history
from triptych.network.receipt import Receipt, ReceiptError, read
from triptych.network.usage.reading import folder, own_trust
from triptych.router.bundle import read_bundle
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError, NotSentError, ProviderFailedError, SettingsError
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import Fetch, Tree
from triptych.tlog.errors import TileError, TlogError
from triptych.tlog.note import ED25519, Note, VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.tiles import CHECKPOINT_PATH

_FETCH_S = 30.0


def log_address(source: str) -> str:
    """The address of a log's files: of a server, those are under `/log`."""
    scheme, _, rest = source.rstrip("/").partition("://")
    return f"{scheme}://{rest}" if "/" in rest else f"{scheme}://{rest}/log"


def remote(client: HttpClient, clock: Clock, address: str) -> Fetch:
    """The files of a log at an address."""

    async def fetch(name: str) -> bytes | None:
        request = HttpRequest(method="GET", url=f"{address}/{name}", step="fetch")
        try:
            answer = await client.send(request, deadline=clock.monotonic() + _FETCH_S, allow_private=True)
        except NotSentError as error:
            raise NotFoundError(f"{address} does not answer: {error.message}", param="log",
                                hint="Check the address; or give the folder of a copy of the log.") from error  # fmt: skip
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise ProviderFailedError(f"{request.url} answered {answer.status} where a file of the log was expected.")
        return answer.body

    return fetch


def open_log(stack: AsyncExitStack, source: str, clock: Clock) -> Fetch:
    """The files of the log in a folder or at an address. Raises NotFoundError where there is none."""
    if "://" in source:
        client = HttpClient(clock)
        stack.push_async_callback(client.close)
        return remote(client, clock, log_address(source))
    if not Path(source).is_dir():
        raise NotFoundError(f"{source} is no folder and no address.", param="log",
                            hint="Give the folder with the log's checkpoint, or an address like https://friend.example.")  # fmt: skip
    if not _has_log(Path(source)):
        inner = Path(source) / "tlog"  # of a data folder
        meant = f"Did you mean {inner}?" if _has_log(inner) else "A log has a file named checkpoint."
        raise NotFoundError(f"There is no log in {source}.", param="log", hint=meant)
    return folder(Path(source))


def _has_log(path: Path) -> bool:
    return any((path / name / CHECKPOINT_PATH).is_file() for name in ("", "public"))


async def with_log(evidence: Evidence, source: str, clock: Clock) -> Evidence:
    """The evidence with everything that a log has of its receipt. A log that is not to be believed is evidence, too.
    Raises what reading its files raises."""
    try:
        receipt = read(evidence.receipt)
    except ReceiptError:
        return evidence
    async with AsyncExitStack() as stack:
        fetch = open_log(stack, source, clock)
        now_ms, fetched = clock.now_ms(), "://" in source
        try:
            history = await _history(evidence, receipt, fetch, now_ms, fetched=fetched)
        except TlogError as error:
            return replace(evidence, log_fault=str(error))
        return replace(evidence, history=history, **await _beside(evidence, receipt, history, fetch))


async def _history(evidence: Evidence, receipt: Receipt, fetch: Fetch, now_ms: int, *, fetched: bool) -> History:
    note = await fetch(CHECKPOINT_PATH)
    if note is None:
        raise TileError("missing", "it has no checkpoint.")
    trust = evidence.trust
    if trust is None and evidence.keys:
        origin = Checkpoint.parse(Note.parse(note).text).origin
        trust = TrustPolicy(logs=tuple(VerifierKey(origin, ED25519, key) for key in evidence.keys))
    trusted_as = (trust or await own_trust(fetch)).check(note)
    tree = Tree(note, trusted_as.checkpoint, fetch)
    return await read_history(tree, trusted_as, receipt, now_ms=now_ms, trusted=trust is not None, fetched=fetched)


async def _beside(evidence: Evidence, receipt: Receipt, history: History, fetch: Fetch) -> dict[str, Any]:
    """The policy, the snapshot and the catalogue of a receipt, where they lie beside the log and were not brought."""
    stated = receipt.payload.get("decision") or {}
    found: dict[str, Any] = {}
    if evidence.policy is None and (name := stated.get("policy_id")):
        found["policy"] = await fetch(policy_path(str(name)))
    policy = found.get("policy", evidence.policy)
    if evidence.catalogue is None and policy and (named := _catalogue_of(policy)):
        found["catalogue"] = await fetch(catalogue_path(str(named)))
    if evidence.snapshot is None and (name := stated.get("snapshot_id")):
        found["snapshot"] = await _snapshot(str(name), history, fetch)
    return found


def _catalogue_of(policy: bytes) -> str | None:
    try:
        return read_bundle(policy).catalogue
    except SettingsError:
        return None


async def _snapshot(name: str, history: History, fetch: Fetch) -> bytes | None:
    packs = [str(s.payload["pack"]) for _, s in history.of_kind("snapshots") if name in s.payload["ids"]]
    for pack in packs:
        data = await fetch(pack_path(pack))
        try:
            bodies = {} if data is None else unpack(pack, data)
        except PackError:
            continue
        if name in bodies:
            return bodies[name]
    return None
