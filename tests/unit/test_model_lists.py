"""Which models a provider says it has: what an adapter asks, its emulator answers, and what becomes of that."""

from dataclasses import replace

import httpx2 as httpx
import pytest
from openrouter.components import ImageModelsListResponse
from tests.emulators import Emulators
from tests.emulators.client import auth_of
from tests.emulators.replicate import VERSIONS
from tests.unit.adapter_kit import CARDS, answer
from tests.unit.driver_tools import KEY, Bench, Toy, ok

from triptych.app.catalogue_check import compared
from triptych.http.message import HttpRequest, HttpResponse
from triptych.provider_kit.adapter import KnowsModels, ListsModels
from triptych.providers import ADAPTERS, row_adapters
from triptych.spec.model import KeyCheck, ModelCard

ALL = {**ADAPTERS, **row_adapters()}
LISTS = ("aihorde", "google", "openai", "openrouter", "together", "xai")
"""Of those that have an emulator."""


def told(emulators: Emulators, name: str) -> HttpResponse:
    adapter, emulator = ALL[name], getattr(emulators, name)
    assert isinstance(adapter, ListsModels)
    asked = adapter.list_request()
    assert asked is not None
    assert asked.method == "GET"
    with httpx.Client(trust_env=False, timeout=90) as client:
        said = client.get(emulator.base_url + asked.url, headers=auth_of(emulator))
    return answer(said.json(), said.status_code, step="check")


def names(name: str, response: HttpResponse) -> list[str]:
    adapter = ALL[name]
    assert isinstance(adapter, ListsModels)
    found = adapter.parse_list(response).detail.get("models", [])
    assert isinstance(found, list)
    return [str(one) for one in found]


@pytest.mark.parametrize("name", LISTS)
def test_a_card_that_is_gone_and_a_model_that_is_new_are_found(emulators: Emulators, name: str) -> None:
    listed = names(name, told(emulators, name))
    assert listed
    card = next(iter(card for card in CARDS.values() if card.provider in {name, "openai"}))
    kept = replace(card, provider_model_id=listed[0])
    gone = replace(card, id=f"{name}/brush-1", provider_model_id="brush-1")
    found = list(compared(name, [kept, gone], [*listed, "a-new-image-model"]))
    assert [one.model for one in found if one.kind == "gone"] == [f"{name}/brush-1"]
    assert any("a-new-image-model" in one.text for one in found if one.kind == "new")
    assert not any(listed[0] in one.text for one in found)


@pytest.mark.parametrize("name", ["aihorde", "google", "openai", "together", "xai"])
def test_the_cards_are_on_the_list_of_their_own_provider(emulators: Emulators, name: str) -> None:
    """The names that are compared are those that requests have."""
    listed = set(names(name, told(emulators, name)))
    assert listed & {card.provider_model_id for card in CARDS.values() if card.provider == name}


def test_what_no_worker_has_now_is_not_on_the_horde_s_list() -> None:
    rows = [{"name": "Deliberate", "count": 3, "type": "image"}, {"name": "SDXL 1.0", "count": 0, "type": "image"}]
    assert names("aihorde", answer(rows)) == ["Deliberate"]
    adapter = ALL["aihorde"]
    assert isinstance(adapter, ListsModels)
    assert adapter.parse_list(answer({"message": "down"}, 500)).ok is False


def test_a_list_without_an_envelope_is_one_too() -> None:
    assert names("together", answer([{"id": "black-forest-labs/FLUX.2-pro", "type": "image"}])) == [
        "black-forest-labs/FLUX.2-pro"
    ]


@pytest.mark.parametrize("body", [{}, [], {"data": [{}]}, {"data": "x"}, None, {"models": [1]}])
@pytest.mark.parametrize("name", LISTS)
def test_no_names_are_no_list(name: str, body: object) -> None:
    assert names(name, answer(body)) == []


def test_openrouter_s_own_package_reads_the_emulator_s_list(emulators: Emulators) -> None:
    found = ImageModelsListResponse.model_validate_json(told(emulators, "openrouter").body)
    assert [one.id for one in found.data] == names("openrouter", told(emulators, "openrouter"))


@pytest.mark.parametrize("name", ["azure", "deepinfra", "sglang"])
def test_a_list_of_something_else_is_not_asked_for(name: str) -> None:
    adapter = ALL[name]
    assert isinstance(adapter, ListsModels)
    assert adapter.list_request() is None


# One at a time.

LOOKS = ("huggingface", "replicate")


def looked_up(emulators: Emulators, card: ModelCard) -> KeyCheck:
    adapter, emulator = ALL[card.provider], getattr(emulators, card.provider)
    assert isinstance(adapter, KnowsModels)
    asked = adapter.look_request(card)
    assert asked.method == "GET"
    url = (
        asked.url.replace("https://huggingface.co", emulator.base_url)
        if "://" in asked.url
        else emulator.base_url + asked.url
    )
    with httpx.Client(trust_env=False, timeout=90) as client:
        said = client.get(url, headers={} if "://" in asked.url else auth_of(emulator))
    return adapter.parse_look(answer(said.json(), said.status_code, step="check"), card)


@pytest.mark.parametrize("card", [card for card in CARDS.values() if card.provider in LOOKS], ids=lambda card: card.id)
def test_every_card_is_there_and_one_that_is_gone_is_not(emulators: Emulators, card: ModelCard) -> None:
    assert looked_up(emulators, card).detail == {"there": True}
    other = {name: value for name, value in card.extra.items() if name != "hub"}
    gone = looked_up(emulators, replace(card, provider_model_id="acme/brush-1", extra=other))
    assert (gone.ok, gone.detail) == (True, {"there": False})


def test_a_model_that_its_company_has_given_up_is_not_there(emulators: Emulators) -> None:
    card = CARDS["huggingface/sdxl-1.0"]
    assert looked_up(emulators, replace(card, extra={"through": "nscale"})).detail == {"there": False}


def test_a_version_is_looked_up_by_its_id(emulators: Emulators) -> None:
    card = CARDS["replicate/flux.1-dev"]
    version = next(one for one, name in VERSIONS.items() if name == card.provider_model_id)
    assert looked_up(emulators, replace(card, extra={"version": version})).detail == {"there": True}
    assert looked_up(emulators, replace(card, extra={"version": "0" * 64})).detail == {"there": False}


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize(("body", "status"), [({"error": "x"}, 500), ({"error": "x"}, 401), ([], 429)])
def test_a_fault_says_nothing_of_what_is_there(name: str, body: object, status: int) -> None:
    adapter, card = ALL[name], next(card for card in CARDS.values() if card.provider == name)
    assert isinstance(adapter, KnowsModels)
    found = adapter.parse_look(answer(body, status, step="check"), card)
    assert not found.ok
    assert "there" not in found.detail


@pytest.mark.parametrize("body", [{}, [], None, {"inferenceProviderMapping": []}, {"inferenceProviderMapping": None}])
def test_a_page_without_companies_says_nothing(body: object) -> None:
    adapter = ALL["huggingface"]
    assert isinstance(adapter, KnowsModels)
    assert adapter.parse_look(answer(body), CARDS["huggingface/sdxl-1.0"]).detail == {}


class Looks(Toy):
    """Tells of one model at a time, at its own address or on a page elsewhere."""

    page: str = "/models/one"

    def look_request(self, card: ModelCard) -> HttpRequest:
        return HttpRequest(method="GET", url=self.page, step="check")

    def parse_look(self, response: HttpResponse, card: ModelCard) -> KeyCheck:
        return KeyCheck(ok=True, message="", detail={"there": response.status == 200})


class Elsewhere(Looks):
    page = "https://hub.toy.example/one"


async def test_one_model_is_looked_up_with_the_key_at_the_provider_s_own_address() -> None:
    bench = Bench(ok(), adapter=Looks())
    found = await bench.model.list_models()
    assert found is not None
    assert found.detail == {"there": True}
    (sent,) = bench.transport.seen
    assert (sent.url, sent.headers["Authorization"]) == ("https://api.toy.example/v1/models/one", f"Bearer {KEY}")


async def test_a_page_elsewhere_is_opened_without_the_key_and_only_for_the_provider_s_own_address() -> None:
    bench = Bench(ok(), adapter=Elsewhere())
    assert await bench.model.list_models() is not None
    (sent,) = bench.transport.seen
    assert (sent.url, sent.headers.get("Authorization"), bench.transport.guarded) == (Elsewhere.page, None, [True])
    own = Bench(ok(), adapter=Elsewhere(), base_url="https://relay.example/v1")
    assert await own.model.list_models() is None
    assert own.log == []


async def test_who_has_no_list_is_not_asked() -> None:
    bench = Bench(ok())
    assert not isinstance(bench.model.adapter, ListsModels)
    assert await bench.model.list_models() is None
    assert bench.log == []
