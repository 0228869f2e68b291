"""Each emulator takes what official clients send, refuses the rest, and charges as its vendor does."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.emulators import Emulators, Gate, Kind, Scenario
from tests.emulators.client import (
    GOOGLE_PATH,
    PIXEL,
    SUBMITS,
    ask,
    auth_of,
    data_uri,
    google_body,
    opened,
    png,
    submit,
)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


# Google


async def test_google_takes_what_two_clients_send(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    google = emulators.google
    script = {
        "generationConfig": {
            "seed": 1, "responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
        },
        "contents": [
            {"role": "user", "parts": [{"text": "otter"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]}
        ],
    }  # fmt: skip
    status, value, _ = await ask(http, google, GOOGLE_PATH, script)
    assert status == 200
    part = value["candidates"][0]["content"]["parts"][0]
    assert part["inlineData"]["mimeType"] == "image/png"
    assert opened(base64.b64decode(part["inlineData"]["data"])).size == (2736, 1536)
    tokens = value["usageMetadata"]["candidatesTokensDetails"]
    assert tokens == [{"modality": "IMAGE", "tokenCount": 1680}]

    url_safe = base64.urlsafe_b64encode(png(64, 64, "RGBA")).decode()
    python = {
        "contents": [
            {"parts": [{"text": "make it night"}, {"inlineData": {"data": url_safe, "mime_type": "image/png"}}], "role": "user"}
        ],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}],
        "generationConfig": {
            "seed": 7, "responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
        },
    }  # fmt: skip
    url = f"{google.url}/v1/models/gemini-3-pro-image:generateContent?key={google.key}"
    async with http.post(url, json=python) as answer:
        assert answer.status == 200
    assert google.requests[1].query == {"key": google.key}
    assert google.charges[1].micro_usd == 1120 * 120 + (560 + 3) * 2


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"imageConfig": {"aspectRatio": "7:5"}}, "aspect_ratio"),
        ({"imageConfig": {"imageSize": "2k"}}, "image_size"),
        ({"imageConfig": {"imageSize": "512"}}, "image_size"),
        ({"imageConfig": {"personGeneration": "ALLOW_ALL"}}, "personGeneration"),
        ({"candidateCount": 2}, "candidates"),
        ({"negativePrompt": "fog"}, "negativePrompt"),
        ({"seed": 2**31}, "seed"),
    ],
)
async def test_google_refuses_what_it_does_not_know(
    config: dict[str, Any], word: str, emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    status, value, _ = await ask(http, emulators.google, GOOGLE_PATH, google_body(**config))
    assert (status, value["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert word in value["error"]["message"]


async def test_google_refusals_come_with_200_and_cost_nothing(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    emulators.google.play(
        Kind.REFUSAL,
        Scenario(Kind.REFUSAL, variant="prompt_block", reason="BLOCKLIST"),
        Scenario(Kind.REFUSAL, variant="null_parts", reason="RECITATION"),
        Scenario(Kind.REFUSAL, variant="text_only"),
        Kind.MODERATION_FREE,
    )
    answers = [await submit(http, emulators.google) for _ in range(5)]
    assert {status for status, _ in answers} == {200}
    values = [value for _, value in answers]
    assert values[0]["candidates"][0]["content"] == {}
    assert "not be charged" in values[0]["candidates"][0]["finishMessage"]
    assert (values[1]["promptFeedback"]["blockReason"], "candidates" in values[1]) == ("BLOCKLIST", False)
    assert values[2]["candidates"][0]["content"]["parts"] is None
    assert (values[3]["candidates"][0]["finishReason"], len(values[3]["candidates"][0]["content"]["parts"])) == (
        "STOP",
        1,
    )
    assert values[4]["candidates"][0]["finishReason"] == "IMAGE_SAFETY"
    assert emulators.google.charged_micro_usd == 0


async def test_google_streams_whole_pictures_and_lists_stream_errors(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    path = "/models/gemini-3.1-flash-image:streamGenerateContent?alt=sse"
    body = google_body(responseModalities=["TEXT", "IMAGE"])
    emulators.google.play(Scenario(variant="thought"))
    _, raw, _ = await ask(http, emulators.google, path, body)
    chunks = [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]
    assert chunks[0]["candidates"][0]["content"]["parts"][1]["thought"] is True
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    status, value, _ = await ask(http, emulators.google, path, body, key="wrong-key-entirely")
    assert (status, isinstance(value, list)) == (400, True)


async def test_google_wants_its_signatures_back(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    _, value = await submit(http, emulators.google)
    turn = value["candidates"][0]["content"]
    body = google_body()
    body["contents"] += [turn, {"role": "user", "parts": [{"text": "now at night"}]}]
    _, value, _ = await ask(http, emulators.google, GOOGLE_PATH, body)
    assert value["candidates"][0]["finishReason"] == "STOP"
    del turn["parts"][0]["thoughtSignature"]
    _, value, _ = await ask(http, emulators.google, GOOGLE_PATH, body)
    assert value["candidates"][0]["finishReason"] == "MISSING_THOUGHT_SIGNATURE"


async def test_google_lists_models_in_pages(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    _, first, _ = await ask(http, emulators.google, "/models?pageSize=4", method="GET")
    token = first["nextPageToken"]
    _, rest, _ = await ask(http, emulators.google, f"/models?pageSize=4&pageToken={token}", method="GET")
    names = [one["name"] for one in first["models"] + rest["models"]]
    assert "models/gemini-nano-banana-2.1" in names
    assert len(names) == len(set(names)) == 6


# Ark


def ark_nulls(**given: Any) -> dict[str, Any]:
    """What the vendor's client sends: a null for every field that was not set."""
    names = ("image", "response_format", "seed", "guidance_scale", "optimize_prompt", "optimize_prompt_options",
             "sequential_image_generation", "sequential_image_generation_options", "tools", "output_format",
             "layer_decomposition")  # fmt: skip
    return {"prompt": "otter", "watermark": False, **dict.fromkeys(names), **given}


async def test_ark_takes_what_the_vendors_client_sends(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    path = "/images/generations"
    status, value, _ = await ask(http, emulators.ark, path, ark_nulls(model="dola-seedream-5-0-pro-260628", size="2K"))
    assert (status, value["model"], value["usage"]) == (
        200, "dola-seedream-5-0-pro", {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384},
    )  # fmt: skip
    async with http.get(value["data"][0]["url"]) as answer:
        assert opened(await answer.read()).size == (2048, 2048)
    body = ark_nulls(
        model="seedream-5-0-260128",
        image=[data_uri(png()), "https://example.com/a.png"],
        response_format="b64_json",
        size="2048x2048",
        output_format="png",
    )
    status, value, _ = await ask(http, emulators.ark, path, body)
    assert (status, value["usage"]["input_images"], value["data"][0]["size"]) == (200, 2, "2048x2048")
    assert opened(base64.b64decode(value["data"][0]["b64_json"])).format == "PNG"
    assert [one.micro_usd for one in emulators.ark.charges] == [90_000, 35_000]


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"size": "1x1"}, "size"),
        ({"size": "1K"}, "size"),
        ({"n": 2}, "n"),
        ({"output_format": "webp"}, "output_format"),
        ({"seed": 3}, "seed"),
        ({"image": ["data:image/PNG;base64," + PIXEL]}, "image"),
        ({"image": [data_uri(png())] * 15}, "image"),
        ({"sequential_image_generation": "always"}, "sequential_image_generation"),
        ({"optimize_prompt_options": {"mode": "fast"}}, "optimize_prompt_options.mode"),
        ({"negative_prompt": "fog"}, "negative_prompt"),
    ],
)
async def test_ark_names_the_field_it_refuses(
    given: dict[str, Any], param: str, emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    body = {"model": "seedream-5-0-260128", "prompt": "otter", **given}
    status, value, _ = await ask(http, emulators.ark, "/images/generations", body)
    assert (status, value["error"]["param"]) == (400, param)
    assert emulators.ark.charged_micro_usd == 0


async def test_ark_groups_fail_in_part(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    body = {
        "model": "seedream-5-0-260128", "prompt": "otter", "size": "2K", "sequential_image_generation": "auto",
        "sequential_image_generation_options": {"max_images": 3},
    }  # fmt: skip
    emulators.ark.play(Kind.PARTIAL, Scenario(Kind.PARTIAL, variant="server"), Kind.PARTIAL)
    _, value, _ = await ask(http, emulators.ark, "/images/generations", body)
    assert ["error" in one for one in value["data"]] == [False, True, False]
    assert value["usage"]["generated_images"] == 2
    _, value, _ = await ask(http, emulators.ark, "/images/generations", body)
    assert ["error" in one for one in value["data"]] == [False, True]
    _, raw, _ = await ask(http, emulators.ark, "/images/generations", {**body, "stream": True})
    names = [line[7:] for line in raw.decode().splitlines() if line.startswith("event: ")]
    assert [one.rpartition(".")[2] for one in names] == [
        "partial_succeeded", "partial_failed", "partial_succeeded", "completed",
    ]  # fmt: skip
    assert raw.endswith(b"data: [DONE]\n\n")
    assert [one.micro_usd for one in emulators.ark.charges] == [70_000, 35_000, 70_000]


async def test_ark_pro_refuses_groups_and_streams(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    base = {"model": "dola-seedream-5-0-pro-260628", "prompt": "otter"}
    for name, value in (("stream", True), ("sequential_image_generation", "auto")):
        status, answer, _ = await ask(http, emulators.ark, "/images/generations", {**base, name: value})
        assert (status, answer["error"]["param"]) == (400, name)
    status, answer, _ = await ask(http, emulators.ark, "/images/generations", {**base, "model": "ep-unknown"})
    assert (status, answer["error"]["code"]) == (404, "InvalidEndpointOrModel.NotFound")


# xAI


async def test_xai_takes_what_the_js_client_sends(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    generate = {
        "model": "grok-imagine-image-2.0", "prompt": "otter", "n": 2, "response_format": "b64_json",
        "aspect_ratio": "16:9", "resolution": "1k", "quality": "low",
    }  # fmt: skip
    status, value, _ = await ask(http, emulators.xai, "/images/generations", generate)
    assert (status, value["usage"]["cost_in_usd_ticks"], len(value["data"])) == (200, 800_000_000, 2)
    assert value["data"][0]["url"] is None
    image = opened(base64.b64decode(value["data"][0]["b64_json"]))
    assert (image.format, image.size) == ("JPEG", (1360, 768))
    edit = {
        "model": "grok-imagine-image-2.0", "prompt": "otter", "n": 1, "response_format": "b64_json",
        "image": {"url": "data:image/png;base64," + PIXEL, "type": "image_url"},
    }  # fmt: skip
    status, value, _ = await ask(http, emulators.xai, "/images/edits", edit)
    assert (status, value["usage"]["cost_in_usd_ticks"]) == (200, 700_000_000)
    assert [one.micro_usd for one in emulators.xai.charges] == [80_000, 70_000]


async def test_xai_refuses_in_three_envelopes(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    path, base = SUBMITS["xai"]
    for wrong, status, word in (
        ({"size": "1024x1024"}, 400, "size"),
        ({"seed": 1}, 400, "seed"),
        ({"quality": "high"}, 400, "low, medium, auto"),
        ({"quality": "best"}, 422, "quality"),
        ({"n": 11}, 400, "n must be"),
        ({"model": "grok-imagine-image", "resolution": "1.5k"}, 400, "1.5K"),
        ({"model": "grok-2-image"}, 404, "grok-2-image"),
    ):
        got, value, _ = await ask(http, emulators.xai, path, {**base, **wrong})
        assert (got, isinstance(value["error"], str)) == (status, True)
        assert word in value["error"]
    emulators.xai.play(Scenario(Kind.SERVER_ERROR, variant="openai"))
    assert isinstance((await submit(http, emulators.xai))[1]["error"], dict)
    async with http.post(emulators.xai.base_url + path, json=base) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "unauthenticated:no-credentials")


async def test_xai_moderation_is_billed_or_not(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    emulators.xai.play(Kind.MODERATION_FREE, Kind.MODERATION_BILLED, Kind.REFUSAL)
    status, value = await submit(http, emulators.xai)
    assert (status, "usage" in value, emulators.xai.charged_micro_usd) == (400, False, 0)
    status, value = await submit(http, emulators.xai)
    assert (status, value["code"], value["usage"]) == (
        400,
        "imagine:content-moderated",
        {"cost_in_usd_ticks": 400_000_000},
    )
    assert emulators.xai.charged_micro_usd == 40_000
    status, value = await submit(http, emulators.xai)
    assert (status, value["data"][0]["respect_moderation"], value["data"][0]["b64_json"]) == (200, False, None)


# Relay and Together


async def test_relay_answers_as_its_model_likes(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    path, base = SUBMITS["relay"]
    for model, wanted, field in (
        ("relay/picture", None, "url"),
        ("relay/picture", "b64_json", "b64_json"),
        ("relay/only-url", "b64_json", "url"),
        ("relay/only-b64", "url", "b64_json"),
    ):
        body = {**base, "model": model, "n": 2, **({"response_format": wanted} if wanted else {})}
        _, value, _ = await ask(http, emulators.relay, path, body)
        assert [list(one) for one in value["data"]] == [[field], [field]]
    status, value, _ = await ask(http, emulators.relay, path, {**base, "seed": 1})
    assert (status, value["error"]["param"]) == (400, "seed")
    emulators.relay.play(Kind.REFUSAL)
    status, value = await submit(http, emulators.relay)
    assert (status, value["error"]["code"]) == (200, "refused")


async def test_relay_edits_want_an_image_without_brackets(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    async def edit(*names: str) -> int:
        form = aiohttp.FormData({"model": "relay/only-b64", "prompt": "otter", "size": "256x256"})
        for name in names:
            form.add_field(name, png(), filename="a.png", content_type="image/png")
        url = emulators.relay.base_url + "/images/edits"
        async with http.post(url, data=form, headers=auth_of(emulators.relay)) as answer:
            return answer.status

    assert await edit("image") == 200
    assert await edit("image[]", "image[]") == 200
    assert await edit("image[]") == 400
    assert await edit() == 400


async def test_together_takes_what_two_clients_send(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    base = {
        "model": "black-forest-labs/FLUX.1-schnell", "prompt": "otter", "height": 768, "width": 1024, "seed": 1, "steps": 4,
        "negative_prompt": "blur", "response_format": "base64",
    }  # fmt: skip
    for more in ({"n": 1}, {"image_url": "data:image/png;base64," + PIXEL}):
        status, value, _ = await ask(http, emulators.together, "/images/generations", {**base, **more})
        assert (status, value["object"], value["data"][0]["type"]) == (200, "list", "b64_json")
        assert opened(base64.b64decode(value["data"][0]["b64_json"])).size == (1024, 768)
    status, value, _ = await ask(
        http, emulators.together, "/images/generations", {**base, "response_format": "b64_json"}
    )
    assert (status, value["error"]["param"]) == (400, "response_format")


# AI Horde


async def horde_job(http: aiohttp.ClientSession, emulators: Emulators, **given: Any) -> str:
    params = {
        "width": 512,
        "height": 576,
        "steps": 20,
        "n": 2,
        "seed": "42",
        "cfg_scale": 7,
        "sampler_name": "k_euler_a",
    }
    body = {"prompt": "an otter ### fog", "models": ["Deliberate"], "r2": True, "params": params, **given}
    status, value, _ = await ask(http, emulators.aihorde, "/generate/async", body)
    assert status == 202
    return str(value["id"])


async def test_horde_jobs_wait_run_and_finish(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    emulators.aihorde.play(Scenario(polls=2, queue_position=1, wait_time_s=20))
    job = await horde_job(http, emulators)
    checks = [(await ask(http, emulators.aihorde, f"/generate/check/{job}", method="GET"))[1] for _ in range(3)]
    assert [(one["queue_position"], one["wait_time"], one["done"]) for one in checks] == [
        (1, 20, False), (0, 10, False), (0, 0, True),
    ]  # fmt: skip
    assert [(one["waiting"], one["processing"], one["finished"]) for one in checks] == [(2, 0, 0), (0, 2, 0), (0, 0, 2)]
    _, status, _ = await ask(http, emulators.aihorde, f"/generate/status/{job}", method="GET")
    assert [one["state"] for one in status["generations"]] == ["ok", "ok"]
    url = status["generations"][0]["img"]
    assert url.startswith(emulators.files.url)
    async with http.get(url) as answer:
        image = opened(await answer.read())
    assert (image.format, image.size) == ("WEBP", (512, 576))
    assert emulators.aihorde.charged_kudos > 0
    job = await horde_job(http, emulators, r2=False)
    for _ in range(2):
        _, status, _ = await ask(http, emulators.aihorde, f"/generate/status/{job}", method="GET")
    assert opened(base64.b64decode(status["generations"][0]["img"])).size == (512, 576)


async def test_horde_jobs_that_end_badly_or_never(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    async def last(kind: Kind, calls: int = 3) -> tuple[int, Any]:
        emulators.aihorde.play(kind)
        job = await horde_job(http, emulators)
        for _ in range(calls):
            got = await ask(http, emulators.aihorde, f"/generate/status/{job}", method="GET")
        return got[0], got[1]

    assert (await last(Kind.JOB_ENDLESS, 12))[1]["done"] is False
    assert (await last(Kind.JOB_IMPOSSIBLE))[1]["is_possible"] is False
    assert (await last(Kind.JOB_FAULTED))[1]["faulted"] is True
    assert (await last(Kind.JOB_LOST))[1]["rc"] == "RequestNotFound"
    censored = (await last(Kind.JOB_CENSORED))[1]["generations"][0]
    assert (censored["censored"], censored["state"], censored["gen_metadata"][0]["value"]) == (True, "censored", "nsfw")
    assert len((await last(Kind.PARTIAL))[1]["generations"]) == 1


async def test_horde_job_finishes_when_its_gate_opens_and_can_be_cancelled(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    gate = Gate()
    emulators.aihorde.play(Scenario(final_gate=gate))
    job = await horde_job(http, emulators)
    path = f"/generate/check/{job}"
    assert [(await ask(http, emulators.aihorde, path, method="GET"))[1]["done"] for _ in range(4)] == [False] * 4
    gate.release()
    assert (await ask(http, emulators.aihorde, path, method="GET"))[1]["done"] is True
    other = await horde_job(http, emulators)
    status, value, _ = await ask(http, emulators.aihorde, f"/generate/status/{other}", method="DELETE")
    assert (status, value["generations"], emulators.aihorde.cancelled) == (200, [], [other])
    assert (await ask(http, emulators.aihorde, f"/generate/check/{other}", method="GET"))[0] == 404


async def test_horde_checks_its_input_and_asks_strangers_for_kudos(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    async def post(params: dict[str, Any], key: str | None = None, **body: Any) -> tuple[int, Any]:
        got = await ask(http, emulators.aihorde, "/generate/async", {"prompt": "x", "params": params, **body}, key=key)
        return got[0], got[1]

    for params in ({"width": 100}, {"steps": 501}, {"seed": 42}, {"n": 0}, {"sampler_name": "euler"}, {"quality": 1}):
        status, value = await post(params)
        assert (status, list(value["errors"])) == (400, [f"params.{next(iter(params))}"])
        assert "rc" not in value
    anonymous = "0000000000"
    assert (await post({"width": 1088, "height": 1088}, anonymous))[1]["rc"] == "KudosUpfront"
    assert (await post({"width": 1088, "height": 1088}))[0] == 202
    assert (await post({}, anonymous))[0] == 202
    assert await post({}, dry_run=True) == (200, {"kudos": 2.5})
    assert (await post({}, source_mask=PIXEL))[1]["rc"] == "SourceMaskUnnecessary"
    _, user, _ = await ask(http, emulators.aihorde, "/find_user", method="GET")
    assert user["kudos"] == 5000
    assert (await ask(http, emulators.aihorde, "/find_user", method="GET", key="nobody"))[0] == 404
    _, models, _ = await ask(http, emulators.aihorde, "/status/models?type=image", method="GET")
    assert "Deliberate" in [one["name"] for one in models]
