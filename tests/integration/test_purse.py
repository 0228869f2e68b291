"""Tokens of hubs, as a studio buys, keeps and uses them: what a hub sees when it gives them out says nothing of what it sees later."""

import asyncio
import io
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx
import msgspec
import pytest
from PIL import Image
from tests.integration.node_world import FIRST, SECOND, World, until, world_of
from tests.unit.network.card_tools import DAY
from tests.unit.node.job_tools import Easel, wanted

from triptych.app.hub_proofs import HubProofs
from triptych.app.node import Node
from triptych.app.purse import LATER_MS, LOW, REST_MS, Purse
from triptych.hub.quota import Allowance, Quotas
from triptych.hub.tickets import TicketError, Tickets
from triptych.network import remote
from triptych.network.job import Done, Poll
from triptych.network.jose import decode_url64, kid_of
from triptych.network.jws import read_line
from triptych.network.meeting import About, Meeting
from triptych.network.remote import Line
from triptych.network.tokens import Token
from triptych.spec.errors import RateLimitedError
from triptych.store.memory_file import MemoryFile
from triptych.store.records import SqlRecordStore, open_store
from triptych.store.vault import FileVault


def noise() -> bytes:
    """A picture of a size that pictures have: 190 KB."""
    out = io.BytesIO()
    Image.frombytes("RGB", (256, 256), random.Random(7).randbytes(256 * 256 * 3)).save(out, "PNG")
    return out.getvalue()


NOISE = noise()


@dataclass
class Scene:
    """Two hubs, and what a studio has of them."""

    world: World
    store: SqlRecordStore
    vault: FileVault
    orders: list[bytes] = field(default_factory=list)
    given: list[bytes] = field(default_factory=list)
    spent: list[bytes] = field(default_factory=list)  # whole heads and bodies of messages to be carried

    def purse(self, chance: float = 0.0) -> Purse:
        proofs = HubProofs(self.store.network, self.world.clock)
        return Purse(self.store.network, self.vault, self.world.clock, proofs.has, chance=lambda: chance)

    async def bought(self, hub: str = FIRST) -> Purse:
        """A purse with tokens that have rested."""
        purse = self.purse()
        await purse.look(self.world.meeting(hub))
        assert purse.fault(hub) is None
        self.world.clock.ms += REST_MS
        return purse

    def watch(self) -> None:
        """Notes everything that the first hub gets and says of tokens, and all that it is given to carry."""
        way = self.world.wires.ways[FIRST]

        async def asked(request: httpx.Request) -> None:
            body = await request.aread()
            if request.url.path.endswith("/tokens") and request.method == "POST":
                self.orders.append(body)
            elif "/relay/" in request.url.path:
                head = f"{request.method} {request.url} {dict(request.headers)}"
                self.spent.append(head.encode() + body)

        async def answered(response: httpx.Response) -> None:
            if response.request.url.path.endswith("/tokens") and response.request.method == "POST":
                self.given.append(await response.aread())

        way.event_hooks = {"request": [asked], "response": [answered]}

    @asynccontextmanager
    async def somebody_else(self, folder: Path) -> AsyncIterator[Purse]:
        """Another studio, with tokens of the first hub that have rested."""
        store = await open_store(f"sqlite:///{folder / 'other.db'}", self.world.clock)
        proofs = HubProofs(store.network, self.world.clock)
        purse = Purse(store.network, FileVault(folder / "other"), self.world.clock, proofs.has, chance=lambda: 0)
        await purse.look(self.world.meeting())
        self.world.clock.ms += REST_MS
        yield purse
        await store.close()

    async def drawn(self, node: Node, easel: Easel, tokens: Purse | None, *nonces: str) -> None:
        """Jobs of a studio, each to its end, by one message that hands it in and one that fetches the pictures."""
        line = Line(await self.world.card(node.keys.id), [self.world.meeting()], "The attic", self.world.clock, tokens)
        for nonce in nonces:
            before, asked = easel.drawn, wanted(nonce * 22, sent_ms=self.world.clock.ms, size="256x256")
            name = await remote.submit(line, asked)
            await until(lambda before=before: easel.drawn > before and not node.jobs.queue)
            assert isinstance((await line.ask(Poll(job=name, seen=9))).news, Done)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.02)
    async with world_of(tmp_path) as world:
        store = await open_store(f"sqlite:///{tmp_path / 'studio.db'}", world.clock)
        yield Scene(world, store, FileVault(tmp_path / "keys"))
        await store.close()


async def all_of(purse: Purse, hub: str = FIRST) -> list[str]:
    found = []
    while (token := await purse.take(hub)) is not None:
        found.append(token)
    return found


async def test_tokens_rest_are_kept_sealed_and_each_is_given_once_over_a_restart(scene: Scene, tmp_path: Path) -> None:
    purse = scene.purse()
    await purse.look(scene.world.meeting())
    assert purse.left(FIRST) == 8
    assert await purse.take(FIRST) is None, "buying and using are not one event"
    scene.world.clock.ms += REST_MS
    first = await purse.take(FIRST)
    assert first is not None
    again = scene.purse()  # the studio is started anew, and was not asked to end
    rest = await all_of(again)
    assert len({first, *rest}) == 8
    assert await all_of(purse) == [], "the other process has taken them"
    disk = b"".join(path.read_bytes() for path in tmp_path.glob("studio.db*"))
    assert b"tokens https://one.example" in disk
    for token in (first, *rest):
        raw = decode_url64(token) or b""
        assert token.encode()[:40] not in disk
        assert raw[-64:] not in disk


async def test_a_token_is_taken_once_by_its_hub_also_anew_and_never_by_another(scene: Scene) -> None:
    purse = await scene.bought()
    token, other = (await all_of(purse))[:2]
    hub = scene.world.hubs[FIRST]
    with await hub.admit(token, "n"):
        pass
    for again in (hub, scene.world.hubs[SECOND]):
        with pytest.raises(TicketError):
            await again.admit(token, "n")
    store = hub.tickets
    hub.tickets = Tickets(FIRST, scene.world.clock, store._memory, store._enter, store._folder, store.share)
    with pytest.raises(TicketError, match="before"):
        await hub.admit(token, "n")
    with pytest.raises(TicketError, match="another hub"):
        await scene.world.hubs[SECOND].admit(other, "n")
    with await hub.admit(other, "n"):
        pass
    assert await purse.take(SECOND) is None


async def test_what_a_hub_gives_out_has_nothing_in_common_with_what_it_is_given(scene: Scene) -> None:
    scene.watch()
    easel = Easel()
    easel.free.set()
    node = await scene.world.node(easel)
    async with scene.world.working(node):
        purse = await scene.bought()
        account = kid_of(
            read_line(msgspec.json.decode(scene.orders[0])["order"].encode(), "triptych-token-order", "o").public
        )
        line = Line(
            await scene.world.card(node.keys.id), [scene.world.meeting()], "The attic", scene.world.clock, purse
        )
        for number in range(4):
            await remote.submit(line, wanted(f"{number:022}", sent_ms=scene.world.clock.ms))
    payload = read_line(msgspec.json.decode(scene.orders[-1])["order"].encode(), "triptych-token-order", "o").payload
    blinded = [decode_url64(one) or b"" for one in payload["blinded"]]
    signed = [decode_url64(one) or b"" for one in msgspec.json.decode(scene.given[-1])["signed"]]
    heads = [one for one in scene.spent if b"triptych-token" in one]
    tokens = [
        Token.decode(decode_url64(one.split(b"'triptych-token': '")[1].split(b"'")[0].decode()) or b"") for one in heads
    ]
    assert (len(blinded), len(signed), len(tokens)) == (8, 8, 4)

    for head in heads:  # no name of the account, no signed call, nothing but the token and the sealed message
        assert account.encode() not in head
        assert b"authorization" not in head.lower()
    windows = {one[at : at + 6] for one in (*blinded, *signed) for at in range(len(one) - 5)}
    for token in tokens:
        mine = token.prefix + token.nonce + token.signature
        assert not [at for at in range(len(mine) - 5) if mine[at : at + 6] in windows]

    # Whichever order is held against whichever token: there is one blinding that fits, so that each pair is as likely as any other.
    key = await scene.world.hubs[FIRST].tickets.key()
    n, e = key.public.public_numbers().n, key.public.public_numbers().e
    for sent, answer in zip(blinded, signed, strict=True):
        for token in tokens:
            signature = int.from_bytes(token.signature, "big")
            r = int.from_bytes(answer, "big") * pow(signature, -1, n) % n
            assert pow(r, e, n) * pow(signature, e, n) % n == int.from_bytes(sent, "big")
            assert 1 << 1024 < r < n, "nothing is left unblinded"

    memory = scene.world.hubs[FIRST].tickets._memory
    assert isinstance(memory, MemoryFile)
    spent = await memory.all(f"spent {key.epoch}")
    given = await memory.all(f"given {key.epoch}")
    assert given == {account: "8"}
    assert spent == {token.nonce.hex(): "" for token in tokens}


async def test_without_tokens_a_studio_asks_as_a_guest_and_says_so_when_there_is_no_place(scene: Scene) -> None:
    easel = Easel()
    easel.free.set()
    node = await scene.world.node(easel)
    hub = scene.world.hubs[FIRST]
    hub.quotas = Quotas(scene.world.clock, Allowance(burst=1, per_minute=1))
    purse = scene.purse()
    async with scene.world.working(node):
        line = Line(
            await scene.world.card(node.keys.id), [scene.world.meeting()], "The attic", scene.world.clock, purse
        )
        await remote.submit(line, wanted())
        with pytest.raises(RateLimitedError) as told:
            await remote.submit(line, wanted())
        assert told.value.hint is not None
        assert "no token of https://one.example" in told.value.hint
        await purse.look(scene.world.meeting())
        scene.world.clock.ms += REST_MS
        await remote.submit(line, wanted("m" * 22, sent_ms=scene.world.clock.ms))
        assert purse.left(FIRST) == 7


async def test_tokens_that_the_hub_does_not_know_any_more_are_thrown_away_and_the_job_goes_on(scene: Scene) -> None:
    easel = Easel()
    easel.free.set()
    node = await scene.world.node(easel)
    purse = await scene.bought()
    hub = scene.world.hubs[FIRST]
    old = hub.tickets
    hub.tickets = scene.world.hubs[SECOND].tickets  # as after the loss of its keys
    async with scene.world.working(node):
        line = Line(
            await scene.world.card(node.keys.id), [scene.world.meeting()], "The attic", scene.world.clock, purse
        )
        for number in range(4):
            await remote.submit(line, wanted(f"{number:022}", sent_ms=scene.world.clock.ms))
    assert purse.left(FIRST) == 0
    assert "does not take the tokens" in (purse.fault(FIRST) or "")
    hub.tickets = old


async def test_a_hub_that_has_no_more_to_give_is_left_alone_for_a_while(scene: Scene) -> None:
    scene.watch()
    purse = await scene.bought()
    await purse.look(scene.world.meeting())
    assert "8 messages are yours today, and none is left" in (purse.fault(FIRST) or "")
    asked = len(scene.orders)
    await purse.look(scene.world.meeting())
    assert len(scene.orders) == asked
    assert purse.left(FIRST) == 8
    scene.world.clock.ms += DAY
    await purse.look(scene.world.meeting())
    assert purse.left(FIRST) == 16, "those of yesterday count today"
    scene.world.clock.ms += 2 * DAY
    assert purse.left(FIRST) == 0
    assert await purse.take(FIRST) is None
    await purse.look(scene.world.meeting())
    assert len(await scene.store.network.times("tokens https://one.example")) == 8


async def test_what_a_node_draws_for_others_lets_its_studio_send_more(scene: Scene, tmp_path: Path) -> None:
    """Node, hub, purse: two pictures for somebody who had tokens are one token more, and not before there are two."""
    mine, hub, meeting = await scene.bought(), scene.world.hubs[FIRST], scene.world.meeting()
    named = accounts_named(scene.world)
    easel = Easel(gives=(NOISE,))
    easel.free.set()
    node = await scene.world.node(easel, hubs=(FIRST, SECOND), earns=mine.account)
    async with scene.world.working(node), scene.somebody_else(tmp_path) as other:
        await scene.drawn(node, easel, None, "a", "b", "c", "d")  # for guests
        await scene.drawn(node, easel, other, "e")
        await mine.look(meeting)
        assert "8 messages are yours today, and none is left" in (mine.fault(FIRST) or "")
        await scene.drawn(node, easel, other, "f")
        assert other.left(FIRST) == 4

        await hub.tickets.close()  # the hub is started anew
        old = hub.tickets
        hub.tickets = Tickets(FIRST, scene.world.clock, old._memory, old._enter, old._folder, old.share)
        await hub.tickets.load()
        scene.world.clock.ms += 3_600_000
        await mine.look(meeting)
        assert (mine.left(FIRST), mine.fault(FIRST)) == (9, None)
        scene.world.clock.ms += REST_MS
        for token in await all_of(mine):
            with await hub.admit(token, "n"):
                pass
        await mine.look(meeting)
        assert "9 messages are yours today, and none is left" in (mine.fault(FIRST) or "")
    assert named == {FIRST: {mine.account(FIRST)}, SECOND: set()}, (
        "each hub hears of its own account, the other of none"
    )


def accounts_named(world: World) -> dict[str, set[str | None]]:
    """The accounts that each hub is told of by nodes, from now on."""
    named: dict[str, set[str | None]] = {origin: set() for origin in world.hubs}
    for origin, way in world.wires.ways.items():

        async def asked(request: httpx.Request, origin: str = origin) -> None:
            scheme, _, line = request.headers.get("authorization", "").partition(" ")
            if scheme:
                account = read_line(line.encode(), "triptych-presence", "presence").payload.get("account")
                named[origin] |= {account} - {None}

        way.event_hooks = {"request": [asked]}
    return named


async def test_a_hub_that_counts_nothing_is_told_of_no_account(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Meeting.about

    async def counts_nothing(self: Meeting) -> About:
        return msgspec.structs.replace(await real(self), answers_per_token=0)

    monkeypatch.setattr(Meeting, "about", counts_nothing)
    named = accounts_named(scene.world)
    easel = Easel(gives=(NOISE,))
    easel.free.set()
    node = await scene.world.node(easel, earns=lambda _: "x" * 43)
    async with scene.world.working(node):
        await scene.drawn(node, easel, None, "a")
    assert named[FIRST] == set()


async def test_when_more_are_bought_has_nothing_to_do_with_when_some_were_used(scene: Scene) -> None:
    scene.watch()
    purse = await scene.bought()
    late = scene.purse(chance=0.5)
    assert await late.take(FIRST) is not None
    before = len(scene.orders)
    scene.world.clock.ms += DAY
    await late.look(scene.world.meeting())
    assert len(scene.orders) == before
    scene.world.clock.ms += LATER_MS // 2
    await late.look(scene.world.meeting())
    assert len(scene.orders) == before + 1
    assert purse.left(FIRST) < LOW


async def test_a_key_that_is_not_in_the_log_gets_no_order(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.watch()
    monkeypatch.setattr("triptych.app.purse.PROOF_S", 0.05)
    purse = scene.purse()
    await scene.world.hubs[SECOND].tickets.key()
    await until(lambda: scene.world.hubs[SECOND].log.checkpoint())
    scene.world.hubs[FIRST].tickets = scene.world.hubs[SECOND].tickets
    await purse.look(scene.world.meeting())
    assert "is not in the log of https://one.example" in (purse.fault(FIRST) or "")
    assert scene.orders == []
    await asyncio.sleep(0)
