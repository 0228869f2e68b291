"""A node's call to a hub: signed, for that hub, of this minute."""

import pytest

from triptych.network.jose import kid_of
from triptych.network.jws import read_line
from triptych.network.presence import PresenceError, present, read_presence
from triptych.tlog.note import Signer

HUB = "https://hub.example"
NOW = 1_800_000_000_000


def test_a_call_names_its_node_and_its_start() -> None:
    signer = Signer.generate("triptych/node")
    found = read_presence(present(signer, HUB, 7, NOW), HUB, NOW + 59_000)
    assert (found.node, found.start_ms) == (kid_of(signer.key.public), 7)


def test_a_call_names_the_account_that_it_earns_for_and_one_without_says_nothing_of_it() -> None:
    signer, account = Signer.generate("triptych/node"), kid_of(Signer.generate("triptych/account").key.public)
    assert read_presence(present(signer, HUB, 7, NOW, account), HUB, NOW).account == account
    plain = present(signer, HUB, 7, NOW)
    assert read_presence(plain, HUB, NOW).account is None
    assert "account" not in read_line(plain.encode(), "triptych-presence", "presence").payload
    with pytest.raises(PresenceError, match="not signed"):
        read_presence(present(signer, HUB, 7, NOW, "of somebody else"), HUB, NOW)


def test_a_call_for_another_hub_is_refused() -> None:
    line = present(Signer.generate("triptych/node"), "https://other.example", 7, NOW)
    with pytest.raises(PresenceError, match=r"other\.example"):
        read_presence(line, HUB, NOW)


@pytest.mark.parametrize(("later", "words"), [(120_000, "120 s behind"), (-120_000, "120 s ahead of")])
def test_a_clock_that_is_two_minutes_off_is_named(later: int, words: str) -> None:
    line = present(Signer.generate("triptych/node"), HUB, 7, NOW)
    with pytest.raises(PresenceError, match=words):
        read_presence(line, HUB, NOW + later)


def test_a_line_that_was_changed_or_is_none_is_refused() -> None:
    line = present(Signer.from_seed("triptych/node", b"n" * 32), HUB, 7, NOW)
    for text in (line[:-4] + "AAAA", "", "ä.b.c", "a.b"):
        with pytest.raises(PresenceError, match="not signed"):
            read_presence(text, HUB, NOW)
