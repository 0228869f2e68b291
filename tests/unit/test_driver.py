"""The driver's one call: what is sent once, what is said, what it cost."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.driver_tools import CARD, KEY, PICTURE, PNG, Bench, Toy, ok, status

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending
from triptych.spec.errors import (
    AmbiguousError,
    AuthError,
    BadRequestError,
    BlockedError,
    EmptyAnswerError,
    ExpiredError,
    HostileContentError,
    NotConfiguredError,
    NotSentError,
    ProviderFailedError,
    RateLimitedError,
    StorageError,
)
from triptych.spec.image import Cost, ImageRequest
from triptych.spec.model import Capabilities, ModelCard, PriceLine, Progress, Sent

ASK = ImageRequest(prompt="a kettle")


async def test_a_direct_answer_is_a_result() -> None:
    bench = Bench(replace(ok(images=["png"]), headers={"x-request-id": "r1"}))
    result = await bench.model.generate(replace(ASK, seed=7), bench.context())
    assert (result.images[0].data, result.billed, result.cost) == (PNG, "yes", Cost(40_000, "table"))
    assert result.provider_request_id == "r1"
    assert [(a.feature, a.kind) for a in result.adjustments] == [("seed", "unsupported")]
    assert bench.log == ["Sent", "submit"]
    (request,) = bench.transport.seen
    assert (request.url, request.headers["Authorization"]) == ("https://api.toy.example/v1/jobs", f"Bearer {KEY}")


async def test_what_was_sent_is_told_first_and_without_the_key() -> None:
    bench = Bench(ok(images=["png"]))
    await bench.model.generate(ASK, bench.context())
    (sent,) = bench.told(Sent)
    assert sent.wire.url == "https://api.toy.example/v1/jobs"
    assert sent.wire.headers["Authorization"] == "Bearer <key>"
    assert sent.wire.body == '{"prompt":"a kettle","n":1}'
    assert KEY not in repr(sent)


async def test_when_the_record_cannot_be_kept_nothing_is_sent() -> None:
    bench = Bench(ok(images=["png"]))

    async def full(event: object) -> None:
        raise StorageError("disk full")

    with pytest.raises(StorageError):
        await bench.model.generate(ASK, replace(bench.context(), tell=full))
    assert bench.transport.seen == []


async def test_without_a_key_the_ways_to_give_one_are_named() -> None:
    bench = Bench(ok(), key=None)
    with pytest.raises(NotConfiguredError) as caught:
        await bench.model.generate(ASK, bench.context())
    for words in ("TOY_API_KEY", "triptych keys set toy", "Models page", "demo"):
        assert words in str(caught.value)
    assert bench.transport.seen == []


async def test_a_public_key_and_no_key_at_all() -> None:
    public = Bench(ok(images=["png"]), key=None, adapter=Toy(auth=Auth(header="apikey", prefix="", anonymous="0000")))
    await public.model.generate(ASK, public.context())
    assert public.transport.seen[0].headers == {"apikey": "0000"}
    keyless = Bench(ok(images=["png"]), key=None, adapter=Toy(auth=Auth(required=False)))
    await keyless.model.generate(ASK, keyless.context())
    assert keyless.transport.seen[0].headers == {}


@pytest.mark.parametrize("key", ["new\nline", "käse", "tab\tkey"])
async def test_a_key_that_cannot_be_a_header_is_not_sent(key: str) -> None:
    bench = Bench(ok(images=["png"]), key=key)
    with pytest.raises(NotConfiguredError, match="characters"):
        await bench.model.generate(ASK, bench.context())


@pytest.mark.parametrize(
    ("answer", "kind", "billed"),
    [
        (status(401), AuthError, "no"),
        (status(451), BlockedError, "unknown"),
        (status(500), ProviderFailedError, "unknown"),
        (ok(blocked="yes"), BlockedError, "yes"),
        (HttpResponse(status=200, body=b"<html>"), ProviderFailedError, "unknown"),
        (ok(nothing=1), ProviderFailedError, "unknown"),
        (ok(images=[]), EmptyAnswerError, "yes"),
        (ok(images=["<svg/>"]), EmptyAnswerError, "yes"),
        (ok(images=[""], billed="no"), EmptyAnswerError, "no"),
        (status(307, location="https://x.example"), ProviderFailedError, "unknown"),
        (AmbiguousError("cut"), AmbiguousError, "unknown"),
        (NotSentError("refused"), NotSentError, "no"),
        (HostileContentError("too large"), HostileContentError, "unknown"),
    ],
)
async def test_a_submit_is_made_once_whatever_comes_back(answer: Any, kind: type[Exception], billed: str) -> None:
    bench = Bench(answer)
    with pytest.raises(kind) as caught:
        await bench.model.generate(ASK, bench.context())
    assert bench.log.count("submit") == 1
    assert caught.value.billed == billed  # type: ignore[attr-defined]
    assert caught.value.provider == "toy"  # type: ignore[attr-defined]


async def test_a_hint_when_to_come_back_is_kept_and_the_key_is_taken_out_of_words() -> None:
    bench = Bench(status(429, f"bad key {KEY}", retry_after="7"))
    with pytest.raises(RateLimitedError) as caught:
        await bench.model.generate(ASK, bench.context())
    assert (caught.value.retry_after_s, caught.value.status) == (7.0, 429)
    assert caught.value.upstream == "bad key …cdef"


async def test_faults_of_an_adapter_are_ours() -> None:
    bench = Bench(ok(images=["png"]))
    with pytest.raises(BadRequestError, match="KeyError"):
        bench.model.plan(ImageRequest(prompt="crash"))
    with pytest.raises(BadRequestError, match="UTF-8"):
        await bench.model.generate(ImageRequest(prompt="\ud800"), bench.context())
    assert bench.transport.seen == []


NUMBER: Any = 3


@pytest.mark.parametrize(
    "outcome", [None, "done", Done(images=(NUMBER,)), Pending(job_id=NUMBER, poll=HttpRequest(url="/"), after=1)]
)
async def test_an_adapter_that_gives_nonsense_is_not_believed(outcome: Any) -> None:
    toy = Toy()
    toy.parse = lambda *_: outcome  # type: ignore[method-assign]
    bench = Bench(ok(), adapter=toy)
    with pytest.raises(ProviderFailedError, match="could not be understood"):
        await bench.model.generate(ASK, bench.context())


async def test_no_time_left_means_nothing_sent() -> None:
    bench = Bench(ok(images=["png"]))
    with pytest.raises(NotSentError):
        await bench.model.generate(ASK, bench.context(0))
    assert bench.events == []


TOKENS = replace(
    CARD,
    prices=(PriceLine(unit="output_image_token", micro_usd_per_million=60_000_000, source="l", as_of="2026-11-20"),),
)


@pytest.mark.parametrize(
    ("card", "body", "cost", "billed"),
    [
        (CARD, {"cost": 5, "tokens": 9}, Cost(5, "provider"), "yes"),
        (TOKENS, {"tokens": 1000}, Cost(60_000, "usage"), "yes"),
        (TOKENS, {}, Cost(None, "unknown"), "yes"),
        (CARD, {"tokens": 1000}, Cost(40_000, "table"), "yes"),
        (CARD, {"billed": "no"}, Cost(0, "provider"), "no"),
        (replace(CARD, prices=(), free=True), {}, Cost(0, "free"), "no"),
    ],
)
async def test_the_cost_is_the_best_figure_there_is(
    card: ModelCard, body: dict[str, Any], cost: Cost, billed: str
) -> None:
    bench = Bench(ok(images=["png"], **body), card=card)
    result = await bench.model.generate(ASK, bench.context())
    assert (result.cost, result.billed) == (cost, billed)


async def test_what_was_made_is_priced_also_when_it_is_no_picture() -> None:
    bench = Bench(ok(images=["png", "not one", "png"]))
    result = await bench.model.generate(replace(ASK, n=3), bench.context())
    assert (len(result.images), result.cost.amount_micro_usd) == (2, 120_000)
    (failure,) = result.failures
    assert (failure.index, failure.code, failure.billed) == (1, "no_image", "yes")


# Pictures to be fetched.

CDN = "https://cdn.example/a.png"


async def test_a_picture_elsewhere_is_fetched_without_the_key() -> None:
    bench = Bench(ok(images=[{"url": CDN}]))
    result = await bench.model.generate(ASK, bench.context())
    assert (result.images[0].data, result.images[0].media_type) == (PNG, "image/png")
    fetch = bench.transport.seen[1]
    assert (fetch.url, fetch.headers, bench.transport.guarded[1]) == (CDN, {}, True)
    assert bench.told(Progress)[0].note == "fetching"


@pytest.mark.parametrize(
    ("url", "with_key"),
    [
        ("https://api.toy.example/files/1", True),
        ("https://api.toy.example:443/files/1", True),
        ("/files/1", True),
        ("https://poll.toy.example/1", True),
        ("http://poll.toy.example/1", False),
        ("https://poll.toy.example:8443/1", False),
        ("https://api.toy.example:8443/1", False),
        ("https://api.toy.example.evil.example/1", False),
        ("//evil.example/1", False),
    ],
)
async def test_the_key_goes_to_the_origin_and_trusted_hosts_only(url: str, with_key: bool) -> None:
    for answer in (ok(images=[{"url": url}]), ok(job="j", poll=url)):
        bench = Bench(answer, ok(images=["png"]))
        await bench.model.generate(ASK, bench.context())
        assert ("Authorization" in bench.transport.seen[1].headers) is with_key


async def test_a_configured_origin_opens_itself_and_nothing_else() -> None:
    here = "http://127.0.0.1:9000"
    bench = Bench(ok(images=[{"url": f"{here}/a.png"}]), base_url=f"{here}/v1/")
    await bench.model.generate(ASK, bench.context())
    assert bench.transport.seen[0].url == f"{here}/v1/jobs"
    assert bench.transport.guarded == [False, False]
    plain = Bench(ok(images=[{"url": CDN}]))
    await plain.model.generate(ASK, plain.context())
    assert plain.transport.guarded == [False, True]
    poll = Bench(ok(job="j", poll="http://127.0.0.1:9001/x"), ok(images=["png"]), base_url=here)
    await poll.model.generate(ASK, poll.context())
    assert (poll.transport.guarded[1], poll.transport.seen[1].headers) == (True, {})


async def test_a_fetch_is_tried_again_because_it_costs_nothing() -> None:
    bench = Bench(ok(images=[{"url": CDN}]), fetched=[status(503), NotSentError("no"), PICTURE])
    assert (await bench.model.generate(ASK, bench.context())).images[0].data == PNG
    assert (bench.log.count("fetch"), bench.log.count("submit")) == (3, 1)


@pytest.mark.parametrize(
    ("fetched", "kind"),
    [
        ([status(403)], ExpiredError),
        ([status(404)], ExpiredError),
        ([NotSentError("x")], ExpiredError),
        ([HostileContentError("private")], HostileContentError),
        ([replace(PICTURE, body=b"<html>")], EmptyAnswerError),
        ([replace(PICTURE, body=b"")], EmptyAnswerError),
    ],
)
async def test_a_picture_that_cannot_be_had_was_still_paid_for(fetched: list[Any], kind: type[Exception]) -> None:
    bench = Bench(ok(images=[{"url": CDN}], cost=90_000), fetched=fetched)
    with pytest.raises(kind) as caught:
        await bench.model.generate(ASK, bench.context())
    assert (caught.value.billed, caught.value.amount_micro_usd) == ("yes", 90_000)  # type: ignore[attr-defined]


async def test_one_lost_picture_does_not_lose_the_others() -> None:
    bench = Bench(ok(images=["png", {"url": CDN}]), fetched=[status(410)])
    result = await bench.model.generate(replace(ASK, n=2), bench.context())
    assert (len(result.images), result.failures[0].code, result.failures[0].index) == (1, "expired", 1)
    assert (result.failures[0].billed, result.cost.amount_micro_usd) == ("yes", 80_000)


# Streams.


def event(name: str, data: str = "{}") -> ServerSentEvent:
    return ServerSentEvent(event=name, data=data)


DONE = event("done", '{"images": ["png"], "tokens": 5}')
STREAM = Toy(stream=True)


async def test_a_stream_shows_previews_and_ends_with_the_picture() -> None:
    bench = Bench([event("preview"), event("ping"), DONE, event("late")], adapter=STREAM)
    result = await bench.model.generate(ASK, bench.context())
    assert [progress.preview for progress in bench.told(Progress)] == [PNG]
    assert (len(result.images), result.usage.output_image_tokens) == (1, 5)


@pytest.mark.parametrize("answer", [[ok(images=["png"])], ok(images=["png"])])
async def test_a_plain_answer_to_a_stream_is_taken(answer: Any) -> None:
    bench = Bench(answer, adapter=STREAM)
    assert len((await bench.model.generate(ASK, bench.context())).images) == 1


@pytest.mark.parametrize(
    ("end", "code", "billed"),
    [([AmbiguousError("cut")], "ambiguous", "unknown"), ([event("error")], "blocked", "yes"), ([], "no_image", "unknown"),
     ([event("done", "{broken")], "provider_failed", "unknown")],
)  # fmt: skip
async def test_a_stream_that_breaks_keeps_what_came_and_says_what_did_not(
    end: list[Any], code: str, billed: str
) -> None:
    bench = Bench([DONE, *end], adapter=STREAM)
    result = await bench.model.generate(replace(ASK, n=2), bench.context())
    assert (len(result.images), result.failures[0].code, result.failures[0].billed) == (1, code, billed)
    empty = Bench([event("preview"), *end], adapter=STREAM)
    with pytest.raises((AmbiguousError, BlockedError, EmptyAnswerError, ProviderFailedError)) as caught:
        await empty.model.generate(ASK, empty.context())
    assert (caught.value.code, caught.value.billed) == (code, billed)
    assert empty.log.count("submit") == 1


# The key's check.


@pytest.mark.parametrize(
    ("answer", "good", "code", "message"),
    [
        (ok(name="works"), True, None, "works"),
        (status(401), False, "auth", "not accepted"),
        (NotSentError("no connection"), False, "not_sent", "no connection"),
        (HttpResponse(status=200, body=b"<html>"), False, "provider_failed", "could not be understood"),
    ],
)
async def test_a_check_says_what_is_wrong(answer: Any, good: bool, code: str | None, message: str) -> None:
    bench = Bench(answer)
    check = await bench.model.check()
    assert (check.ok, check.code) == (good, code)
    assert message in check.message
    assert bench.log == ["check"]


async def test_a_check_without_a_key_asks_nobody() -> None:
    bench = Bench(ok(name="x"), key=None)
    check = await bench.model.check()
    assert (check.ok, check.code, bench.transport.seen) == (False, "not_configured", [])


async def test_cancelling_a_submit_stops_it() -> None:
    bench = Bench(ok(images=["png"]))

    async def wait(event: object) -> None:
        await asyncio.sleep(30)

    task = asyncio.create_task(bench.model.generate(ASK, replace(bench.context(), tell=wait)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.transport.seen == []


def test_a_plan_is_what_the_adapter_says() -> None:
    bench = Bench(ok(), card=replace(CARD, capabilities=Capabilities()))
    assert [a.feature for a in bench.model.plan(replace(ASK, quality="high"))] == ["quality"]
    with pytest.raises(BadRequestError):
        bench.model.plan(replace(ASK, n=2))
