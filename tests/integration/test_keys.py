"""What is known of a key: tried, not tried yet, refused; and keys that another process keeps while the server runs."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from tests.emulators import Emulators
from tests.integration.place import Place
from tests.integration.test_onboarding import program

from triptych.app import models
from triptych.app.container import watch_keys
from triptych.store.vault import FileVault


def state_of(place: Place, provider: str) -> str:
    providers = place.http.get(f"{place.url}/api/models").json()["providers"]
    return str(next(p["state"] for p in providers if p["id"] == provider))


def provider_of(place: Place, provider: str) -> Mapping[str, Any]:
    providers: list[dict[str, Any]] = place.get("/api/models").json()["providers"]
    return next(p for p in providers if p["id"] == provider)


def test_a_key_set_beside_a_running_server_is_noticed(own_place: Place) -> None:
    place = own_place.open()
    assert state_of(place, "deepinfra") == "no_key"
    watching = place.loop.start(watch_keys(place.app))
    vault = FileVault(place.data / "keys")
    place.loop.run(vault.put("deepinfra", "not-a-real-key-4f2a"))
    end = time.monotonic() + 60
    while state_of(place, "deepinfra") != "limited":
        assert time.monotonic() < end
    place.loop.run(vault.remove("deepinfra"))
    while state_of(place, "deepinfra") != "no_key":
        assert time.monotonic() < end
    watching.cancel()


def test_a_key_that_nobody_tried_is_amber_until_it_was_accepted(own_place: Place) -> None:
    place = own_place.open()
    before = provider_of(place, "google")
    assert (before["state"], before["reason_code"]) == ("limited", "untested")
    assert before["reason"] == "The key has not been tested yet; it is tried with the first picture."
    models = [m for m in place.get("/api/models").json()["models"] if m["provider"] == "google"]
    assert {(m["state"], m["reason_code"]) for m in models} == {("limited", "untested")}
    checked = place.post("/api/providers/google/check").json()
    assert checked["check"]["ok"] is True
    assert checked["check"]["message"] == "Google accepts the key."
    assert (checked["provider"]["state"], checked["provider"]["reason"]) == ("ready", None)


def test_the_first_picture_proves_a_key(own_place: Place) -> None:
    place = own_place.open()
    since = place.app.bus.last_id()
    assert state_of(place, "xai") == "limited"
    assert place.make("a kettle", "xai/grok-imagine-image-2.0")["state"] == "done"
    assert state_of(place, "xai") == "ready"
    assert any(event["type"] == "models" for event in place.events(since))


def test_keys_are_tried_by_themselves_and_a_refused_one_is_red(
    own_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "TRY_S", 60.0)
    place = own_place
    place.environ = {**place.environ, "XAI_API_KEY": "xai-not-the-right-one"}
    place.open()
    since = place.app.bus.last_id()
    place.do(place.app.models.try_keys())
    assert {name: state_of(place, name) for name in ("google", "openai", "xai")} == {
        "google": "ready", "openai": "ready", "xai": "down",
    }  # fmt: skip
    assert any(event["type"] == "models" for event in place.events(since))
    assert place.post("/api/plan", {"text": "a kettle", "models": ["google/gemini-nano-banana-2.1"]}).json()["allowed"]


def test_a_key_that_cannot_be_tried_is_kept_and_says_so(own_place: Place) -> None:
    place = own_place
    place.environ = {**place.environ, "TRIPTYCH_XAI_BASE_URL": "http://127.0.0.1:9"}
    place.open()
    answer = place.send("PUT", "/api/providers/xai/key", {"key": "xai-" + "k" * 80}).json()
    assert (answer["check"]["ok"], answer["check"]["code"]) == (False, "not_sent")
    assert answer["check"]["message"] == (
        "Kept. It could not be tried: no connection. It will be tried with the first picture."
    )
    assert answer["provider"]["key"]["source"] == "vault"
    assert (answer["provider"]["state"], answer["provider"]["reason_code"]) == ("limited", "untested")
    assert answer["provider"]["reason"].startswith("The key has not been tested yet: no connection; it is tried")


def google(text: str) -> tuple[str, str, int, Any]:
    return (
        "google",
        "/v1beta/models?pageSize=1000",
        400,
        {"error": {"code": 400, "message": text, "status": "FAILED_PRECONDITION"}},
    )


@pytest.mark.parametrize(("said", "code", "words"), [
    (google("User location is not supported for the API use."), "model_unavailable", "does not serve this region"),
    (google("Billing is not enabled for this project."), "billing", "Enable billing for this key's project"),
    (("xai", "/v1/models", 403, {"code": "forbidden", "error": "Your team has used all available credits."}), "billing",
     "Add credit or raise the spending limit"),
])  # fmt: skip
def test_a_key_without_money_or_from_a_wrong_region_is_kept_and_named_as_such(
    own_place: Place, said: tuple[str, str, int, Any], code: str, words: str
) -> None:
    provider, path, status, body = said
    with program({path: body}, status) as (port, _):
        base = f"http://127.0.0.1:{port}"
        own_place.environ = {**own_place.environ, f"TRIPTYCH_{provider.upper()}_BASE_URL": base}
        place = own_place.open()
        answer = place.send("PUT", f"/api/providers/{provider}/key", {"key": "AIza" + "k" * 35}).json()
    assert (answer["check"]["ok"], answer["check"]["code"]) == (False, code)
    assert answer["check"]["message"].startswith("Kept. ")
    assert words in answer["check"]["message"]
    assert "could not be tried" not in answer["check"]["message"]
    told = answer["provider"]
    assert (told["state"], told["reason_code"]) == ("limited", code)
    assert words in told["reason"]
    models = [one for one in place.get("/api/models").json()["models"] if one["provider"] == provider]
    assert {(one["state"], one["reason_code"]) for one in models} == {("limited", code)}


def test_a_provider_without_a_free_call_leaves_its_key_untested(own_place: Place, emulators: Emulators) -> None:
    place = own_place
    place.environ = {**place.environ, "TRIPTYCH_BYTEDANCE_BASE_URL": emulators.ark.url + "/nowhere"}
    place.open()
    answer = place.post("/api/providers/bytedance/check").json()
    assert (answer["check"]["ok"], answer["check"]["code"]) == (False, "unverified")
    assert (answer["provider"]["state"], answer["provider"]["reason_code"]) == ("limited", "untested")


@pytest.mark.parametrize(("key", "provider"), [
    ("xai-short", "xai"), ("tgp_v1_abc", "together"), ("sk-proj-x", "openai"), ("sk-12", "openai"), ("AIzaSy", "google"),
])  # fmt: skip
def test_the_beginning_of_a_key_tells_whose_it_is(place: Place, key: str, provider: str) -> None:
    assert place.post("/api/keys/recognise", {"key": key}).json() == {"providers": [provider]}
