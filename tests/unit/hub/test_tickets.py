"""Tokens of a hub: counted by account when they are given, taken once, and not to be linked."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.network.card_tools import DAY, NODE_ID, NOW, OWNER, STRANGER, STRANGER_ID
from tests.unit.network.remote_tools import Hand

from triptych.hub.tickets import Share, TicketError, Tickets, order
from triptych.network import stamp
from triptych.network.jose import encode_url64
from triptych.network.stamp import Stamp
from triptych.network.tokens import Order, Token, epoch_at
from triptych.spec.errors import RateLimitedError, StorageError

HUB = "https://hub.example"
ACCOUNT, ACCOUNT_ID = STRANGER, STRANGER_ID  # a key of a studio's, made for this hub
WORK = stamp.make(ACCOUNT_ID, NOW, 4)


class Notes:
    """A memory and a log."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.log: list[bytes] = []

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None:
        self.kept |= {(scope, name): body for name, body in bodies.items()}

    async def once(self, scope: str, name: str, body: str, now_ms: int) -> bool:
        if (scope, name) in self.kept:
            return False
        self.kept[scope, name] = body
        return True

    async def get(self, scope: str, name: str) -> str | None:
        return self.kept.get((scope, name))

    async def all(self, scope: str) -> dict[str, str]:
        return {name: body for (kept, name), body in self.kept.items() if kept == scope}

    async def forget(self, scope: str, *names: str) -> None:
        self.kept = {key: body for key, body in self.kept.items() if key[0] != scope}

    async def enter(self, leaf: bytes) -> int:
        self.log.append(leaf)
        return len(self.log) - 1


def desk(folder: Path, notes: Notes | None = None, clock: Hand | None = None, **share: int) -> Tickets:
    notes = notes or Notes()
    return Tickets(HUB, clock or Hand(), notes, notes.enter, folder, Share(**{"bits": 4, "each_day": 3, **share}))


async def got(tickets: Tickets, count: int = 1, work: Stamp | None = WORK, now: int = NOW) -> list[Token]:
    key = await tickets.key()
    orders = [Order.new(key) for _ in range(count)]
    answers = await tickets.issue(order(ACCOUNT, HUB, key.epoch, [one.sent for one in orders], now, work))
    return [one.finish(answer) for one, answer in zip(orders, answers, strict=False)]


def spelled(token: Token) -> str:
    return encode_url64(token.encode())


async def test_a_token_is_taken_once(tmp_path: Path) -> None:
    notes = Notes()
    tickets = desk(tmp_path, notes)
    token, other = await got(tickets, 2)
    await tickets.spend(spelled(token))
    with pytest.raises(TicketError, match="before"):
        await tickets.spend(spelled(token))
    again = desk(tmp_path, notes)  # a new start knows what was spent, and the key of the day
    with pytest.raises(TicketError, match="before"):
        await again.spend(spelled(token))
    await again.spend(spelled(other))
    assert notes.log[0] == (await tickets.key()).leaf
    given = [value for (scope, _), value in notes.kept.items() if scope.startswith("spent")]
    assert ACCOUNT_ID not in str(given)


async def test_an_account_has_so_many_a_day_and_one_more_for_two_answers_of_its_nodes(tmp_path: Path) -> None:
    tickets = desk(tmp_path)
    assert len(await got(tickets, 2)) == 2
    assert len(await got(tickets, 2, work=None)) == 1, "one was left"
    with pytest.raises(RateLimitedError, match=r"3 messages are yours today, and none is left"):
        await got(tickets, 1, work=None)
    tickets.earn(ACCOUNT_ID)
    tickets.earn(NODE_ID)
    with pytest.raises(RateLimitedError):
        await got(tickets, 1, work=None)
    tickets.earn(ACCOUNT_ID)
    assert len(await got(tickets, 2, work=None)) == 1
    with pytest.raises(RateLimitedError, match=r"4 messages are yours today, and none is left"):
        await got(tickets, 1, work=None)


async def test_what_is_earned_on_a_day_has_an_end(tmp_path: Path) -> None:
    tickets = desk(tmp_path, most_earned=2)
    for _ in range(100):
        tickets.earn(ACCOUNT_ID)
    assert len(await got(tickets, 9)) == 5


async def test_who_asks_a_node_of_their_own_has_fewer_tokens_after_each_round(tmp_path: Path) -> None:
    """Every token goes to the own node, and each answer of it counts: that ends."""
    tickets = desk(tmp_path, each_day=40, most_earned=10_000)
    spent, left = 0, await got(tickets, 40)
    while left:
        for token in left:
            await tickets.spend(spelled(token))
            tickets.earn(ACCOUNT_ID)
            spent += 1
        try:
            left = await got(tickets, 40, work=None)
        except RateLimitedError:
            left = []
    assert 40 < spent < 80
    with pytest.raises(ValueError, match="have the tokens back"):
        Share(answers_per_token=1)


async def test_what_was_earned_is_known_after_a_restart_and_ends_with_the_day(tmp_path: Path) -> None:
    notes, clock = Notes(), Hand()
    before = desk(tmp_path, notes, clock)
    before.earn(ACCOUNT_ID)
    before.earn(ACCOUNT_ID)
    await before.close()
    again = desk(tmp_path, notes, clock)
    await again.load()
    assert len(await got(again, 9)) == 4
    clock.ms += DAY
    work = stamp.make(ACCOUNT_ID, clock.ms, 4)
    assert len(await got(again, 9, work, clock.ms)) == 3, "another day"
    clock.ms += DAY
    await again.key()
    assert not [scope for scope, _ in notes.kept if scope.startswith("earned")]


async def test_a_disk_that_is_full_takes_nothing_that_was_earned_while_the_hub_runs(tmp_path: Path) -> None:
    class Full(Notes):
        async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None:
            if scope.startswith("earned"):
                raise StorageError("The disk is full.")
            await super().save(scope, bodies, now_ms)

    tickets = desk(tmp_path, Full())
    tickets.earn(ACCOUNT_ID)
    tickets.earn(ACCOUNT_ID)
    await tickets.close()
    assert len(await got(tickets, 9)) == 4


async def test_a_first_order_needs_a_stamp(tmp_path: Path) -> None:
    tickets = desk(tmp_path)
    with pytest.raises(TicketError, match="stamp of 4 bits"):
        await got(tickets, 1, work=None)
    key = await tickets.key()
    with pytest.raises(TicketError, match="stamp"):  # a stamp of somebody else
        await tickets.issue(order(OWNER, HUB, key.epoch, [Order.new(key).sent], NOW, WORK))


async def test_orders_that_do_not_hold_are_refused(tmp_path: Path) -> None:
    tickets = desk(tmp_path)
    key = await tickets.key()
    for text, words in (
        ("no.order.here", "no order"),
        (order(ACCOUNT, "https://other.example", key.epoch, [b"x"], NOW, WORK), "other"),
        (order(ACCOUNT, HUB, key.epoch, [b"x"], NOW - 120_000, WORK), "time is not now"),
        (order(ACCOUNT, HUB, key.epoch - 1, [b"x"], NOW, WORK), "for today"),
        (order(ACCOUNT, HUB, key.epoch, [b"x"], NOW, WORK), "cannot be signed"),
    ):
        with pytest.raises(TicketError, match=words):
            await tickets.issue(text)


async def test_a_token_ends_with_the_day_after(tmp_path: Path) -> None:
    clock, notes = Hand(), Notes()
    tickets = desk(tmp_path, notes, clock)
    first, second = await got(tickets, 2)
    clock.ms += DAY
    await tickets.key()
    await tickets.spend(spelled(first))
    clock.ms += DAY
    await tickets.key()
    with pytest.raises(TicketError, match="today and yesterday"):
        await tickets.spend(spelled(second))
    with pytest.raises(TicketError):
        await tickets.spend("AAAA")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"tokens-{epoch_at(NOW) + later}.key" for later in (1, 2)
    ]
