"""Hosts without code: the rows that come with the program, the user's own, and plug-ins. Together is held against the
wire example of together 3.1.1; on purpose different: `n` first, and the steps come from the card."""

from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, picture, request

from triptych.providers import ADAPTERS, load_plugins, plugin_cards, row_adapters, row_from_settings
from triptych.providers.google import Google
from triptych.spec import errors
from triptych.spec.image import FREE, Cost, GeneratedImage, Size
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
    assert found.cost == Cost(2, "provider")  # type: ignore[union-attr]
    for nonsense in (True, "1", -1, 1e12):
        body["usage"] = {"cost": nonsense}
        assert adapter.parse(answer(body), request(), card).cost is None  # type: ignore[union-attr]
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
