"""A hub over a data folder: its key, its log, its tokens, its memory."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from triptych.hub.directory import Directory, Rules
from triptych.hub.hub import Hub
from triptych.hub.labels import label_key
from triptych.hub.mailbox import Limits, Mailboxes
from triptych.hub.peers import Peers
from triptych.hub.quota import Allowance, Quotas
from triptych.hub.stamps import Stamps
from triptych.hub.tickets import Share, Tickets
from triptych.network.identity import keep_key, read_key
from triptych.network.meeting import Meeting
from triptych.spec.clock import Clock
from triptych.spec.errors import SettingsError, StorageError
from triptych.store.faults import at
from triptych.store.memory_file import MemoryFile
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.log import Log, LogPlaces
from triptych.tlog.note import Signer

FOLDER = "hub"
KEY = "hub.key"
MEMORY = "memory.db"
CHECKPOINT_S = 1.0  # between two checkpoints of its log: a new node is not asked before its key is under one


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRules:
    """How strict a hub is; the defaults are those of a public one."""

    nodes: Rules = Rules()  # noqa: RUF009 - frozen
    mail: Limits = Limits()  # noqa: RUF009 - frozen
    guests: Allowance = Allowance()  # noqa: RUF009 - frozen
    tokens: Share = Share()  # noqa: RUF009 - frozen


def hub_origin(url: str) -> str:
    """The name of a hub from its address: scheme, host and port, nothing after them. Raises SettingsError."""
    found = urlsplit(url.strip())
    try:
        port = found.port
    except ValueError:
        port = -1
    if found.scheme not in {"http", "https"} or not found.hostname or port == -1 or found.username is not None:
        raise SettingsError(
            f"{url!r} is not the address of a hub.", hint="Write it as https://hub.example.", param="hub"
        )
    if found.path not in {"", "/"} or found.query or found.fragment:
        raise SettingsError(f"The address of a hub ends with its host: {url!r} has more.",
                            hint=f"Write {found.scheme}://{found.netloc}.", param="hub")  # fmt: skip
    return f"{found.scheme}://{found.netloc.lower()}"


async def open_hub(
    data: Path, url: str, clock: Clock, rules: HubRules | None = None, peers: Sequence[Meeting] = ()
) -> Hub:  # fmt: skip
    """Opens the hub of a data folder, made where there is none yet; `url` is what it is known as, `peers` are other hubs whose cards
    it takes over while somebody awaits `Hub.peers.keep()`.

    Raises StorageError, and LogRefusedError (`busy`) while another process is this hub.
    """
    rules, folder = rules or HubRules(), data / FOLDER
    with at(f"The folder {folder}"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signer = await asyncio.to_thread(_signer, folder / KEY)
    places = LogPlaces.at(folder / "log")
    log = await _log(places, signer, clock)  # of two processes the second ends here
    memory = await MemoryFile.open(folder / MEMORY)
    log.pace_s = min(log.pace_s, CHECKPOINT_S)
    stamps = Stamps()
    directory = Directory(clock, memory, log.append, rules.nodes, stamps)
    await directory.load()
    others = Peers(directory, [one for one in peers if one.origin != url], clock, memory)
    await others.load()
    tickets = Tickets(url, clock, memory, log.append, folder, rules.tokens, stamps)
    await tickets.load()
    return Hub(
        url=url, clock=clock, directory=directory, boxes=Mailboxes(clock, rules.mail, folder),
        tickets=tickets, quotas=Quotas(clock, rules.guests), log=log, files=places.files, memory=memory, signer=signer, log_key=str(signer.key),
        labels=label_key(signer.secret()), peers=others,
    )  # fmt: skip


def _signer(path: Path) -> Signer:
    if (found := read_key(path)) is None:
        keep_key(path, Signer.generate(f"triptych-hub/{secrets.token_hex(8)}"))
        found = read_key(path)
    if found is None:
        raise StorageError(f"The key {path} cannot be made.", hint="Check that the data folder can be written.")
    return found


async def _log(places: LogPlaces, signer: Signer, clock: Clock) -> Log:
    if places.folder.is_dir():
        return await Log.open(places, signer, clock)
    try:
        return await Log.create(places, signer, clock)
    except LogRefusedError as error:
        if error.reason != "exists":
            raise
        return await Log.open(places, signer, clock)
