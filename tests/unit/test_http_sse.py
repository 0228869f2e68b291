"""Events of a stream, however its bytes are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.http.message import ServerSentEvent
from triptych.http.sse import EventParser
from triptych.spec.errors import HostileContentError


def parse(*chunks: bytes) -> list[tuple[str, str]]:
    parser = EventParser()
    return [(event.event, event.data) for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: 1\n\n", [("message", "1")]),
        (b"data:1\r\n\r\ndata: 2\r\r", [("message", "1"), ("message", "2")]),
        (b"event: done\ndata: a\ndata:  b\n\n", [("done", "a\n b")]),
        (b": keep-alive\n\n:\n\ndata: x\n\n", [("message", "x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [("message", "x")]),
        (b"event: lonely\n\ndata: x\n\n", [("message", "x")]),
        (b"id: 7\nretry: 10\ndata\n\n", [("message", "")]),
        (b"data: unfinished", []),
        (b"data: unfinished\n", []),
        (b"data: [DONE]\n\n", [("message", "[DONE]")]),
        ("data: é\u2028x\n\n".encode(), [("message", "é\u2028x")]),
    ],
)
def test_streams(stream: bytes, events: list[tuple[str, str]]) -> None:
    assert parse(stream) == events
    assert parse(*(stream[at : at + 1] for at in range(len(stream)))) == events


lines = st.sampled_from([b"data: a", b"data:  b", b"event: e", b": note", b"", b"", "data: ü".encode(), b"x"])
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(content=st.lists(st.tuples(lines, ends), max_size=20), cuts=st.lists(st.integers(min_value=0, max_value=200)))
def test_cuts_never_change_the_events(content: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in content)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    chunks = [stream[start:stop] for start, stop in itertools.pairwise(edges)]
    assert parse(*chunks) == parse(stream)


def test_an_endless_event_is_refused() -> None:
    parser = EventParser(max_event_bytes=100)
    for _ in range(50):
        assert parser.feed(b"data: 1\n\n") == [ServerSentEvent(event="message", data="1")]
    with pytest.raises(HostileContentError):
        for _ in range(20):
            parser.feed(b"data: 123\n")
