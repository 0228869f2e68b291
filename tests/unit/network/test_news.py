"""News of a job in an answer that stays open: each as soon as it is whole, and no end that is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.card_tools import FIRST
from tests.unit.network.test_job import PNG, REPLIES, TOKEN

from triptych.network import job, news
from triptych.network.job import JobError, Watch
from triptych.network.news import NewsReader
from triptych.network.ohttp import bhttp
from triptych.network.ohttp.bhttp import Response
from triptych.network.ohttp.chunks import RequestOpener, RequestSealer
from triptych.network.ohttp.errors import SealError

BIG = job.Reply(job.Working(seen=3, preview=job.described(PNG * 3000, "image/png")), (PNG * 3000,))


def whole() -> bytes:
    return b"".join((news.begin(), *(part for reply in (*REPLIES, BIG) for part in news.tell(reply)), news.end()))


def test_previews_arrive_as_they_are_drawn() -> None:
    """From the node's pictures to the studio, through both seals."""
    client = RequestSealer((FIRST.config,))
    node = RequestOpener((FIRST,))
    asked = job.encode_question(Watch(job=TOKEN))
    node.feed(client.header + client.finish(asked))
    assert job.decode_question(node.finish()) == Watch(job=TOKEN)

    reply, answer, reader = node.reply(), client.answer(), NewsReader()
    sizes = []
    for data in (reply.header, reply.seal(news.begin())):
        assert [found for piece in answer.feed(data) for found in reader.feed(piece)] == []
    for said in (*REPLIES, BIG):
        found = []
        for part in news.tell(said):
            sealed = reply.seal(part)
            sizes.append(len(sealed))
            found += [one for piece in answer.feed(sealed) for one in reader.feed(piece)]
        assert found == [said]
    answer.feed(reply.finish(news.end()))
    assert reader.feed(answer.finish()) == []
    reader.finish()
    assert len(set(sizes)) == 1  # however large the preview


def test_an_end_that_comes_too_early_is_noticed() -> None:
    data = whole()
    for size in (0, 1, len(news.begin()) - 1, len(data) // 2, len(data) - 2):
        reader = NewsReader()
        reader.feed(data[:size])
        with pytest.raises(JobError):
            reader.finish()
    client = RequestSealer((FIRST.config,))
    node = RequestOpener((FIRST,))
    node.feed(client.header + client.finish())
    reply, answer = node.reply(), client.answer()
    answer.feed(reply.header + reply.seal(news.begin()))
    with pytest.raises(SealError) as told:
        answer.finish()
    assert told.value.reason == "truncated"


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 200_000), max_size=6))
def test_news_are_read_however_they_are_cut(cuts: list[int]) -> None:
    data = whole()
    reader, found = NewsReader(), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        found += reader.feed(data[start:end])
    reader.finish()
    assert found == [*REPLIES, BIG]


HEAD = news.begin()


@pytest.mark.parametrize(
    "data",
    [
        bhttp.open_head(Response(status=404, fields=(("content-type", news.MEDIA_TYPE),))),
        bhttp.open_head(Response(status=200)), bhttp.open_head(bhttp.Request(method="GET", path="/")), bhttp.encode(Response(status=200)),
        HEAD + bhttp.open_piece(b"\xc4" + bytes(7)), HEAD + bhttp.open_piece(b"\2{}".ljust(news.BLOCK, b"\0")),
        HEAD + bhttp.open_piece(b"\0".ljust(news.BLOCK, b"\0")),
        HEAD + bhttp.open_piece((b"\x03\x05{}").ljust(news.BLOCK, b"\0")),
    ],
)  # fmt: skip
def test_what_is_no_news(data: bytes) -> None:
    reader = NewsReader()
    with pytest.raises(JobError):
        reader.feed(data)
        reader.finish()


@settings(deadline=None)
@given(data=st.binary(max_size=100))
def test_any_bytes_are_no_news(data: bytes) -> None:
    for text in (data, HEAD + data, HEAD + bhttp.open_piece(data.ljust(news.BLOCK, b"\0")) + b"\0\0"):
        reader = NewsReader()
        try:
            found = reader.feed(text)
            reader.finish()
        except JobError:
            continue
        assert found == []
        assert text.startswith(HEAD)  # an answer without any news is one
    with pytest.raises(JobError):
        job.unpack(data)


def test_pictures_go_with_what_lists_them() -> None:
    for wrong in (job.Reply(REPLIES[2].news), job.Reply(REPLIES[0].news, (PNG,))):
        with pytest.raises(JobError):
            list(news.tell(wrong))
