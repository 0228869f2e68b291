"""Driver and client together over real sockets: a job from submit to the fetched picture, and a cut after the submit."""

import json

import pytest
from tests.unit.driver_tools import CARD, KEY, PNG, Toy
from tests.unit.http_server import cut, says, serving

from triptych.http.client import HttpClient
from triptych.provider_kit.driver import HttpImageModel
from triptych.spec.clock import SystemClock
from triptych.spec.errors import AmbiguousError
from triptych.spec.image import ImageRequest
from triptych.spec.model import Accepted, Answered, CallContext, CallEvent, Sent
from triptych.spec.secret import Secret

CLOCK = SystemClock()
ASK = ImageRequest(prompt="a kettle")


async def key() -> Secret:
    return Secret(KEY)


async def test_a_job_from_submit_to_picture() -> None:
    events: list[CallEvent] = []

    async def tell(event: CallEvent) -> None:
        events.append(event)

    job = json.dumps({"job": "j1", "after": 0.01})
    end = json.dumps({"images": [{"url": "/files/a.png"}], "cost": 7})
    async with (
        serving(says(job), says(job), says(end), says(PNG, Content_Type="image/png")) as server,
        HttpClient(CLOCK) as client,
    ):
        model = HttpImageModel(CARD, Toy(), client, key, CLOCK, base_url=server.url)
        result = await model.generate(ASK, CallContext(call_id="c", deadline=CLOCK.monotonic() + 60, tell=tell))
    assert (result.images[0].data, result.cost.amount_micro_usd) == (PNG, 7)
    assert [head.split(" HTTP")[0] for head in server.heads] == [
        "POST /jobs",
        "GET /jobs/j1",
        "GET /jobs/j1",
        "GET /files/a.png",
    ]
    assert all(f"Authorization: Bearer {KEY}" in head for head in server.heads)
    assert [type(event) for event in events[:3]] == [Sent, Answered, Accepted]


async def test_a_cut_after_the_submit_is_ambiguous_and_the_server_saw_it_once() -> None:
    async def tell(event: CallEvent) -> None:
        assert isinstance(event, Sent | Answered)

    async with serving(cut()) as server, HttpClient(CLOCK) as client:
        model = HttpImageModel(CARD, Toy(), client, key, CLOCK, base_url=server.url)
        with pytest.raises(AmbiguousError) as caught:
            await model.generate(ASK, CallContext(call_id="c", deadline=CLOCK.monotonic() + 60, tell=tell))
    assert (caught.value.billed, caught.value.provider, len(server.bodies)) == ("unknown", "toy", 1)
