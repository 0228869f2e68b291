"""Jobs: stored before the first poll, asked about until the deadline, picked up again after a restart."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.driver_tools import CARD, KEY, Bench, Toy, ok, status

from triptych.http.message import HttpResponse
from triptych.http.transport import AnswerLostError
from triptych.spec.errors import (
    AmbiguousError,
    AuthError,
    BlockedError,
    ExpiredError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    StorageError,
)
from triptych.spec.image import ImageRequest
from triptych.spec.model import Accepted, JobHandle, Progress

ASK = ImageRequest(prompt="a kettle")
JOB = ok(job="j1")
DONE = ok(images=["png"])


async def test_a_job_is_stored_before_the_first_poll() -> None:
    bench = Bench(JOB, ok(job="j1", at=0.5, after=3.0), DONE)
    result = await bench.model.generate(ASK, bench.context())
    assert len(result.images) == 1
    assert bench.log == ["Sent", "submit", "Accepted", "poll", "Progress", "poll"]
    assert bench.clock.sleeps == [2.0, 3.0]
    assert bench.told(Progress)[0].fraction == 0.5
    assert bench.transport.seen[1].headers["Authorization"] == f"Bearer {KEY}"


async def test_a_stored_job_is_plain_json_without_the_key_and_can_be_picked_up() -> None:
    bench = Bench(JOB, DONE)
    await bench.model.generate(ASK, bench.context())
    (accepted,) = bench.told(Accepted)
    job: JobHandle = accepted.job
    assert (job.provider, job.endpoint, job.job_id) == ("toy", "toy/one", "j1")
    text = json.dumps(job.state)
    assert KEY not in text
    stored = replace(job, state=json.loads(text))
    later = Bench(ok(job="j1"), DONE)
    result = await later.model.resume(stored, replace(ASK, seed=1), later.context())
    assert (len(result.images), [a.feature for a in result.adjustments]) == (1, ["seed"])
    assert later.log == ["poll", "poll"], "nothing is submitted again"
    assert [request.url for request in later.transport.seen] == ["https://api.toy.example/v1/jobs/j1"] * 2


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503), status(429), status(408), NotSentError("no"), AnswerLostError("cut"), status(529)],
)
async def test_a_fault_of_a_poll_says_nothing_about_the_job(fault: Any) -> None:
    bench = Bench(JOB, *[fault] * 6, DONE)
    assert len((await bench.model.generate(ASK, bench.context(300))).images) == 1
    assert bench.log.count("submit") == 1


async def test_waits_grow_and_follow_the_providers_word() -> None:
    bench = Bench(JOB, *[status(500)] * 6, DONE)
    await bench.model.generate(ASK, bench.context(300))
    assert bench.clock.sleeps == [2.0, 2.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    told = Bench(JOB, status(429, retry_after="20"), DONE)
    await told.model.generate(ASK, told.context(300))
    assert told.clock.sleeps == [2.0, 20.0]


async def test_an_answer_nobody_can_read_is_asked_for_again_but_not_for_ever() -> None:
    garbage = HttpResponse(status=200, body=b"<html>")
    bench = Bench(JOB, garbage, garbage, DONE)
    assert len((await bench.model.generate(ASK, bench.context())).images) == 1
    bench = Bench(JOB, garbage)
    with pytest.raises(ProviderFailedError, match="could not be understood"):
        await bench.model.generate(ASK, bench.context())
    assert bench.log.count("poll") == 3


async def test_a_new_job_may_be_unknown_for_a_moment_an_old_one_is_gone() -> None:
    bench = Bench(JOB, status(404), status(404), DONE)
    assert len((await bench.model.generate(ASK, bench.context())).images) == 1
    for answers in ([JOB, status(404)], [JOB, JOB, status(404)]):
        bench = Bench(*answers)
        with pytest.raises(ExpiredError):
            await bench.model.generate(ASK, bench.context())
    later = Bench(status(404))
    job = JobHandle(provider="toy", endpoint="toy/one", job_id="j1", state=await stored_state())
    with pytest.raises(ExpiredError):
        await later.model.resume(job, ASK, later.context())
    assert later.log == ["poll"]


async def stored_state() -> Any:
    bench = Bench(JOB, DONE)
    await bench.model.generate(ASK, bench.context())
    return bench.told(Accepted)[0].job.state


async def test_a_stored_job_that_cannot_be_read_is_gone() -> None:
    bench = Bench(DONE)
    job = JobHandle(provider="toy", endpoint="toy/one", job_id="j1", state={"poll": {"url": 3}})
    with pytest.raises(ExpiredError, match="j1"):
        await bench.model.resume(job, ASK, bench.context())
    assert await bench.model.cancel(job) is False
    assert bench.transport.seen == []


async def test_a_job_that_never_ends_is_given_up_at_the_deadline_with_its_id() -> None:
    bench = Bench(JOB, ok(job="j1"), status(500, "still busy"))
    with pytest.raises(AmbiguousError) as caught:
        await bench.model.generate(ASK, bench.context(30))
    assert bench.clock.now == 1030.0
    assert (caught.value.detail, caught.value.billed, caught.value.upstream) == ("job j1", "unknown", "still busy")
    assert "cancel" not in bench.log, "it can still be picked up"


async def test_one_deadline_covers_slow_polls_too() -> None:
    bench = Bench(JOB, takes_s=7.0)
    with pytest.raises(AmbiguousError):
        await bench.model.generate(ASK, bench.context(30))
    assert bench.clock.now <= 1030.0 + 7.0


async def test_a_refusal_of_a_poll_does_not_mean_that_the_job_is_free() -> None:
    bench = Bench(JOB, status(401))
    with pytest.raises(AuthError) as caught:
        await bench.model.generate(ASK, bench.context())
    assert (caught.value.billed, caught.value.detail) == ("unknown", "job j1")
    free = Bench(JOB, status(401), card=replace(CARD, free=True, prices=()))
    with pytest.raises(AuthError) as caught:
        await free.model.generate(ASK, free.context())
    assert caught.value.billed == "no"


async def test_the_end_that_a_provider_tells_is_the_end() -> None:
    bench = Bench(JOB, ok(blocked="no"))
    with pytest.raises(BlockedError) as caught:
        await bench.model.generate(ASK, bench.context())
    assert (caught.value.billed, bench.log.count("poll")) == ("no", 1)

    class NoWorker(Toy):
        def read(self, body: dict[str, Any]) -> Any:
            if "stuck" in body:
                raise OverloadedError("no worker can serve this")
            return super().read(body)

    stuck = Bench(JOB, ok(stuck=1), adapter=NoWorker())
    with pytest.raises(OverloadedError):
        await stuck.model.generate(ASK, stuck.context())
    assert stuck.log.count("poll") == 1


async def test_cancel_says_whether_the_provider_agreed() -> None:
    job = JobHandle(provider="toy", endpoint="toy/one", job_id="j1", state=await stored_state())
    for answer, agreed in (
        (status(204), True),
        (status(409), False),
        (NotSentError("x"), False),
        (AnswerLostError("x"), False),
    ):
        bench = Bench(answer)
        assert await bench.model.cancel(job) is agreed
        (request,) = bench.transport.seen
        assert (request.method, request.step, request.headers["Authorization"]) == ("DELETE", "cancel", f"Bearer {KEY}")
    assert await Bench(status(204), key=None).model.cancel(job) is False


async def test_a_job_that_its_caller_could_not_store_is_stopped() -> None:
    bench = Bench(JOB, status(204))

    async def full(event: object) -> None:
        if isinstance(event, Accepted):
            raise StorageError("disk full")

    with pytest.raises(StorageError):
        await bench.model.generate(ASK, replace(bench.context(), tell=full))
    assert bench.log == ["submit", "cancel"]


async def test_a_call_that_is_stopped_before_its_job_is_stored_stops_the_job() -> None:
    bench = Bench(JOB, status(204))
    reached = asyncio.Event()

    async def hang(event: object) -> None:
        if isinstance(event, Accepted):
            reached.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(bench.model.generate(ASK, replace(bench.context(), tell=hang)))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.log == ["submit", "cancel"]


async def test_a_call_that_is_stopped_later_leaves_the_job_to_its_caller() -> None:
    bench = Bench(JOB, JOB)
    reached = asyncio.Event()

    async def hang(seconds: float) -> None:
        reached.set()
        await asyncio.sleep(30)

    bench.clock.sleep = hang  # type: ignore[method-assign]
    task = asyncio.create_task(bench.model.generate(ASK, bench.context()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.log == ["Sent", "submit", "Accepted"]
