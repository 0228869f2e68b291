"""Invites: what a friend pastes, and what it pins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.network.card_tools import DAY, NODE, NODE_ID, NOW

from triptych.network.invite import InviteError, invite, read
from triptych.network.jws import sign_line

HUBS = ("https://hub.example", "http://192.168.1.5:8750")
PASS = "p" * 22


def test_a_link_pins_the_node_that_signed_it() -> None:
    link = invite(NODE, HUBS, "Mira's machine", PASS, NOW)
    assert link.startswith("https://hub.example/join#")
    found = read(f"  {link}\n", NOW + DAY)
    assert (found.node, found.hubs, found.name, found.pass_) == (NODE_ID, HUBS, "Mira's machine", PASS)
    assert read(link.partition("#")[2], NOW) == read(link, NOW)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://hub.example/join", "whole link"),
        ("", "whole link"),
        ("https://hub.example/join#a.b.c", "Ask for the link again"),
        (invite(NODE, HUBS, "x", PASS, NOW)[:-3] + "AAA", "Ask for the link again"),
        (sign_line({"format": "triptych-invite/1"}, NODE, "triptych-invite"), "missing required field"),
        (sign_line({"hub": "x"}, NODE, "triptych-presence"), "not that of a"),
    ],
)
def test_what_is_no_invite_is_told_so(text: str, words: str) -> None:
    with pytest.raises(InviteError, match=words):
        read(text, NOW)


@pytest.mark.parametrize(("later", "words"), [(31 * DAY, "has ended"), (-DAY, "from the future")])
def test_an_invite_has_its_time(later: int, words: str) -> None:
    link = invite(NODE, HUBS, "x", PASS, NOW)
    with pytest.raises(InviteError, match=words):
        read(link, NOW + later)


def test_an_invite_that_could_not_be_read_is_not_made() -> None:
    for hubs, name in (((), "x"), (HUBS, ""), (("hub.example",), "x")):
        with pytest.raises(InviteError):
            invite(NODE, hubs, name, PASS, NOW)


@given(st.text(max_size=300))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(InviteError):
        read(text, NOW)
