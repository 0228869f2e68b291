"""The OpenAI emulator under the vendor's own client."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from tests.emulators import Emulators, Gate, Kind, Scenario
from tests.emulators.client import (
    opened,
    png,
)

# OpenAI, with the vendor's own client


@pytest.fixture
async def sdk(emulators: Emulators) -> AsyncIterator[openai.AsyncOpenAI]:
    base = emulators.openai
    async with openai.AsyncOpenAI(api_key=base.key, base_url=base.base_url, max_retries=0) as client:
        yield client


async def test_openai_sdk_generates(emulators: Emulators, sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.images.generate(
        model="gpt-image-2.5-flare", prompt="otter", n=2, size="1536x864", quality="xhigh", output_format="webp",
        output_compression=80, background="opaque", moderation="low",
        extra_body={"safety_identifier": "u"},
    )  # fmt: skip
    assert answer.data is not None
    assert [opened(base64.b64decode(one.b64_json or "")).size for one in answer.data] == [(1536, 864)] * 2
    assert (answer.size, answer.quality, answer.output_format) == ("1536x864", "xhigh", "webp")
    assert answer.usage is not None
    assert emulators.openai.charged_micro_usd == answer.usage.output_tokens * 30 + answer.usage.input_tokens * 5


async def test_openai_sdk_edits_with_a_mask(emulators: Emulators, sdk: openai.AsyncOpenAI) -> None:
    picture, mask = png(64, 96), png(64, 96, "RGBA")
    answer = await sdk.images.edit(
        model="gpt-image-2",
        prompt="x",
        size="auto",
        image=("a.png", picture, "image/png"),
        mask=("m.png", mask, "image/png"),
    )
    assert answer.data is not None
    assert opened(base64.b64decode(answer.data[0].b64_json or "")).size == (1024, 1536)
    form = emulators.openai.submits[0].body
    assert (form.get("prompt"), form.file("image").data, form.file("mask").data) == ("x", picture, mask)
    two = [("a.png", picture, "image/png"), ("b.png", picture, "image/png")]
    await sdk.images.edit(model="gpt-image-2", prompt="x", n=2, image=two)
    assert [one.name for one in emulators.openai.submits[1].body.files] == ["image[]", "image[]"]
    for bad in (png(32, 32, "RGBA"), png(64, 96, "RGB"), b"GIF89a"):
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.images.edit(
                model="gpt-image-2", prompt="x", image=("a.png", picture, "image/png"), mask=("m.png", bad, "image/png")
            )
        assert caught.value.param == "mask"


@pytest.mark.parametrize("kind", [Kind.SUCCESS, Kind.STREAM_ODD_BYTES, Kind.STREAM_CRLF_COMMENTS])
async def test_openai_sdk_streams(kind: Kind, emulators: Emulators, sdk: openai.AsyncOpenAI) -> None:
    emulators.openai.play(kind)
    stream = await sdk.images.generate(
        model="gpt-image-2.5-flare", prompt="otter", stream=True, partial_images=2, size="1024x1024"
    )
    events = [event async for event in stream]
    assert [one.type for one in events] == [
        "image_generation.partial_image", "image_generation.partial_image", "image_generation.completed",
    ]  # fmt: skip
    pictures = {one.b64_json for one in events}
    assert len(pictures) == 3
    assert all(opened(base64.b64decode(one)).size == (1024, 1024) for one in pictures)


async def test_openai_streams_that_go_wrong(emulators: Emulators, sdk: openai.AsyncOpenAI) -> None:
    async def types(kind: Kind) -> list[str]:
        emulators.openai.play(kind)
        stream = await sdk.images.generate(model="gpt-image-2", prompt="otter", stream=True, partial_images=1)
        return [event.type async for event in stream]

    assert await types(Kind.STREAM_NO_FINAL) == ["image_generation.partial_image"]
    assert await types(Kind.STREAM_FINAL_FIRST) == ["image_generation.completed", "image_generation.partial_image"]
    with pytest.raises(openai.APIError, match="while drawing"):
        await types(Kind.STREAM_ERROR)
    with pytest.raises(openai.APIConnectionError):
        await types(Kind.STREAM_CUT)


async def test_openai_final_gate_separates_the_drafts_from_the_end(
    emulators: Emulators, sdk: openai.AsyncOpenAI
) -> None:
    gate = Gate()
    emulators.openai.play(Scenario(final_gate=gate))
    stream = await sdk.images.generate(model="gpt-image-2", prompt="otter", stream=True, partial_images=1)
    first = await anext(stream)
    assert first.type == "image_generation.partial_image"
    await gate.reached()
    gate.release()
    assert (await anext(stream)).type == "image_generation.completed"


async def test_openai_sdk_knows_the_errors(emulators: Emulators, sdk: openai.AsyncOpenAI) -> None:
    async def failed(**given: Any) -> openai.APIStatusError:
        with pytest.raises(openai.APIStatusError) as caught:
            await sdk.images.generate(**{"model": "gpt-image-2", "prompt": "otter", **given})
        return caught.value

    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="sk-wrong-key-123456").images.generate(model="gpt-image-2", prompt="otter")
    emulators.openai.play(Kind.RATE_LIMIT, Kind.NO_CREDIT, Kind.MODERATION_FREE, Kind.OVERLOADED)
    limited = await failed()
    assert isinstance(limited, openai.RateLimitError)
    assert (limited.code, limited.response.headers["retry-after-ms"]) == ("rate_limit_exceeded", "12000")
    assert (await failed()).code == "insufficient_quota"
    blocked = await failed()
    assert isinstance(blocked.body, dict)
    assert blocked.body["moderation_details"]["moderation_stage"] == "output"
    assert (await failed()).status_code == 503
    assert (await failed(model="dall-e-3")).code == "model_not_found"
    assert (await failed(style="vivid")).code == "unknown_parameter"
    assert (await failed(size="1000x1000")).param == "size"
    assert (await failed(size="4096x1024")).param == "size"
    assert (await failed(n=11)).code == "integer_above_max_value"
    assert (await failed(quality="max")).param == "quality"
    assert (await failed(background="transparent", output_format="jpeg")).param == "background"
    assert emulators.openai.charged_micro_usd == 0
    assert "gpt-image-2" in [one.id async for one in sdk.models.list()]


async def test_openai_sdk_retries_by_itself_after_the_hint(emulators: Emulators, sdk: openai.AsyncOpenAI) -> None:
    emulators.openai.play(Scenario(Kind.RATE_LIMIT, retry_after_s=0.01))
    await sdk.with_options(max_retries=1).images.generate(model="gpt-image-2", prompt="otter", quality="low")
    assert len(emulators.openai.submits) == 2
