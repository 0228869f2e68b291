"""Cards of nodes: what they prove, how soon they end, and every way in which they are not believed."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.card_tools import (
    DAY,
    FIRST,
    MODEL,
    NODE,
    NODE_ID,
    NOW,
    OWNED,
    OWNER,
    OWNER_ID,
    SECOND,
    STRANGER,
    STRANGER_ID,
    THIRD,
    body,
    forged,
    made,
)

from triptych.network import bond, card, known, statement
from triptych.network.bond import BondError
from triptych.network.card import Attest, CardError, Price
from triptych.network.jose import decode_url64, encode_url64, kid_of
from triptych.network.jws import sign_line
from triptych.network.ohttp import keys
from triptych.network.ohttp.seal import open_request, seal_request


def reason(data: bytes) -> str:
    with pytest.raises(CardError) as told:
        card.read(data)
    return told.value.reason


def test_a_card_says_what_was_put_into_it() -> None:
    found = made(FIRST, SECOND, price=Price(per_image_micro_usd=1500), region="DE", owner=OWNED)
    assert found.id == NODE_ID == kid_of(NODE.key.public)
    assert found.body == body(FIRST, SECOND, price=Price(per_image_micro_usd=1500), region="DE", owner=OWNED)
    assert found.keys == (FIRST.config, SECOND.config)
    assert found.owner == OWNER_ID
    card.check(found, NOW)
    sealed, _ = seal_request(found.keys, b"only the node reads this")
    assert open_request((SECOND, FIRST), sealed)[0] == b"only the node reads this"


def test_a_free_node_says_so() -> None:
    payload = json.loads(decode_url64(made().line.text.split(".")[1]) or b"")
    assert payload["price"] is None
    assert "owner" not in payload


@pytest.mark.parametrize(("ahead", "why"), [(-card.SKEW_MS - 1, "early"), (600_000 + card.SKEW_MS, "expired")])
def test_a_card_counts_for_its_time_and_a_minute(ahead: int, why: str) -> None:
    found = made()
    with pytest.raises(CardError) as told:
        card.check(found, NOW + ahead)
    assert told.value.reason == why
    card.check(found, NOW + ahead + (1 if ahead < 0 else -1))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"expires_ms": NOW + card.MAX_LIFE_MS + 1}, "malformed"), ({"expires_ms": NOW}, "malformed"),
        ({"id": STRANGER_ID}, "wrong_id"), ({"format": "triptych-card/2"}, "malformed"), ({"format": ...}, "malformed"),
        ({"extra": 1}, "malformed"), ({"models": [{"id": "sdxl"}]}, "malformed"), ({"seq": -1}, "malformed"),
        ({"seq": "1"}, "malformed"), ({"seq": True}, "malformed"), ({"hubs": ["ftp://hub.example"]}, "malformed"),
        ({"hubs": ["https://me@hub.example"]}, "malformed"), ({"hubs": ["https://hub.example/?to=x"]}, "malformed"),
        ({"transports": []}, "malformed"), ({"transports": ["iroh"]}, "malformed"), ({"region": "Germany"}, "malformed"),
        ({"load": {"queue": 0}}, "malformed"), ({"price": {"per_image_micro_usd": -1}}, "malformed"),
        ({"price": ...}, "malformed"), ({"models": [{**msgspec.to_builtins(MODEL), "digest": "AB" * 32}]}, "malformed"),
        ({"models": [msgspec.to_builtins(MODEL)] * 65}, "malformed"), ({"hpke": "AA"}, "keys"), ({"hpke": "?"}, "keys"),
        ({"hpke": card.encode_keys([FIRST.config, SECOND.config, THIRD.config])}, "keys"),
        ({"hpke": card.encode_keys([keys.KeyConfig(1, 0x10, bytes(65))])}, "keys"),
        ({"owner": "abc"}, "owner"), ({"vouch": [OWNED]}, "malformed"), ({"follows": "abc"}, "follows"),
        ({"attest": {"type": "nitro", "evidence": "", "binds": "00" * 32}}, "attest"),
        ({"models": [{**msgspec.to_builtins(MODEL), "family": "x" * 120, "engine": "y" * 120}] * 64, "region": "DE"}, "too_large"),
    ],
)  # fmt: skip
def test_what_no_card_says(changed: dict[str, Any], why: str) -> None:
    assert reason(forged(**changed)) == why


def test_a_key_of_a_kind_that_is_not_known_is_not_carried_along() -> None:
    strange = b"\0\7\1\x64\x7aabcd"
    assert reason(forged(hpke=encode_url64(keys.encode((FIRST.config,)) + strange))) == "keys"


def test_a_field_that_is_not_known_is_named() -> None:
    with pytest.raises(CardError, match="extra"):
        card.read(forged(extra=1))


def test_a_card_of_somebody_else() -> None:
    assert reason(forged(STRANGER)) == "wrong_id"
    text = made().line.text
    head, payload, _ = text.split(".")
    other = sign_line(msgspec.to_builtins(body(seq=2)), NODE, card.TYPE).split(".")[2]
    assert reason(f"{head}.{payload}.{other}".encode()) == "forged"
    assert reason(sign_line({"format": card.FORMAT}, NODE, "triptych-receipt").encode()) == "forged"


@settings(deadline=None)
@given(at=st.integers(0, 2000), bit=st.integers(0, 7))
def test_not_one_bit_can_be_changed(at: int, bit: int) -> None:
    data = bytearray(CARD)
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(CardError):
        card.read(bytes(data))


CARD = made().line.leaf


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for wrong in (data, CARD[: len(data)], CARD + data + b"."):
        with pytest.raises(CardError):
            card.read(wrong)


class TestOwner:
    def test_an_owner_has_to_have_signed_for_this_node(self) -> None:
        other = bond.sign("owner", STRANGER_ID, OWNER, issued_ms=NOW, expires_ms=NOW + DAY)
        assert reason(forged(owner=other)) == "owner"
        assert reason(forged(owner=bond.sign("revoke", NODE_ID, OWNER, issued_ms=NOW))) == "owner"

    @pytest.mark.parametrize(("begins", "ends"), [(-DAY, -card.SKEW_MS), (card.SKEW_MS + 1, DAY)])
    def test_an_owners_word_has_a_beginning_and_an_end(self, begins: int, ends: int) -> None:
        text = bond.sign("owner", NODE_ID, OWNER, issued_ms=NOW + begins, expires_ms=NOW + ends)
        with pytest.raises(CardError) as told:
            card.check(made(owner=text), NOW)
        assert told.value.reason == "owner"

    def test_a_word_for_ever_is_none(self) -> None:
        for ends in (None, NOW, NOW + bond.MAX_LIFE_MS + 1):
            with pytest.raises(BondError):
                bond.sign("owner", NODE_ID, OWNER, issued_ms=NOW, expires_ms=ends)
        with pytest.raises(BondError):
            bond.sign("revoke", NODE_ID, OWNER, issued_ms=NOW, expires_ms=NOW + 1)

    def test_a_revocation_is_for_ever(self) -> None:
        found = bond.read(bond.sign("revoke", NODE_ID, OWNER, issued_ms=NOW).encode())
        assert (found.kind, found.node, found.issued_ms, found.expires_ms) == ("revoke", NODE_ID, NOW, None)
        assert "expires_ms" not in found.payload
        assert bond.read(OWNED.encode()).expires_ms == NOW + DAY

    @settings(deadline=None)
    @given(data=st.binary(max_size=100))
    def test_any_bytes_are_no_bond(self, data: bytes) -> None:
        with pytest.raises(BondError):
            bond.read(data)
        with pytest.raises(BondError):
            bond.read(sign_line({"kind": data.hex()}, OWNER, bond.TYPE).encode())


def test_evidence_is_bound_to_both_keys() -> None:
    hpke = keys.encode((FIRST.config,))
    binds = card.binding(NODE.key.public, hpke)
    assert made(attest=Attest(type="tdx", evidence="AA", binds=binds)).body.attest is not None
    for public, held in ((STRANGER.key.public, hpke), (NODE.key.public, keys.encode((SECOND.config,)))):
        wrong = {"type": "tdx", "evidence": "AA", "binds": card.binding(public, held)}
        assert reason(forged(attest=wrong)) == "attest"


def test_the_entry_of_the_log_is_one_for_each_key() -> None:
    first, second = made(FIRST, SECOND, seq=9).leaves
    assert json.loads(first) == {
        "format": card.KEY_FORMAT,
        "id": NODE_ID,
        "key": encode_url64(FIRST.config.encode()),
    }
    assert made(SECOND, seq=10).leaves == (second,)


class TestMemory:
    """What is remembered between cards."""

    first = known.learn(None, made(owner=OWNED), NOW)

    def refused(self, found: card.Card, now_ms: int = NOW, before: known.Known = first) -> str:
        with pytest.raises(CardError) as told:
            known.learn(before, found, now_ms)
        return told.value.reason

    def test_cards_go_forward(self) -> None:
        assert known.learn(self.first, made(owner=OWNED), NOW + 5) == self.first
        third = known.learn(self.first, made(owner=OWNED, seq=3), NOW + 5)
        assert (third.seq, third.rotated_ms) == (3, NOW)
        assert self.refused(made(owner=OWNED, seq=2), before=third) == "rolled_back"

    def test_the_same_key_on_two_machines_is_noticed(self) -> None:
        assert self.refused(made(owner=OWNED, models=())) == "twice"

    def test_an_owner_stays(self) -> None:
        taken = bond.sign("owner", NODE_ID, STRANGER, issued_ms=NOW, expires_ms=NOW + DAY)
        assert self.refused(made(owner=taken, seq=2)) == "owner"
        assert self.refused(made(seq=2)) == "owner"
        assert known.learn(known.learn(None, made(), NOW), made(seq=2, owner=OWNED), NOW).owner == OWNER_ID

    def test_a_new_key_comes_once_a_day(self) -> None:
        both = known.learn(self.first, made(FIRST, SECOND, owner=OWNED, seq=2), NOW + DAY)
        assert both.rotated_ms == NOW + DAY
        alone = known.learn(both, made(SECOND, owner=OWNED, seq=3), NOW + DAY + 1)
        assert self.refused(made(SECOND, THIRD, owner=OWNED, seq=4), NOW + DAY + 2, alone) == "rotated"
        assert self.refused(made(SECOND, owner=OWNED, seq=2), NOW + DAY - card.SKEW_MS - 1) == "rotated"
        assert known.learn(alone, made(THIRD, owner=OWNED, seq=4), NOW + 2 * DAY).keys == (THIRD.config.encode(),)

    def test_the_first_key_may_go_out_at_any_time_beside_the_next(self) -> None:
        both = known.learn(self.first, made(SECOND, FIRST, owner=OWNED, seq=2), NOW + 5)
        alone = known.learn(both, made(SECOND, owner=OWNED, seq=3), NOW + 10)
        assert self.refused(made(SECOND, owner=OWNED, seq=2), NOW + 5) == "rotated", "not in the place of it"
        assert self.refused(made(THIRD, SECOND, owner=OWNED, seq=4), NOW + DAY - card.SKEW_MS, alone) == "rotated"
        assert known.learn(alone, made(THIRD, SECOND, owner=OWNED, seq=4), NOW + 5 + DAY).seq == 4

    def test_who_sees_a_new_key_late_does_not_refuse_the_next(self) -> None:
        late = known.learn(self.first, made(SECOND, owner=OWNED, seq=2), NOW + DAY + DAY // 2)
        again = known.learn(late, made(THIRD, owner=OWNED, seq=3), NOW + 2 * DAY)
        assert self.refused(made(FIRST, owner=OWNED, seq=4), NOW + 2 * DAY + DAY // 2, again) == "rotated"

    def test_a_node_that_has_ended_shows_no_more_cards(self) -> None:
        ended = replace(self.first, ended="The node was revoked by its owner.")
        assert self.refused(made(owner=OWNED, seq=2), before=ended) == "revoked"

    def test_a_new_signing_key_signed_by_both(self) -> None:
        text = statement.hand_over(NODE, STRANGER, name="key_1", issued_ms=NOW)
        assert made(signer=STRANGER, id=STRANGER_ID, follows=text).followed == NODE_ID

    def test_a_hand_over_of_somebody_else(self) -> None:
        text = statement.hand_over(STRANGER, OWNER, name="key_1", issued_ms=NOW)
        assert reason(forged(follows=text)) == "follows"
        pick = statement.sign("pick", {}, NODE, name="pick_1", issued_ms=NOW)
        assert reason(forged(follows=pick)) == "follows"
