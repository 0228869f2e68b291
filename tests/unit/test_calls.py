"""Every outbound call is told with its status, its time and the provider's own id, and kept with the attempt."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.driver_tools import KEY, PICTURE, Bench, Toy, ok, status
from tests.unit.studio_doubles import WIRE

from triptych.http.message import ServerSentEvent, StreamHead
from triptych.provider_kit.calls import plain_id, request_id
from triptych.provider_kit.playback import Answer
from triptych.spec.errors import AmbiguousError, BlockedError, OverloadedError, TriptychError
from triptych.spec.image import ImageRequest
from triptych.spec.model import Answered, WireRecord
from triptych.studio.hearing import MAX_WIRES, with_answer

ASK = ImageRequest(prompt="a kettle")


def answers(bench: Bench) -> list[tuple[object, ...]]:
    return [(w.step, w.status, w.ms, w.request_id) for w in (event.wire for event in bench.told(Answered))]


async def test_submit_polls_and_fetch_are_told_with_their_own_ids() -> None:
    picture = ok(images=[{"url": "https://cdn.example/a.png"}])
    bench = Bench(
        replace(ok(job="j1"), headers={"x-request-id": "r1"}),
        replace(ok(job="j1"), headers={"cf-ray": "8f-AMS"}),
        replace(picture, headers={"x-fal-request-id": "f3", "cf-ray": "9"}),
        fetched=[replace(PICTURE, headers={"x-amzn-requestid": "a4"})],
        takes_s=0.25,
    )
    await bench.model.generate(ASK, bench.context())
    assert answers(bench) == [
        ("submit", 200, 250, "r1"), ("poll", 200, 250, "8f-AMS"), ("poll", 200, 250, "f3"), ("fetch", 200, 250, "a4"),
    ]  # fmt: skip
    assert KEY not in repr(bench.events)


@pytest.mark.parametrize("code", [429, 451, 503])
async def test_a_refusal_is_told_with_its_status(code: int) -> None:
    bench = Bench(status(code, x_request_id="no-1"))
    with pytest.raises(TriptychError):
        await bench.model.generate(ASK, bench.context())
    assert answers(bench) == [("submit", code, 0, "no-1")]


async def test_no_answer_has_a_time_and_no_status() -> None:
    bench = Bench(AmbiguousError("cut"), takes_s=1.5)
    with pytest.raises(AmbiguousError):
        await bench.model.generate(ASK, bench.context())
    assert answers(bench) == [("submit", None, 1500, None)]


async def test_a_fetch_that_fails_first_is_told_each_time() -> None:
    bench = Bench(ok(images=[{"url": "https://cdn.example/a.png"}]), fetched=[status(503, cf_ray="z"), PICTURE])
    await bench.model.generate(ASK, bench.context())
    assert answers(bench)[1:] == [("fetch", 503, 0, "z"), ("fetch", 200, 0, None)]


HEAD = StreamHead(status=200, headers={"x-request-id": "s1"})
PART = ServerSentEvent(event="done", data='{"images": ["png"]}')


@pytest.mark.parametrize(
    ("played", "error", "told"),
    [
        ([HEAD, PART], None, (200, "s1")),
        ([HEAD, ServerSentEvent(event="error", data="{}")], BlockedError, (200, "s1")),
        ([HEAD, AmbiguousError("cut")], AmbiguousError, (200, "s1")),
        ([AmbiguousError("cut")], AmbiguousError, (None, None)),
        (status(503, x_request_id="s2"), OverloadedError, (503, "s2")),
    ],
)
async def test_a_stream_is_told_once_by_what_stood_before_it(
    played: Answer, error: type[TriptychError] | None, told: tuple[object, object]
) -> None:
    bench = Bench(played, adapter=Toy(stream=True))
    if error is None:
        await bench.model.generate(ASK, bench.context())
    else:
        with pytest.raises(error):
            await bench.model.generate(ASK, bench.context())
    assert answers(bench) == [("submit", told[0], 0, told[1])]


def test_ids_are_short_printable_words() -> None:
    assert request_id({"x-request-id": " r-1 ", "cf-ray": "2"}) == "r-1"
    assert request_id({"x-request-id": "", "cf-ray": "2"}) == "2"
    assert request_id({}) is None
    for wrong in ("", "a b", "é", "x" * 121, "a\x07", None, 7):
        assert plain_id(wrong) is None


@given(st.text())
def test_no_id_is_more_than_a_word(text: str) -> None:
    found = plain_id(text)
    assert found is None or (found in text and len(found.split()) == 1)


def wire(step: str, **facts: object) -> WireRecord:
    return replace(WIRE, step=step, **facts)  # type: ignore[arg-type]


def test_an_answer_takes_the_place_of_its_submit_and_polls_add_up() -> None:
    kept = with_answer((WIRE, WIRE), wire("submit", status=200, ms=5))
    assert [one.status for one in kept] == [200, None]
    kept = with_answer(kept, wire("submit", status=503, ms=1))
    for ms in (10, 20, 30):
        kept = with_answer(kept, wire("poll", status=200, ms=ms, request_id=f"p{ms}"))
    kept = with_answer(kept, wire("fetch", status=200, ms=7))
    assert [(one.step, one.status, one.ms, one.calls) for one in kept] == [
        ("submit", 200, 5, 1), ("submit", 503, 1, 1), ("poll", 200, 60, 3), ("fetch", 200, 7, 1),
    ]  # fmt: skip
    assert kept[2].request_id == "p30"


def test_there_is_an_end_to_what_is_kept() -> None:
    kept: tuple[WireRecord, ...] = ()
    for number in range(MAX_WIRES + 5):
        kept = with_answer(kept, wire("fetch", status=200, ms=number))
    assert len(kept) == MAX_WIRES
