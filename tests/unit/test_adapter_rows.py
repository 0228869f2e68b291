"""Hosts without code: the rows that come with the program, the user's own, and plug-ins. Together is held against the
wire example of together 3.1.1; on purpose different: `n` first, and the steps come from the card."""

import io
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import httpx2 as httpx
import openai
import pytest
from PIL import Image
from tests.emulators import Emulators, Kind, LocalAI, SdServer
from tests.emulators.client import auth_of, png
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, request
from tests.unit.adapter_kit import png as plain_png
from tests.unit.meeting import met

from triptych.http.message import HttpRequest
from triptych.imaging.header import header
from triptych.provider_kit import laws
from triptych.provider_kit.adapter import Done, ImageAdapter
from triptych.providers import ADAPTERS, load_plugins, plugin_cards, row_adapters, row_from_settings
from triptych.providers.google import Google
from triptych.spec import errors
from triptych.spec.image import FREE, AspectRatio, Cost, GeneratedImage, Size
from triptych.spec.model import ModelCard
from triptych.spec.price import estimate

ROWS = row_adapters()
SCHNELL = "together/flux.1-schnell"


def test_together_takes_sides_and_its_own_word_for_base64() -> None:
    asked = request("otter", size=Size(1024, 768), seed=1, negative_prompt="blur")
    prepared = ROWS["together"].build(asked, CARDS[SCHNELL])
    assert prepared.http.json == {
        "model": "black-forest-labs/FLUX.1-schnell", "prompt": "otter\n\nAvoid: blur.", "width": 1024, "height": 768,
        "n": 1, "response_format": "base64", "seed": 1, "steps": 4,
    }  # fmt: skip
    body = {"id": "o-1", "model": "m", "object": "list", "data": [{"index": 0, "type": "b64_json", "b64_json": B64}]}
    result = done(ROWS["together"], answer(body), SCHNELL)
    assert (result.provider_request_id, result.model_served) == ("o-1", "m")


@pytest.mark.parametrize(("body", "status", "kind"), [
    ({"error": {"message": "Your prompt was flagged", "type": "x", "code": None}}, 422, errors.BlockedError),
    ({"error": {"message": "no credit", "type": "credit_limit"}}, 402, errors.BillingError),
    ({"detail": {"error": "Model is overloaded"}}, 429, errors.OverloadedError),
    ({"detail": {"error": "User is not authenticated"}}, 401, errors.AuthError),
    ({"error": "plain words"}, 400, errors.RejectedError),
    ({"detail": [{"loc": ["body", "n"], "msg": "too many"}]}, 422, errors.RejectedError),
    ({"error": {"code": 402, "message": "Insufficient credits"}}, 200, errors.BillingError),
])  # fmt: skip
def test_the_envelopes_of_such_hosts(body: Any, status: int, kind: type[errors.TriptychError]) -> None:
    found = failure(ROWS["together"], answer(body, status), SCHNELL)
    assert type(found) is kind
    assert found.upstream


def test_a_row_of_ones_own() -> None:
    adapter, cards = row_from_settings("workshop", {
        "base_url": "http://127.0.0.1:9000/v1/", "models": [
            {"id": "acme/Brush 2", "edit": True, "mask": True, "max_input_images": 2},
            {"id": "ink", "family": "flux.1-schnell", "sizes": ["512x512"], "price_usd": 0.02, "seed": True},
        ],
    })  # fmt: skip
    brush, ink = cards
    assert (adapter.provider, adapter.base_url, adapter.auth.required) == (
        "workshop",
        "http://127.0.0.1:9000/v1",
        False,
    )
    assert (brush.id, brush.provider_model_id, brush.lane, brush.free) == (
        "workshop/brush-2",
        "acme/Brush 2",
        "local",
        True,
    )
    assert (ink.family, estimate(ink, request()), estimate(brush, request())) == (
        "flux.1-schnell",
        Cost(20_000, "table"),
        FREE,
    )
    assert (ink.prices[0].source, ink.prices[0].as_of) == ("your settings", "")
    edit = adapter.build(request(images=(picture(), picture())), brush)
    assert [part.name for part in edit.http.parts if part.filename] == ["image", "image"]
    plain = adapter.build(request(seed=3), ink)
    assert plain.http.json == {
        "model": "ink", "prompt": "a steel kettle", "n": 1, "size": "512x512", "response_format": "b64_json", "seed": 3,
    }  # fmt: skip
    (image,) = adapter.parse(answer({"data": [{"url": f"data:image/png;base64,{B64}"}]}), request(), ink).images  # type: ignore[union-attr]
    assert isinstance(image, GeneratedImage)
    assert image.data == PNG


def test_a_host_that_names_its_price_is_believed() -> None:
    adapter, (card,) = row_from_settings("relay", {
        "base_url": "https://relay.example/v1", "key_env": "RELAY_API_KEY", "models": [{"id": "m"}],
        "quirks": {"cost_usd": ["usage", "cost"], "response_format": "none"},
    })  # fmt: skip
    body: dict[str, Any] = {"data": [{"b64_json": B64}], "usage": {"cost": 0.0000015}}
    found = adapter.parse(answer(body), request(), card)
    assert found.cost == Cost(2, "provider")
    for nonsense in (True, "1", -1, 1e12):
        body["usage"] = {"cost": nonsense}
        assert adapter.parse(answer(body), request(), card).cost is None
    assert (adapter.auth.env, adapter.auth.required, card.lane, card.free) == (
        ("RELAY_API_KEY",),
        True,
        "commercial",
        False,
    )


@pytest.mark.parametrize(("host", "lane"), [
    ("192.168.1.20:8080", "local"), ("[::1]:80", "local"), ("studio-box", "local"), ("box.local", "local"),
    ("203.0.113.7.example", "commercial"), ("8.8.8.8", "commercial"), ("images.example", "commercial"),
])  # fmt: skip
def test_a_host_of_ones_own_network_is_local(host: str, lane: str) -> None:
    _, (card,) = row_from_settings("x", {"base_url": f"http://{host}/v1", "models": [{"id": "m"}]})
    assert (card.lane, card.free) == (lane, lane == "local")


def test_a_row_can_be_like_another() -> None:
    adapter, (card,) = row_from_settings(
        "mine", {"base_url": "http://localhost:1234/v1", "like": "sd-server", "models": [{"id": "sd-cpp-local"}]}
    )
    assert "response_format" not in dict(adapter.build(request(), card).http.json)  # type: ignore[arg-type]


def parsed(adapter: ImageAdapter, made: httpx.Response, card: ModelCard) -> Done:
    found = adapter.parse(answer(made.content, made.status_code), request(), card)
    assert isinstance(found, Done)
    return found


def test_openrouter_takes_a_shape_a_size_class_and_references() -> None:
    """Against the wire example of @openrouter/ai-sdk-provider 3.1.0; on purpose different: a size class is always sent."""
    card = CARDS["openrouter/seedream-4.5"]
    prepared = ROWS["openrouter"].build(request("otter", aspect_ratio=AspectRatio(16, 9), images=(picture(),)), card)
    assert (prepared.http.url, prepared.http.json) == ("/images", {
        "model": "bytedance-seed/seedream-4.5", "prompt": "otter", "n": 1, "aspect_ratio": "16:9", "resolution": "2K",
        "input_references": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}],
    })  # fmt: skip
    bare: Any = ROWS["openrouter"].build(request(), CARDS["openrouter/gpt-image-2"]).http.json
    assert (bare["aspect_ratio"], bare["quality"], "resolution" in bare) == ("1:1", "medium", False)
    body = {
        "created": 1,
        "data": [{"b64_json": B64, "media_type": "image/png"}],
        "usage": {"total_tokens": 1, "cost": 0.04},
    }
    assert done(ROWS["openrouter"], answer(body), card.id).cost == Cost(40_000, "provider")
    flagged = {"error": {"code": 403, "message": "Your input was flagged.", "metadata": {"reasons": ["violence"]}}}
    assert type(failure(ROWS["openrouter"], answer(flagged, 403), card.id)) is errors.BlockedError
    assert type(failure(ROWS["openrouter"], answer(flagged), card.id)) is errors.BlockedError  # inside of a 200
    assert ROWS["openrouter"].parse_check(answer({"data": {"label": "sk-or-v1-a...b"}}, step="check")).ok


CHAT = "openrouter/gemini-3.1-flash-image"


def test_openrouter_is_asked_in_a_chat_for_models_that_answer_in_one(emulators: Emulators) -> None:
    adapter, card = ROWS["openrouter"], CARDS[CHAT]
    asked = request(
        "otter", aspect_ratio=AspectRatio(16, 9), images=(laws.picture("edit", 64),), mask=laws.picture("edit", 64)
    )
    prepared = adapter.build(asked, card)
    body: Any = prepared.http.json
    assert prepared.http.url == "/chat/completions"
    assert {name: value for name, value in body.items() if name != "messages"} == {
        "model": "google/gemini-3.1-flash-image", "modalities": ["image", "text"],
        "image_config": {"aspect_ratio": "16:9", "image_size": "1K"},
    }  # fmt: skip
    (turn,) = body["messages"]
    assert [part["type"] for part in turn["content"]] == ["text", "image_url"]
    assert {note.feature: note.kind for note in prepared.adjustments}["mask"] == "emulated"
    bare: Any = adapter.build(request(), CARDS["openrouter/gemini-2.5-flash-image"]).http.json
    assert "image_config" not in bare
    with httpx.Client(trust_env=False, headers=auth_of(emulators.openrouter)) as client:
        made = client.post(emulators.openrouter.base_url + prepared.http.url, json=body)
        found = parsed(adapter, made, card)
        assert (len(found.images), found.cost, found.usage.total_tokens) == (1, Cost(39_000, "provider"), 1300)
        emulators.openrouter.play(Kind.EMPTY_DATA)
        silent = client.post(emulators.openrouter.base_url + prepared.http.url, json=body)
    with pytest.raises(errors.EmptyAnswerError, match=r"Here is your picture\."):
        adapter.parse(answer(silent.content), request(), card)


URI = f"data:image/png;base64,{B64}"


@pytest.mark.parametrize(("message", "count"), [
    ({"images": [{"type": "image_url", "image_url": {"url": URI}}]}, 1),
    ({"images": [URI], "content": f"Here: ![image]({URI})", "image_b64_json": B64}, 1),  # three times the same
    ({"images": [{"b64_json": B64}, {"url": "https://cdn.example/a.png"}]}, 2),
    ({"content": "![image](https://cdn.example/a.png) and ![two](https://cdn.example/b.png)"}, 2),
    ({"content": [{"type": "text", "text": "here"}, {"type": "image_url", "image_url": {"url": URI}}]}, 1),
])  # fmt: skip
def test_a_picture_in_a_chat_may_stand_anywhere_and_counts_once(message: dict[str, Any], count: int) -> None:
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}]}
    assert len(done(ROWS["openrouter"], answer(body), CHAT).images) == count


@pytest.mark.parametrize(("choice", "kind"), [
    ({"finish_reason": "stop", "message": {"content": "I cannot draw."}}, errors.EmptyAnswerError),
    ({"finish_reason": "content_filter", "message": {"content": None}}, errors.BlockedError),
    ({"finish_reason": "stop", "message": {"refusal": "No."}}, errors.BlockedError),
    ({"finish_reason": "error", "error": {"code": 429, "message": "slow down"}, "message": {}}, errors.RateLimitedError),
    ({"finish_reason": "stop", "message": {"images": [{"image_url": {"url": "data:image/png;base64,###"}}]}}, errors.EmptyAnswerError),
])  # fmt: skip
def test_a_chat_without_a_picture_says_what_was_said(choice: dict[str, Any], kind: type[errors.TriptychError]) -> None:
    assert type(failure(ROWS["openrouter"], answer({"choices": [{"index": 0, **choice}]}), CHAT)) is kind


def test_a_relay_of_ones_own_may_draw_in_a_chat(emulators: Emulators) -> None:
    them = emulators.openrouter
    model = {"id": "google/gemini-2.5-flash-image", "wire": "chat", "edit": True, "aspect_ratios": ["1:1", "16:9"]}
    adapter, (card,) = row_from_settings(
        "mine", {"base_url": them.base_url, "key_env": "RELAY_API_KEY", "models": [model]}
    )
    http = adapter.build(request(aspect_ratio=AspectRatio(16, 9)), card).http
    with httpx.Client(trust_env=False, headers=auth_of(them)) as client:
        (image,) = parsed(adapter, client.post(adapter.base_url + http.url, json=http.json), card).images
    assert isinstance(image, GeneratedImage)
    assert header(image.data).width > header(image.data).height


def test_a_key_may_have_a_header_of_its_own() -> None:
    table = {
        "base_url": "https://mine.openai.azure.com/openai/v1",
        "models": [{"id": "my-deployment", "family": "gpt-image-2", "edit": True, "max_input_images": 2}],
    }
    for how in ({"like": "azure"}, {"key_header": "api-key"}, {"like": "localai", "key_header": "api-key"}):
        adapter, (card,) = row_from_settings("mine", {**table, **how, "key_env": "AZURE_OPENAI_API_KEY"})
        assert (adapter.auth.header, adapter.auth.prefix, adapter.auth.env) == (
            "api-key",
            "",
            ("AZURE_OPENAI_API_KEY",),
        )
        assert (card.lane, card.free) == ("commercial", False)
    adapter, (card,) = row_from_settings("mine", {**table, "like": "azure"})
    http = adapter.build(request(images=(picture(), picture()), moderation="low"), card).http
    assert (http.url, [part.name for part in http.parts if part.filename]) == ("/images/edits", ["image[]", "image[]"])
    plain, _ = row_from_settings("mine", {**table, "like": "sglang"})
    assert (plain.auth.header, plain.auth.prefix) == ("Authorization", "Bearer ")


def azure(emulators: Emulators, older: bool) -> tuple[ImageAdapter, ModelCard]:
    """A user's own resource, by one of its two kinds of address."""
    base = emulators.azure.older_url if older else emulators.azure.base_url
    model = {"id": "my-deployment", "family": "gpt-image-2", "edit": True, "mask": True, "max_input_images": 16}
    table = {"base_url": base, "like": "azure-deployments" if older else "azure", "models": [model]}
    adapter, (card,) = row_from_settings("mine", table)
    return adapter, card


def sent(client: httpx.Client, adapter: ImageAdapter, http: HttpRequest) -> httpx.Response:
    files: Any = [(part.name, (part.filename, part.data, part.media_type)) for part in http.parts]
    body: Any = {"files": files} if files else {"json": http.json}
    return client.request(http.method, adapter.base_url + http.url, headers=dict(http.headers), **body)


@pytest.mark.parametrize("older", [False, True])
def test_azure_takes_a_deployment_by_either_address(emulators: Emulators, older: bool) -> None:
    adapter, card = azure(emulators, older)
    with httpx.Client(trust_env=False, headers={adapter.auth.header: emulators.azure.key}) as client:
        made = sent(client, adapter, adapter.build(request(size=Size(1536, 1024)), card).http)
        assert len(parsed(adapter, made, card).images) == 1
        mask = laws.picture("edit", 64)
        edit = adapter.build(request(images=(laws.picture("edit", 64),), mask=mask), card)
        assert {note.feature: note.kind for note in edit.adjustments} == {
            "images": "native",
            "mask": "native",
            "size": "adjusted",
        }
        assert len(parsed(adapter, sent(client, adapter, edit.http), card).images) == 1
        assert adapter.parse_check(answer(sent(client, adapter, adapter.check_request()).content, step="check")).ok
    asked = [(one.path, dict(one.query)) for one in emulators.azure.submits]
    version = {"api-version": "2025-04-01-preview"}
    where = "/openai/deployments/my-deployment/images" if older else "/openai/v1/images"
    assert asked == [(f"{where}/{deed}", version if older else {}) for deed in ("generations", "edits")]


@pytest.mark.parametrize(("kind", "error", "said"), [
    (Kind.WRONG_KEY, errors.AuthError, "Access denied"), (Kind.RATE_LIMIT, errors.RateLimitedError, "retry after 26"),
    (Kind.UNKNOWN_MODEL, errors.ModelUnavailableError, "DeploymentNotFound"), (Kind.SERVER_ERROR, errors.ProviderFailedError, "error"),
    (Kind.MODERATION_INPUT, errors.BlockedError, "ResponsibleAIPolicyViolation violence"),
    (Kind.MODERATION_FREE, errors.BlockedError, "ResponsibleAIPolicyViolation violence"),
])  # fmt: skip
def test_azure_says_what_went_wrong_inside_of_its_error(
    emulators: Emulators, kind: Kind, error: type[errors.TriptychError], said: str
) -> None:
    adapter, card = azure(emulators, older=True)
    emulators.azure.play(kind)
    with httpx.Client(trust_env=False, headers={"api-key": emulators.azure.key}) as client:
        made = sent(client, adapter, adapter.build(request(), card).http)
    with pytest.raises(error) as caught:
        adapter.parse(answer(made.content, made.status_code, dict(made.headers)), request(), card)
    assert said in (caught.value.upstream or "")
    assert caught.value.retry_after_s == (26 if kind is Kind.RATE_LIMIT else None)


def test_another_version_of_azures_api_and_a_name_that_needs_quoting() -> None:
    adapter, (card,) = row_from_settings("mine", {
        "base_url": "https://mine.openai.azure.com/openai/", "like": "azure-deployments", "query": {"api-version": "preview"},
        "models": [{"id": "old one"}],
    })  # fmt: skip
    assert adapter.build(request(), card).http.url == "/deployments/old%20one/images/generations?api-version=preview"
    assert adapter.check_request().url == "/models?api-version=preview"
    assert adapter.list_request() is None


async def test_azures_own_client_is_understood_by_its_emulator(emulators: Emulators) -> None:
    them = emulators.azure
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=them.url, api_key=them.key, api_version="2025-04-01-preview", max_retries=0
    )
    async with client:
        made = await client.images.generate(model="my-deployment", prompt="otter", size="1024x1024")
        assert made.data and made.data[0].b64_json
        two = ("a.png", png(64, 64), "image/png")
        assert (await client.images.edit(model="my-deployment", prompt="x", image=two)).data
        them.play(Kind.MODERATION_INPUT)
        with pytest.raises(openai.BadRequestError) as caught:
            await client.images.generate(model="my-deployment", prompt="otter")
        assert caught.value.code == "content_filter"
        with pytest.raises(openai.NotFoundError):
            await client.images.generate(model="nobody", prompt="otter")


@pytest.mark.parametrize("like", ["localai", "openrouter", "together"])
def test_a_host_that_takes_pictures_in_json_gets_no_mask_and_it_is_said(like: str) -> None:
    model = {"id": "m", "edit": True, "mask": True, "sizes": ["1024x1024"]}
    adapter, (card,) = row_from_settings(
        "mine", {"base_url": "https://mine.example/v1", "like": like, "models": [model]}
    )
    prepared = adapter.build(request(images=(picture(),), mask=picture(png(8, 6, "RGBA"))), card)
    assert {note.feature: note.kind for note in prepared.adjustments}["mask"] == "emulated"
    assert prepared.http.parts == ()


@pytest.mark.parametrize("kind", [Kind.OVERLOADED, Kind.NO_CREDIT, Kind.MODERATION_INPUT, Kind.WRONG_KEY])
def test_deepinfras_words_lie_two_levels_deep(emulators: Emulators, kind: Kind) -> None:
    adapter, card = ROWS["deepinfra"], CARDS["deepinfra/flux-2-max"]
    emulators.deepinfra.play(kind)
    http = adapter.build(request(), card).http
    with httpx.Client(trust_env=False, headers=auth_of(emulators.deepinfra)) as client:
        made = client.post(emulators.deepinfra.base_url + http.url, json=http.json)
    expected = {Kind.OVERLOADED: errors.OverloadedError, Kind.NO_CREDIT: errors.BillingError,
                Kind.MODERATION_INPUT: errors.BlockedError, Kind.WRONG_KEY: errors.AuthError}[kind]  # fmt: skip
    assert type(failure(adapter, answer(made.content, made.status_code), card.id)) is expected


@pytest.mark.parametrize(("like", "name"), [("localai", "localai"), ("sd-server", "sd_server")])
def test_another_server_of_ones_own_takes_what_is_built_for_it(emulators: Emulators, like: str, name: str) -> None:
    server = getattr(emulators, name)
    model = {"id": server.model, "edit": True, "max_input_images": 2, "max_images_per_call": 4}
    adapter, (card,) = row_from_settings("mine", {"base_url": server.base_url, "like": like, "models": [model]})
    with httpx.Client(trust_env=False) as client:
        plain = adapter.build(request(n=2, size=Size(512, 256)), card).http
        made = parsed(adapter, sent(client, adapter, plain), card)
        assert [header(one.data).width for one in made.images if isinstance(one, GeneratedImage)] == [512, 512]
        two = (laws.picture("edit", 64), laws.picture("style", 66))
        assert (
            len(parsed(adapter, sent(client, adapter, adapter.build(request(images=two), card).http), card).images) == 1
        )
        assert adapter.parse_check(answer(sent(client, adapter, adapter.check_request()).content, step="check")).ok
        server.play(Kind.SERVER_ERROR)
        broken = sent(client, adapter, plain)
        with pytest.raises(errors.ProviderFailedError, match="failed"):
            adapter.parse(answer(broken.content, broken.status_code), request(), card)


def test_sd_servers_mask_is_white_where_it_changes(emulators: Emulators) -> None:
    server = emulators.sd_server
    model = {"id": server.model, "edit": True, "mask": True}
    adapter, (card,) = row_from_settings("mine", {"base_url": server.base_url, "like": "sd-server", "models": [model]})
    left = Image.new("RGBA", (64, 64), (255, 255, 255, 255))
    left.paste((0, 0, 0, 0), (0, 0, 32, 64))  # the left half is to be changed
    left.save(out := io.BytesIO(), "PNG")
    before, mask = picture(plain_png(size=(64, 64))), picture(out.getvalue())
    prepared = adapter.build(request(images=(before,), mask=mask, size=Size(256, 256)), card)
    with httpx.Client(trust_env=False) as client:
        (made,) = parsed(adapter, sent(client, adapter, prepared.http), card).images
    assert isinstance(made, GeneratedImage)
    drawn = Image.open(io.BytesIO(made.data)).convert("RGB")
    assert kinds(prepared)["mask"] == "native"
    assert drawn.getpixel((200, 128)) == (0, 128, 128)
    assert drawn.getpixel((50, 128)) != (0, 128, 128)


UNREAD = {
    "sd-server": {"mask": "native", "seed": "native", "negative_prompt": "native"},
    "localai": {"mask": "emulated", "seed": "native", "negative_prompt": "native"},
    "vllm-omni": {"mask": "emulated", "seed": "native", "negative_prompt": "native"},
    "sglang": {"mask": "emulated", "seed": "native", "negative_prompt": "native"},
}


INSIDE = {"sd-server": {"seed", "negative_prompt"}, "localai": {"negative_prompt"}}
"""What goes inside of the prompt."""


@pytest.mark.parametrize("like", UNREAD)
def test_what_a_server_lets_fall_is_not_told_as_sent(like: str) -> None:
    model = {"id": "m", "edit": True, "mask": True, "seed": True, "negative_prompt": True, "sizes": ["1024x1024"]}
    adapter, (card,) = row_from_settings("mine", {"base_url": "http://box.local/v1", "like": like, "models": [model]})
    asked = request(images=(picture(),), mask=picture(plain_png("RGBA", (0, 0, 0, 0))), seed=7, negative_prompt="fog")
    prepared = adapter.build(asked, card)
    assert {name: kinds(prepared)[name] for name in UNREAD[like]} == UNREAD[like]
    body: Any = prepared.http.json or {}
    names = {part.name for part in prepared.http.parts} | set(body)
    native = {name for name, kind in UNREAD[like].items() if kind == "native"}
    assert names & set(UNREAD[like]) == native - INSIDE.get(like, set())
    caps = card.capabilities
    assert {"mask": caps.mask, "seed": caps.seed, "negative_prompt": caps.negative_prompt} == {
        name: name in native for name in UNREAD[like]
    }


@pytest.mark.parametrize(("like", "name"), [("vllm-omni", "vllm_omni"), ("sglang", "sglang")])
def test_a_server_of_ones_own_takes_what_is_built_for_it(emulators: Emulators, like: str, name: str) -> None:
    server = getattr(emulators, name)
    model = {"id": server.model, "edit": True, "seed": True, "negative_prompt": True, "max_images_per_call": 4}
    adapter, (card,) = row_from_settings("mine", {"base_url": server.base_url, "like": like, "models": [model]})
    with httpx.Client(trust_env=False, timeout=90) as client:
        plain = adapter.build(request(n=2, seed=4, negative_prompt="fog", size=Size(512, 256)), card).http
        made = client.post(adapter.base_url + plain.url, json=plain.json)
        assert len(parsed(adapter, made, card).images) == 2
        edit = adapter.build(request(images=(picture(),)), card).http
        files: Any = [(part.name, (part.filename, part.data, part.media_type)) for part in edit.parts]
        assert client.post(adapter.base_url + edit.url, files=files).status_code == 200
        check = adapter.check_request()
        assert adapter.parse_check(answer(client.get(adapter.base_url + check.url).content, step="check")).ok
        server.play(Kind.OVERLOADED)
        busy = client.post(adapter.base_url + plain.url, json=plain.json)
        with pytest.raises(errors.OverloadedError, match="not initialized"):
            adapter.parse(answer(busy.content, busy.status_code), request(), card)


@pytest.mark.parametrize(("table", "param"), [
    ({}, None), ({"base_url": "ftp://x", "models": [{"id": "a"}]}, "base_url"), ({"base_url": "https://x"}, "models"),
    ({"base_url": "https://[", "models": [{"id": "a"}]}, "base_url"),
    ({"base_url": "https://x", "models": [{"id": "a", "colour": 1}]}, "colour"),
    ({"base_url": "https://x", "models": [{"id": "///"}]}, "id"),
    ({"base_url": "https://x", "like": "nobody", "models": [{"id": "a"}]}, "like"),
    ({"base_url": "https://x", "models": [{"id": "a", "price_usd": "much"}]}, "price_usd"),
    ({"base_url": "https://x", "models": [{"id": "a", "price_usd": -1}]}, "usd"),
    ({"base_url": "https://x", "models": [{"id": "a"}, {"id": "b/a"}]}, "id"),
])  # fmt: skip
def test_a_row_that_is_wrong_says_where(table: dict[str, Any], param: str | None) -> None:
    with pytest.raises(errors.SettingsError) as caught:
        row_from_settings("x", table)
    assert "endpoints.x" in caught.value.message
    if param is not None:
        assert caught.value.param == param


class Other(Google):
    provider = "other"
    cards = (replace(CARDS[SCHNELL], id="other/m", provider="other"), CARDS[SCHNELL], "no card")


OTHER = Other()


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group="triptych.providers")


def test_plug_ins_load_beside_those_that_do_not() -> None:
    adapters, wrong = load_plugins([
        point("gone", "no_such_module:ADAPTER"), point("nameless", "tests.unit.test_adapter_rows:NOTHING"),
        point("no-adapter", "tests.unit.test_adapter_rows:object"), point("good", "tests.unit.test_adapter_rows:OTHER"),
        point("again", "tests.unit.test_adapter_rows:Other"), point("taken", "triptych.providers.google:Google"),
    ])  # fmt: skip
    assert list(adapters) == ["other"]
    assert [card.id for card in plugin_cards(adapters["other"])] == ["other/m"]
    assert plugin_cards(ROWS["together"]) == ()
    assert [error.param for error in wrong] == ["gone", "nameless", "no-adapter", "again", "taken"]
    assert "no_such_module" in wrong[0].message


def test_the_registry_is_by_name() -> None:
    assert all(adapter.provider == name for name, adapter in {**ADAPTERS, **ROWS}.items())
    assert not set(ADAPTERS) & set(ROWS)
    assert load_plugins([]) == ({}, ())


@pytest.mark.parametrize("name", ["seedream-5.0-pro", "seedream-5.0-lite", "seedream-5.0-flash"])
async def test_tokenhub_takes_what_is_built_for_it_and_charges_its_tokens(emulators: Emulators, name: str) -> None:
    card = CARDS[f"tokenhub/{name}"]
    wide = replace(laws.picture("edit", 64), width=128, height=64)
    async with met(emulators.tokenhub, card) as model:
        made = await model.draw(request("otter", resolution="2k"))
        await model.draw(request("otter", images=(wide, laws.picture("style", 66))))
        with pytest.raises(errors.BadRequestError, match="takes 600"):
            model.plan(request("o" * 601))
    sent, edit = emulators.tokenhub.submits
    assert sent.path == "/v1/wand/si-image/generation"
    assert (sent.body["size"], sent.body["watermark"], "n" in sent.body) == ("2048x2048", False, False)
    assert (made.cost.source, made.cost.amount_micro_usd) == ("usage", emulators.tokenhub.charges[0].micro_usd)
    width, _, height = edit.body["size"].partition("x")
    assert int(width) == 2 * int(height)  # nobody asked for another shape
    assert len(edit.body["images"]) == 2


@pytest.mark.parametrize(("kind", "expected", "billed"), [
    (Kind.WRONG_KEY, errors.AuthError, "no"),
    (Kind.FORBIDDEN, errors.AuthError, "no"),
    (Kind.NO_CREDIT, errors.BillingError, "no"),
    (Kind.RATE_LIMIT, errors.RateLimitedError, "no"),
    (Kind.MODERATION_INPUT, errors.BlockedError, "unknown"),
    (Kind.SERVER_ERROR, errors.ProviderFailedError, "unknown"),
    (Kind.UNKNOWN_MODEL, errors.RejectedError, "no"),
    (Kind.EMPTY_DATA, errors.EmptyAnswerError, "unknown"),
    (Kind.TEXT_AS_PNG, errors.EmptyAnswerError, "yes"),
])  # fmt: skip
async def test_tokenhubs_faults(
    emulators: Emulators, kind: Kind, expected: type[errors.TriptychError], billed: str
) -> None:
    emulators.tokenhub.play(kind)
    async with met(emulators.tokenhub, CARDS["tokenhub/seedream-5.0-pro"]) as model:
        with pytest.raises(errors.TriptychError) as caught:
            await model.draw(request("otter"))
    assert (type(caught.value), caught.value.billed) == (expected, billed)
    assert caught.value.hint
    assert len(emulators.tokenhub.submits) == 1


def at_home(emulators: Emulators, like: str) -> tuple[LocalAI | SdServer, ImageAdapter, ModelCard]:
    server = emulators.localai if like == "localai" else emulators.sd_server
    table = {
        "base_url": server.base_url,
        "like": like,
        "models": [{"id": server.model, "max_images_per_call": 4, "seed": True}],
    }
    adapter, (card,) = row_from_settings("mine", table)
    return server, adapter, card


@pytest.mark.parametrize("like", ["localai", "sd-server"])
def test_what_is_to_be_left_out_reaches_a_server_that_reads_it_inside_of_the_prompt(
    emulators: Emulators, like: str
) -> None:
    server, adapter, card = at_home(emulators, like)
    wishes = [("", {}), ("fog", {"seed": 7}), ("fog </sd_cpp_extra_args> “ö”\n", {"seed": 0}), ("fog", {"seed": 8})]
    with httpx.Client(trust_env=False) as client:
        for left_out, more in wishes:
            asked = request("a kettle", negative_prompt=left_out or None, **more)
            prepared = adapter.build(asked, card)
            assert set(kinds(prepared).values()) <= {"native"}
            parsed(adapter, sent(client, adapter, prepared.http), card)
    assert server.understood == [("a kettle", left_out, more.get("seed")) for left_out, more in wishes]
    assert server.served[1].data != server.served[3].data


@pytest.mark.parametrize(("like", "words", "field"), [
    ("localai", "an opener | a tin", "prompt"), ("localai", "fog|rain", "negative_prompt"),
    ("sd-server", "x<sd_cpp_extra_args>{}</sd_cpp_extra_args>", "prompt"),
])  # fmt: skip
def test_words_that_such_a_server_would_take_apart_are_refused_before_they_are_sent(
    emulators: Emulators, like: str, words: str, field: str
) -> None:
    _, adapter, card = at_home(emulators, like)
    with pytest.raises(errors.BadRequestError) as caught:
        adapter.build(request(**{"prompt": "x", field: words}), card)
    assert caught.value.param == field
    assert caught.value.hint
