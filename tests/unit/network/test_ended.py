"""Words that end a node's key, and the signed list of them."""

from collections.abc import Callable

import msgspec
import pytest
from tests.unit.network.card_tools import NODE, NODE_ID, NOW, OWNED, OWNER, OWNER_ID, STRANGER, STRANGER_ID, body, made

from triptych.network import bond, card, statement
from triptych.network.ended import EndedError, Page, Word, check_page, read, sign_page
from triptych.tlog.note import Signer

HUB = "https://hub.example"
LOG = Signer.from_seed("hub", b"h" * 32)
OWN = Word(word=bond.sign("revoke", NODE_ID, NODE, issued_ms=NOW))
BY_OWNER = bond.sign("revoke", NODE_ID, OWNER, issued_ms=NOW)
EVIDENCE = made(owner=OWNED).line.text


def test_a_key_ends_by_its_own_word_its_owners_or_a_hand_over() -> None:
    own = read(OWN)
    assert (own.node, own.by, own.successor, own.why) == (
        NODE_ID,
        NODE_ID,
        None,
        "The node was revoked by its own key.",
    )
    owners = read(Word(word=BY_OWNER, card=EVIDENCE))
    assert (owners.by, owners.why) == (OWNER_ID, "The node was revoked by its owner.")
    assert read(Word(word=BY_OWNER), owner=OWNER_ID).node == NODE_ID
    over = read(Word(word=statement.hand_over(NODE, STRANGER, name="h1", issued_ms=NOW)))
    assert (over.node, over.successor, over.why) == (NODE_ID, STRANGER_ID, f"The node goes on as {STRANGER_ID}.")


@pytest.mark.parametrize(
    "said",
    [
        Word(word=BY_OWNER),
        Word(word=BY_OWNER, card=made().line.text),
        Word(word=BY_OWNER, card="no card"),
        Word(word=BY_OWNER, card=card.sign(body(id=STRANGER_ID), STRANGER)),
        Word(word=bond.sign("revoke", NODE_ID, STRANGER, issued_ms=NOW), card=EVIDENCE),
        Word(word=OWNED),
        Word(word=OWN.word[:-4] + "AAAA"),
        Word(word="ä"),
        Word(word=""),
        Word(word=statement.sign("health", {"act": "reset"}, NODE, name="x", issued_ms=NOW)),
    ],
)
def test_a_word_of_anybody_else_or_of_another_kind_ends_nothing(said: Word) -> None:
    with pytest.raises(EndedError):
        read(said)


def test_an_owner_that_is_known_stands_over_what_a_card_claims() -> None:
    with pytest.raises(EndedError):
        read(Word(word=BY_OWNER, card=EVIDENCE), owner=STRANGER_ID)


def test_a_list_is_the_hubs_own_whole_and_of_now() -> None:
    page = sign_page(HUB, 3, 5, [OWN, Word(word=BY_OWNER, card=EVIDENCE)], LOG, NOW)
    key = str(LOG.key)
    page = msgspec.json.decode(msgspec.json.encode(page), type=Page)
    assert check_page(page, HUB, 3, key, NOW + 50_000) == 5
    wrongs: tuple[Callable[[], int], ...] = (
        lambda: check_page(page, HUB, 2, key, NOW),
        lambda: check_page(page, "https://other.example", 3, key, NOW),
        lambda: check_page(page, HUB, 3, str(NODE.key), NOW),
        lambda: check_page(page, HUB, 3, key, NOW + 61_000),
        lambda: check_page(Page(page.head, page.words[:1]), HUB, 3, key, NOW),
        lambda: check_page(Page(page.head, [page.words[0], OWN]), HUB, 3, key, NOW),
        lambda: check_page(Page("a.b.c", page.words), HUB, 3, key, NOW),
        lambda: check_page(sign_page(HUB, 3, 4, page.words, LOG, NOW), HUB, 3, key, NOW),
    )
    for wrong in wrongs:
        with pytest.raises(EndedError):
            wrong()
