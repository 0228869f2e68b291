"""One hub: its directory, its mailboxes, its tokens and its log, under one public name."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from triptych.hub.directory import Directory
from triptych.hub.here import Listing
from triptych.hub.labels import network_label
from triptych.hub.mailbox import Delivery, Mailboxes
from triptych.hub.peers import Peers
from triptych.hub.quota import Quotas
from triptych.hub.spool import Spool
from triptych.hub.tickets import Tickets
from triptych.network.ended import Page
from triptych.network.ohttp.padding import BLOCK
from triptych.network.presence import Presence, PresenceError, read_presence
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError, TriptychError
from triptych.store.memory_file import MemoryFile
from triptych.tlog.disk import LogFiles
from triptych.tlog.log import Log
from triptych.tlog.note import Signer


class UnauthorisedError(TriptychError):
    """The caller has not shown that it is the node it speaks for."""

    code = "unauthorised"


@dataclass(slots=True, kw_only=True)
class Hub:
    """`url` is the origin under which everybody knows it, `https://hub.example`; calls are signed for it.
    `files` are those of the log, `log_key` is the key that signs its checkpoints, as `name+id+key`; `labels` is the key of the names
    that it gives to networks; `peers` are the hubs whose cards it takes over."""

    url: str
    clock: Clock
    directory: Directory
    boxes: Mailboxes
    tickets: Tickets
    quotas: Quotas
    log: Log
    files: LogFiles
    memory: MemoryFile
    signer: Signer = field(repr=False)
    log_key: str = ""
    labels: bytes = field(default=b"", repr=False)
    peers: Peers | None = None

    async def publish(self, data: bytes, network: str) -> Listing:
        """Takes a node's card and opens its mailbox. Raises what `Directory.publish` raises."""
        listing = await self.directory.publish(data, network)
        self.boxes.register(listing.card.id, new=listing.probation)
        if listing.card.followed is not None:
            self.boxes.remove(listing.card.followed)
        return listing

    def label(self, listing: Listing) -> str | None:
        """The name of the network that a node is in; see `labels`."""
        return network_label(self.labels, listing.network)

    def away(self) -> list[str]:
        """The nodes that are registered here now and do not fetch their messages, in the order of their ids."""
        return self.boxes.away(self.directory.registered)

    async def revoke(self, data: bytes) -> str:
        """Raises what `Directory.revoke` raises."""
        node = await self.directory.revoke(data)
        self.boxes.remove(node)
        return node

    def revocations(self, since: int) -> Page:
        """The endings that this hub knows of, from a number on, signed with the key of its log."""
        return self.directory.endings.page(self.url, since, self.signer)

    def caller(self, line: str) -> Presence:
        """The node that calls. Raises UnauthorisedError."""
        try:
            return read_presence(line, self.url, self.clock.now_ms())
        except PresenceError as error:
            raise UnauthorisedError(str(error), hint="Set the clock, and sign the call for this hub.") from None

    async def admit(self, token: str | None, network: str) -> AbstractContextManager[None]:
        """A place for one message, by token or as a guest. Raises TicketError, RateLimitedError."""
        if token is None:
            return self.quotas.guest(network)
        await self.tickets.spend(token)
        return self.quotas.holder()

    async def send(self, node: str, kind: str, request: Spool) -> Delivery:
        """Raises what `Mailboxes.send` raises."""
        found = self.directory.find(node)
        if found is None or found.via:
            self.boxes.remove(node)  # its card has ended: it is not registered here any more
        if found is not None and found.via:
            elsewhere = ", ".join(found.card.body.hubs)
            raise NotFoundError(f"The node is listed here and registered elsewhere: {elsewhere}.", param="node",
                                hint="Send it there: this hub carries to its own nodes alone.")  # fmt: skip
        return await self.boxes.send(node, kind, request)

    async def answer(self, node: str, delivery: Delivery, *, paid: bool) -> AsyncIterator[bytes]:
        """The answer of a node, piece by piece; `paid` is whether it was asked for with a token. When it is whole it counts for the node, and a
        paid one for the account that the node earns for, if it is long enough to have a picture in it: that a job is taken or goes on
        fits into one block, and that is all that can be told of what is sealed. Raises NodeSilentError."""
        size = 0
        try:
            async for piece in self.boxes.body(delivery):
                size += len(piece)
                yield piece
            if size > BLOCK:
                await self.directory.served(node)
                if paid and delivery.earner is not None:
                    self.tickets.earn(delivery.earner)
        finally:
            self.boxes.finish(node, delivery)

    async def close(self) -> None:
        await self.tickets.close()
        await self.log.close()
        await self.memory.close()
