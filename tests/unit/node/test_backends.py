"""The painters and OpenAI-compatible servers as engines: exactly as asked, or not at all."""

import io
from typing import Any

import msgspec
import pybase64
import pytest
from PIL import Image
from tests.unit.node.job_tools import picture, wanted

from triptych.http.message import HttpRequest, HttpResponse
from triptych.network.job import described
from triptych.node.backends.base import Glimpse
from triptych.node.backends.image_model import MAX_PX, openai_backend, painter_backend
from triptych.provider_kit.playback import PlayedClock, PlayedTransport
from triptych.spec.errors import BadRequestError, NotConfiguredError


async def unheard(_glimpse: Glimpse) -> None:
    """Takes what is told and says nothing."""


async def test_a_painter_paints_each_picture_with_its_own_seed_and_shows_it_coming() -> None:
    backend, seen = painter_backend(PlayedClock()), list[Glimpse]()

    async def tell(glimpse: Glimpse) -> None:
        seen.append(glimpse)

    asked = wanted(model="aurora", size="64x64", n=2, previews=1, output_format="png")
    backend.check(asked)
    drawn = await backend.draw(asked, tell)
    assert [Image.open(io.BytesIO(one)).size for one in drawn.pictures] == [(64, 64)] * 2
    assert drawn.pictures[0] != drawn.pictures[1]
    alone = await backend.draw(wanted(model="aurora", size="64x64", seed=8, output_format="png"), unheard)
    assert alone.pictures[0] == drawn.pictures[1], "the second picture can be drawn again by its seed"
    assert [one.step for one in seen] == sorted(one.step for one in seen)
    assert seen[-1].step == seen[-1].steps
    assert any(one.preview for one in seen)
    assert {one.id for one in await backend.models()} == {"aurora", "woodcut", "mosaic"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"steps": 30}, "steps"), ({"guidance": 3.0}, "guidance"), ({"strength": 0.5}, "strength"), ({"seed": 2**32}, "seed"),
     ({"size": "8x8"}, "size"), ({"quality": "high"}, "quality")],
)  # fmt: skip
def test_what_a_painter_would_not_do_exactly_it_refuses(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestError) as told:
        painter_backend(PlayedClock()).check(wanted(model="aurora", **changed))
    assert told.value.param == field


async def test_a_painter_changes_a_picture_that_goes_with_the_job() -> None:
    source = picture("96x64")
    asked = wanted(model="mosaic", pictures=(source,), images=(described(source, "image/png", "edit"),))
    backend = painter_backend(PlayedClock())
    backend.check(asked)
    drawn = await backend.draw(asked, unheard)
    assert Image.open(io.BytesIO(drawn.pictures[0])).size == (96, 64)
    two = (described(source, "image/png", "mask"),) * 2
    with pytest.raises(BadRequestError, match="one mask"):
        backend.check(wanted(model="mosaic", pictures=(source, source), images=two))
    broken = b"\x89PNG\r\n\x1a\nxx"
    with pytest.raises(BadRequestError, match="cannot be opened"):
        backend.check(wanted(model="mosaic", pictures=(broken,), images=(described(broken, "image/png", "edit"),)))


def server(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/models"):
        body: object = {"data": [{"id": "sd-turbo"}, {"id": "a\nb"}, {}]}
    else:
        body = {"data": [{"b64_json": pybase64.b64encode(picture("256x256")).decode()}]}
    return HttpResponse(status=200, headers={"content-type": "application/json"}, body=msgspec.json.encode(body))


async def test_a_server_that_speaks_openais_images_draws_by_seed() -> None:
    clock = PlayedClock()
    client = PlayedTransport(server, clock)
    backend = await openai_backend("http://127.0.0.1:8080/", client, clock)
    (model,) = await backend.models()
    assert (model.id, model.engine, model.max_px) == ("sd-turbo", "openai-compatible", MAX_PX)
    asked = wanted(model="sd-turbo", size="256x256", n=2)
    backend.check(asked)
    drawn = await backend.draw(asked, unheard)
    assert len(drawn.pictures) == 2
    sent = [request.json for request in client.seen if request.json]
    assert [(one["prompt"], one["seed"]) for one in sent if isinstance(one, dict)] == [
        (asked.job.prompt, 7),
        (asked.job.prompt, 8),
    ]
    with pytest.raises(BadRequestError, match="negative_prompt"):
        backend.check(wanted(model="sd-turbo", negative_prompt="fog"))


async def test_a_server_without_models_is_no_engine() -> None:
    clock = PlayedClock()
    client = PlayedTransport(lambda _: HttpResponse(status=404, body=b"{}"), clock)
    with pytest.raises(NotConfiguredError, match="status 404"):
        await openai_backend("http://127.0.0.1:8080", client, clock)
