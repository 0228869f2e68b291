"""The directory of a hub: which cards it takes, what it remembers, what it writes into its log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.network.card_tools import DAY, FIRST, NODE, NODE_ID, NOW, OWNED, OWNER, SECOND, STRANGER, body, made
from tests.unit.network.remote_tools import Hand

from triptych.hub.directory import CardRefusedError, Directory, Rules
from triptych.hub.here import PROBATION_JOBS
from triptych.network import bond, card, stamp
from triptych.network.card import Work
from triptych.network.jose import kid_of
from triptych.spec.errors import RateLimitedError
from triptych.tlog.note import Signer

NET = "198.41.0.0/24"
DONE = stamp.make(NODE_ID, NOW, 4)
assert DONE is not None
WORK = Work(made_ms=DONE.made_ms, counter=DONE.counter)


@dataclass
class Notes:
    """A memory and a log."""

    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None:
        self.kept |= {(scope, name): body for name, body in bodies.items()}

    async def all(self, scope: str) -> dict[str, str]:
        return {name: body for (one, name), body in self.kept.items() if one == scope}

    async def get(self, scope: str, name: str) -> str | None:
        return self.kept.get((scope, name))

    async def enter(self, leaf: bytes) -> int:
        self.log.append(leaf)
        return len(self.log) - 1


def opened(notes: Notes | None = None, clock: Hand | None = None, **rules: int) -> tuple[Directory, Notes, Hand]:
    notes, clock = notes or Notes(), clock or Hand()
    return Directory(clock, notes, notes.enter, Rules(**{"bits": 4, **rules})), notes, clock


def text(*held: Any, **changed: Any) -> bytes:
    return card.sign(body(*held, **{"pow": WORK, **changed}), NODE).encode()


async def refused(directory: Directory, data: bytes) -> str:
    with pytest.raises(CardRefusedError) as told:
        await directory.publish(data, NET)
    assert told.value.hint
    return str(told.value.param)


async def test_a_card_is_listed_while_it_lasts_and_its_key_is_in_the_log() -> None:
    directory, notes, clock = opened()
    found = await directory.publish(text(), NET)
    assert directory.listed() == (found,)
    assert directory.listed("sdxl") == (found,)
    assert directory.listed("flux") == ()
    assert directory.find(NODE_ID) == found
    assert notes.log == [card.key_leaf(NODE_ID, FIRST.config)]
    clock.ms += 600_000
    assert directory.find(NODE_ID) is None
    assert directory.listed() == ()


async def test_a_first_card_needs_a_stamp_and_the_next_one_does_not() -> None:
    directory, notes, _ = opened()
    assert await refused(directory, text(pow=None)) == "card.stamp"
    await directory.publish(text(), NET)
    await directory.publish(text(pow=None, seq=2), NET)
    assert len(notes.log) == 1


async def test_a_stamp_that_does_not_count_is_refused_for_what_it_is() -> None:
    other = stamp.make("another node", NOW, 4)
    assert other is not None
    for bits, made_ms, counter, words in (
        (24, WORK.made_ms, WORK.counter, "24 are asked for"),
        (24, other.made_ms, other.counter, "zero bits"),
        (4, NOW - stamp.FRESH_MS - 1, 0, "more than an hour old"),
        (4, NOW + stamp.SKEW_MS + 1, 0, "from the future"),
    ):
        directory, notes, _ = opened(bits=bits)
        with pytest.raises(CardRefusedError, match=words) as told:
            await directory.publish(text(pow=Work(made_ms=made_ms, counter=counter)), NET)
        assert told.value.param == "card.stamp"
        assert notes.log == []


async def test_old_cards_second_machines_and_fast_changes_of_keys_are_refused() -> None:
    directory, _, _ = opened()
    await directory.publish(text(seq=5), NET)
    assert await refused(directory, text(seq=4)) == "card.rolled_back"
    assert await refused(directory, text(seq=5, region="CH")) == "card.twice"
    assert await refused(directory, text(SECOND, seq=6)) == "card.rotated"
    assert await refused(directory, b"no card") == "card.forged"


async def test_a_clock_that_is_two_minutes_off_is_named() -> None:
    directory, _, clock = opened()
    clock.ms -= 120_000
    assert await refused(directory, text()) == "card.early"
    clock.ms += 900_000
    assert await refused(directory, text()) == "card.expired"


async def test_what_is_known_survives_a_start() -> None:
    directory, notes, clock = opened()
    await directory.publish(text(seq=5), NET)
    again, _, _ = opened(notes, clock)
    await again.load()
    assert again.listed() == ()
    assert await refused(again, text(seq=4)) == "card.rolled_back"
    clock.ms += DAY
    found = await again.publish(text(SECOND, seq=6, pow=None, issued_ms=clock.ms, expires_ms=clock.ms + 600_000), NET)
    assert found.first_ms == NOW
    assert notes.log[-1] == card.key_leaf(NODE_ID, SECOND.config)


async def test_the_owner_ends_a_node_for_good_and_nobody_else_can() -> None:
    directory, notes, clock = opened()
    await directory.publish(text(owner=OWNED), NET)
    for signer in (STRANGER, OWNER):
        word = bond.sign("revoke", NODE_ID, signer, issued_ms=NOW).encode()
        if signer is STRANGER:
            with pytest.raises(CardRefusedError):
                await directory.revoke(word)
            assert directory.find(NODE_ID) is not None
        else:
            assert await directory.revoke(word) == NODE_ID
    assert directory.listed() == ()
    assert notes.log[-1] == word
    again, _, _ = opened(notes, clock)
    await again.load()
    assert await refused(again, text(seq=9, owner=OWNED)) == "card.revoked"


async def test_one_network_has_so_many_nodes_and_one_at_home_as_many_as_it_likes() -> None:
    directory, _, _ = opened(per_network=2)
    for number in range(4):
        signer = Signer.from_seed(f"n{number}", bytes([number]) * 32)
        node = kid_of(signer.key.public)
        done = stamp.make(node, NOW, 4)
        assert done is not None
        line = card.sign(body(id=node, pow=Work(made_ms=NOW, counter=done.counter)), signer).encode()
        await directory.publish(line, "192.168.1.0/24")
        if number < 2:
            await directory.publish(line, NET)
        else:
            with pytest.raises(RateLimitedError, match=r"2 nodes of the network 198\.41\.0\.0/24"):
                await directory.publish(line, NET)


async def test_probation_ends_with_fifty_answers() -> None:
    directory, notes, clock = opened()
    await directory.publish(text(), NET)
    for _ in range(PROBATION_JOBS - 1):
        await directory.served(NODE_ID)
    assert directory.listed()[0].probation
    await directory.served(NODE_ID)
    await directory.served("nobody")
    assert not directory.listed()[0].probation
    await directory.publish(text(seq=2), NET)
    again, _, _ = opened(notes, clock)
    await again.load()
    assert (await again.publish(text(seq=3), NET)).jobs == PROBATION_JOBS
    assert made().id == NODE_ID
