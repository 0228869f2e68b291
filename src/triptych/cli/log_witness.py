"""`triptych log witness`: follows the log of another, and cosigns it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triptych.app.log_set_up import open_identity
from triptych.app.witness_desk import WitnessDesk, logs_of
from triptych.cli.log_source import log_address, remote
from triptych.cli.output import err, out
from triptych.config.settings import Settings
from triptych.http.client import HttpClient
from triptych.http.message import HttpRequest
from triptych.http.transport import EncodedBody
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, HostileContentError, NotFoundError, TriptychError
from triptych.store.records import SqlRecordStore
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import NoteError, TlogError
from triptych.tlog.note import Note, VerifierKey
from triptych.tlog.tiles import CHECKPOINT_PATH
from triptych.tlog.witness import TEXT_TYPE

_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched, and where this witness keeps what it knows."""

    settings: Settings
    store: SqlRecordStore
    clock: Clock
    url: str

    @property
    def address(self) -> str:
        return log_address(self.url)


async def watch(what: Watch, keys: Sequence[str], *, once: bool, every_s: int) -> None:
    """Looks once, or until it is stopped. Raises HostileContentError for a log that is not to be cosigned; when a log
    cannot be reached, it is tried again unless it was to be `once`."""
    async with HttpClient(what.clock) as client:
        desk = await _desk(what, client, keys)
        try:
            while True:
                try:
                    await _look(what, client, desk)
                except HostileContentError:
                    raise
                except TriptychError as error:
                    if once:
                        raise
                    err.print(f"{error.message} It is tried again in {every_s} seconds.")
                if once:
                    return
                await what.clock.sleep(every_s)
        finally:
            await desk.close()


async def _desk(what: Watch, client: HttpClient, keys: Sequence[str]) -> WitnessDesk:
    """This witness, with the keys of the one log. Raises BadRequestError when its key was never named."""
    note = await remote(client, what.clock, what.address)(CHECKPOINT_PATH)
    if note is None:
        raise NotFoundError(f"There is no log at {what.address}.", hint="Give the address of a server, or of its log.")
    try:
        read = Note.parse(note)
        origin = Checkpoint.parse(read.text).origin
        given = logs_of([*keys, *what.settings.witness_for])
    except NoteError as error:
        raise BadRequestError(f"This is no verifier key: {error}", param="key") from None
    except TlogError as error:
        raise HostileContentError(f"There is no checkpoint at {what.address}: {error}") from error
    known = await _known(what.store, origin)
    trusted = tuple(dict.fromkeys((*given.get(origin, ()), *known)))
    if not trusted:
        raise BadRequestError(
            f"The log there is named {origin}, and no key of it is known here.", param="key",
            hint=f"Ask its owner for its verifier key, and give it once with --key. It begins with {origin}+.",
        )  # fmt: skip
    await what.store.put_setting(_setting(origin), [str(key) for key in trusted])
    identity = await open_identity(what.settings, what.store)
    logs: Mapping[str, tuple[VerifierKey, ...]] = {origin: trusted}
    return WitnessDesk(what.settings.data, identity.key.name, logs, what.store, what.clock)


def _setting(origin: str) -> str:
    return f"witness keys {origin}"


async def _known(store: SqlRecordStore, origin: str) -> tuple[VerifierKey, ...]:
    kept = await store.get_setting(_setting(origin))
    return tuple(VerifierKey.parse(str(one)) for one in kept) if isinstance(kept, list) else ()


async def _look(what: Watch, client: HttpClient, desk: WitnessDesk) -> None:
    try:
        seen, line = await desk.visit(remote(client, what.clock, what.address))
    except TlogError as error:
        raise HostileContentError(
            str(error), hint="If the log has changed its key, give the new one with --key; else tell its readers."
        ) from error
    out.print(f"{seen.origin}: {seen.size} entries, cosigned by {(await desk.key()).name}")
    answer = await client.send(
        HttpRequest(method="POST", url=f"{what.address}/cosignatures", step="check"),
        deadline=what.clock.monotonic() + _ANSWER_S, allow_private=True, body=EncodedBody(line, TEXT_TYPE),
    )  # fmt: skip
    if answer.status == 200:
        return
    err.print(f"The log did not take the cosignature ({answer.status}). Its owner can name this witness: "
              f'key = "{await desk.key()}"')  # fmt: skip
    out.print(line.decode().rstrip("\n"))
