"""The emulators themselves: what holds for all of them, and the pictures they make."""

import asyncio
import base64
import io
import json
import tomllib
import warnings
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.emulators import Emulators, Gate, Kind, Scenario, held_port
from tests.emulators.__main__ import environment
from tests.emulators.client import (
    JOBS,
    SUBMITS,
    ask,
    auth_of,
    named,
    opened,
    submit,
)
from tests.emulators.pictures import Subject, paint, pixel_bomb
from tests.emulators.scenario import TRANSPORT_KINDS
from tests.emulators.wire import odd_pieces

from triptych.cli.serve import listen
from triptych.providers import ADAPTERS, row_adapters, row_from_settings


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


# What holds for every one of them

UNPAID = ("aihorde", "alibaba", "fal", "replicate")  # one is free, the others charge when the picture is drawn


@pytest.mark.parametrize("name", SUBMITS)
async def test_a_plain_request_is_served_recorded_and_charged(
    name: str, emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    emulator = named(emulators, name)
    status, _ = await submit(http, emulator)
    assert status == {"aihorde": 202, "replicate": 201}.get(name, 200)
    assert [one.body.get("prompt", "otter") for one in emulator.submits] == ["otter"]
    assert (emulator.charged_micro_usd > 0) is (name not in UNPAID)
    emulator.reset()
    assert emulator.requests == []
    assert emulator.charged_micro_usd == 0


WRONG_KEY = {
    "google": (400, "API_KEY_INVALID"),
    "ark": (401, "AuthenticationError"),
    "xai": (400, "Incorrect API key provided"),
    "openai": (401, "invalid_api_key"),
    "relay": (401, "invalid_api_key"),
    "together": (401, "invalid_api_key"),
    "aihorde": (401, "InvalidAPIKey"),
    "alibaba": (401, "InvalidApiKey"),
    "bfl": (403, "Not authenticated"),
    "fal": (401, "Authentication is required"),
    "replicate": (401, "Unauthenticated"),
}


@pytest.mark.parametrize("name", SUBMITS)
async def test_another_key_is_refused_in_the_vendors_own_way(
    name: str, emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    emulator = named(emulators, name)
    status, word = WRONG_KEY[name]
    wrong = "not-the-key-at-all"
    for key in (wrong, emulator.key):
        if key == emulator.key:
            emulator.play(Kind.WRONG_KEY)
        got, value = await submit(http, emulator, key)
        assert got == status
        assert word in json.dumps(value)
        assert key not in json.dumps(value)
    assert emulator.charged_micro_usd == 0
    assert (await submit(http, emulator))[0] in (200, 201, 202)


@pytest.mark.parametrize("name", SUBMITS)
async def test_a_rate_limit_ends_after_its_calls(name: str, emulators: Emulators, http: aiohttp.ClientSession) -> None:
    emulator = named(emulators, name)
    emulator.play(Scenario(Kind.RATE_LIMIT, times=2, retry_after_s=7))
    statuses = [(await submit(http, emulator))[0] for _ in range(3)]
    assert statuses[:2] == [429, 429]
    assert statuses[2] in (200, 201, 202)


async def test_each_vendor_gives_its_own_hint(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    asked = [one for one in emulators.providers if one.name in SUBMITS]
    for one in asked:
        one.play(Kind.RATE_LIMIT)
    hints = {}
    for one in asked:
        path, body = SUBMITS[one.name]
        _, value, answer = await ask(http, one, path, body)
        in_body = "34.4s" if "RetryInfo" in json.dumps(value) and "34.4s" in json.dumps(value) else None
        hints[one.name] = (answer.headers.get("retry-after"), answer.headers.get("retry-after-ms"), in_body)
    assert hints == {
        "google": (None, None, "34.4s"),
        "ark": (None, None, None),
        "xai": (None, None, None),
        "openai": ("12", "12000", None),
        "relay": ("5", None, None),
        "together": ("5", None, None),
        "aihorde": ("6", None, None),
        "alibaba": (None, None, None),
        "bfl": (None, None, None),
        "fal": (None, None, None),
        "replicate": (None, None, None),
    }


@pytest.mark.parametrize("name", SUBMITS)
async def test_garbage_of_every_kind(name: str, emulators: Emulators, http: aiohttp.ClientSession) -> None:
    emulator = named(emulators, name)
    path, body = SUBMITS[name]

    async def raw(kind: Kind) -> tuple[int, bytes]:
        emulator.play(kind)
        async with http.post(emulator.base_url + path, json=body, headers=auth_of(emulator)) as answer:
            return answer.status, await answer.read()

    assert (await raw(Kind.HTML_502))[1].startswith(b"<html>")
    assert emulator.charged_micro_usd == 0
    assert (await raw(Kind.RATE_LIMIT_HTML))[0] == 429
    assert await raw(Kind.EMPTY_BODY) in ((200, b""), (201, b""), (202, b""))
    for kind in (Kind.INVALID_JSON, Kind.HALF_JSON):
        with pytest.raises(ValueError, match=r"\w"):
            json.loads((await raw(kind))[1])
    with pytest.raises(aiohttp.ClientPayloadError):
        await raw(Kind.TRUNCATED_BODY)


@pytest.mark.parametrize("name", SUBMITS)
async def test_a_cut_after_the_body_was_read_has_been_carried_out(
    name: str, emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    emulator = named(emulators, name)
    emulator.play(Kind.CUT_AFTER_READ)
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await submit(http, emulator)
    assert len(emulator.submits) == 1
    assert emulator.cut_connections == 1
    assert (emulator.charged_micro_usd > 0) is (name not in UNPAID)


@pytest.mark.parametrize("variant", ["", "connect"])
async def test_a_cut_before_the_request_is_read_leaves_no_trace(
    variant: str, emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    emulators.openai.play(Scenario(Kind.CUT_BEFORE_READ, variant=variant))
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await submit(http, emulators.openai)
    assert emulators.openai.requests == []
    assert emulators.openai.cut_connections == 1


async def test_a_cut_before_reading_also_ends_a_kept_connection(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    await ask(http, emulators.openai, "/models", method="GET")
    emulators.openai.play(Scenario(Kind.CUT_BEFORE_READ, times=2))
    with pytest.raises(aiohttp.ClientError):
        await submit(http, emulators.openai)
    assert emulators.openai.submits == ()
    assert emulators.openai.charged_micro_usd == 0


async def test_a_gate_holds_an_answer_until_it_is_released(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    gate = Gate()
    emulators.xai.play(Scenario(gate=gate))
    waiting = asyncio.create_task(submit(http, emulators.xai))
    await gate.reached()
    assert not waiting.done()
    assert len(emulators.xai.submits) == 1
    gate.release()
    assert (await waiting)[0] == 200


async def test_reset_lets_held_requests_go(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    gate = Gate()
    emulators.xai.play(Scenario(gate=gate))
    waiting = asyncio.create_task(submit(http, emulators.xai))
    await gate.reached()
    emulators.reset()
    assert (await waiting)[0] == 200


async def test_scenarios_come_in_order_and_only_to_their_step(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    emulators.openai.play(Scenario(Kind.SERVER_ERROR, on="models"), Kind.OVERLOADED, Kind.SERVER_ERROR)
    assert (await submit(http, emulators.openai))[0] == 503
    assert (await ask(http, emulators.openai, "/models", method="GET"))[0] == 500
    assert (await submit(http, emulators.openai))[0] == 500
    assert emulators.openai.playlist.pending == ()


@pytest.mark.parametrize("name", SUBMITS)
async def test_every_kind_that_a_vendor_has_changes_something(
    name: str, emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    """A scenario that is offered and does nothing would make the tests that use it pass for no reason."""
    emulator = named(emulators, name)
    path, body = SUBMITS[name]
    if name == "openai":
        body = {**body, "n": 2}
    elif name == "ark":
        body = {**body, "sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 2}}
    elif name in ("xai", "relay", "together"):
        body = {**body, "n": 2}
    usual = await ask(http, emulator, path, body)
    passive = {kind for kind in emulator.kinds if kind.value.startswith(("stream_", "url_", "job_"))}
    passive |= TRANSPORT_KINDS | {Kind.INVALID_BASE64}
    if name in ("relay", "together", *JOBS):
        passive |= {kind for kind in emulator.kinds if "image" in kind or kind.value.endswith("_png")}
        passive |= {Kind.WRONG_MIME, Kind.PIXEL_BOMB, Kind.PARTIAL, Kind.EMPTY_DATA}
    if name in ("alibaba", "bfl", "fal", "replicate"):
        passive |= {Kind.MODERATION_INPUT}  # told in answer to a question
    for kind in sorted(emulator.kinds - passive):
        emulator.play(kind)
        status, value, _ = await ask(http, emulator, path, body)
        assert (status, scrub(value)) != (usual[0], scrub(usual[1])), kind


def scrub(value: Any) -> Any:
    """An answer without what differs between any two requests."""
    if isinstance(value, dict):
        fresh = ("created", "responseId", "thoughtSignature", "id")
        return {name: scrub(one) for name, one in value.items() if name not in fresh}
    return [scrub(one) for one in value] if isinstance(value, list) else value


def test_a_vendor_refuses_to_play_what_it_never_does(emulators: Emulators) -> None:
    with pytest.raises(ValueError, match="google has no 'moderation_billed'; it has: "):
        emulators.google.play(Kind.MODERATION_BILLED)


async def test_scenarios_by_header_and_by_the_control_address(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    path, body = SUBMITS["openai"]
    headers = {**auth_of(emulators.openai), "X-Emu-Scenario": '{"kind": "rate_limit", "retry_after_s": 3}'}
    async with http.post(emulators.openai.base_url + path, json=body, headers=headers) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (429, "3")
    async with http.post(emulators.openai.url + "/_emu/play", json={"kind": "overloaded"}) as answer:
        assert await answer.json() == {"pending": ["overloaded"]}
    assert (await submit(http, emulators.openai))[0] == 503
    async with http.get(emulators.openai.url + "/_emu/requests") as answer:
        text = await answer.text()
        assert len(json.loads(text)) == 2
        assert emulators.openai.key not in text
    async with http.post(emulators.openai.url + "/_emu/play", json={"kind": "no such thing"}) as answer:
        assert answer.status == 400


async def test_the_files_host_reports_credentials_and_serves_without(
    emulators: Emulators, http: aiohttp.ClientSession
) -> None:
    _, value = await submit(http, emulators.relay)
    url = value["data"][0]["url"]
    assert url.startswith(emulators.files.url + "/")
    assert emulators.files.url != emulators.relay.url
    async with http.get(url) as answer:
        assert opened(await answer.read()).size == (256, 256)
    assert emulators.files.violations == []
    for name in ("Authorization", "x-goog-api-key", "apikey", "x-key"):
        async with http.get(url, headers={name: "secret-value"}) as answer:
            assert answer.status == 400
    assert len(emulators.files.violations) == 4
    assert "secret-value" not in str(emulators.files.violations)
    emulators.files.violations.clear()


async def test_result_addresses_that_lead_nowhere_good(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    emulators.relay.play(Kind.URL_PRIVATE, Kind.URL_EXPIRED, Kind.URL_REDIRECT_PRIVATE)
    urls = [(await submit(http, emulators.relay))[1]["data"][0]["url"] for _ in range(3)]
    assert urls[0] == "http://10.255.255.1/picture.png"
    async with http.get(urls[1]) as answer:
        assert (answer.status, b"expired" in await answer.read()) == (403, True)
    async with http.get(urls[2], allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (302, "http://10.255.255.1/picture.png")
    emulators.files.play(Kind.HTML_502, Kind.TEXT_AS_PNG)
    url = (await submit(http, emulators.relay))[1]["data"][0]["url"]
    async with http.get(url) as answer:
        assert answer.status == 502
    async with http.get(url) as answer:
        assert answer.content_type == "image/png"
        assert (await answer.read()).startswith(b"We could not")


async def test_bytes_that_pretend_to_be_pictures(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    async def sent(kind: Kind) -> tuple[str, str]:
        emulators.google.play(kind)
        _, value = await submit(http, emulators.google)
        part = value["candidates"][0]["content"]["parts"][0]["inlineData"]
        return part["mimeType"], part["data"]

    heads = {
        Kind.TEXT_AS_PNG: b"We could not",
        Kind.SVG_AS_PNG: b"<?xml",
        Kind.WRONG_MIME: b"\xff\xd8\xff",
        Kind.PIXEL_BOMB: b"\x89PNG",
    }
    for kind, head in heads.items():
        media_type, text = await sent(kind)
        assert media_type == "image/png"
        assert base64.b64decode(text).startswith(head)
    with pytest.raises(OSError, match="truncated"):
        opened(base64.b64decode((await sent(Kind.HALF_IMAGE))[1]))
    with pytest.raises(ValueError, match="base64"):
        base64.b64decode((await sent(Kind.INVALID_BASE64))[1], validate=True)


async def test_a_huge_body_is_as_long_as_was_asked_for(emulators: Emulators, http: aiohttp.ClientSession) -> None:
    emulators.openai.play(Scenario(Kind.HUGE_BODY, size_bytes=3_000_000))
    path, body = SUBMITS["openai"]
    async with http.post(emulators.openai.base_url + path, json=body, headers=auth_of(emulators.openai)) as answer:
        assert len(await answer.read()) == 3_000_000


async def test_nobody_listens_at_a_held_port_until_somebody_is_told_of_it(http: aiohttp.ClientSession) -> None:
    with held_port() as port:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"http://127.0.0.1:{port}")
        with listen("127.0.0.1", port, "port", "") as listener:
            assert listener.getsockname()[1] == port


def test_the_environment_names_every_provider_once(emulators: Emulators) -> None:
    pairs = dict(line.split("=", 1) for line in environment(emulators) if not line.startswith("#"))
    assert pairs["TRIPTYCH_XAI_BASE_URL"] == f"http://127.0.0.1:{emulators.xai.port}/v1"
    assert pairs["GEMINI_API_KEY"] == emulators.google.key
    assert len(pairs) == 2 * len(emulators.providers) - 1  # the relay's address stands in the comment


def test_the_comment_for_the_settings_file_describes_the_relay(emulators: Emulators) -> None:
    lines = [line.removeprefix("# ") for line in environment(emulators) if line.startswith("# ")]
    table = tomllib.loads("\n".join(lines[1:]))["endpoints"]["relay"]
    adapter, cards = row_from_settings("relay", table)
    assert (adapter.base_url, adapter.auth.env) == (emulators.relay.base_url, ("RELAY_API_KEY",))
    assert {card.provider_model_id for card in cards} == set(emulators.relay.models)


def test_the_program_knows_the_variables_of_the_emulators(emulators: Emulators) -> None:
    names = {name for adapter in (*ADAPTERS.values(), *row_adapters().values()) for name in adapter.auth.env}
    assert {one.key_env for one in emulators.providers} - names == {"RELAY_API_KEY"}


# Pictures


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("style", ["quick", "scene"])
def test_pictures_are_real_deterministic_and_of_the_size_asked_for(form: Any, style: Any) -> None:
    subject = Subject("m", "an otter", 320, 192, "7", alpha=form == "png")
    made = paint(subject, form, style)
    image = opened(made.data)
    assert (image.size, image.format) == ((320, 192), form.upper())
    assert (image.mode == "RGBA") is (form == "png")
    paint.cache_clear()
    assert paint(subject, form, style) == made
    others = {
        paint(Subject("m", "an otter", 320, 192, "8"), form, style).data,
        paint(Subject("n", "an otter", 320, 192, "7"), form, style).data,
        paint(Subject("m", "a heron", 320, 192, "7"), form, style).data,
        paint(Subject("m", "an otter", 320, 192, "7", index=1), form, style).data,
    }
    assert len(others) == 4


def test_the_pixel_bomb_is_small_and_speaks_of_gigapixels() -> None:
    data = pixel_bomb()
    assert len(data) < 300
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with pytest.raises((Image.DecompressionBombError, Image.DecompressionBombWarning)):
            Image.open(io.BytesIO(data))


@given(st.binary(min_size=1, max_size=3000))
def test_odd_pieces_lose_nothing(data: bytes) -> None:
    pieces = list(odd_pieces(data))
    assert b"".join(pieces) == data
    assert all(pieces)
