"""What a user sees of everything that a provider can do wrong: the tile's state, its sentence, its bill, the books."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.emulators import Emulator, Emulators, Gate, Kind, Scenario
from tests.integration.place import Place

MODELS = {
    "google": "google/gemini-3.1-flash-image", "ark": "bytedance/seedream-4.5", "xai": "xai/grok-imagine-image",
    "openai": "openai/gpt-image-2", "relay": "relay/picture", "together": "together/flux.1-schnell",
    "aihorde": "aihorde/flux.1-schnell", "bfl": "bfl/flux-2-pro", "fal": "fal/flux.1-dev",
    "replicate": "replicate/flux.1-dev", "stability": "stability/stable-image-core",
    "ideogram": "ideogram/ideogram-v3", "recraft": "recraft/recraftv4_1", "minimax": "minimax/image-01", "alibaba": "alibaba/wan2.7-image",
    "huggingface": "huggingface/flux.1-schnell", "openrouter": "openrouter/seedream-4.5", "fireworks": "fireworks/flux.1-schnell-fp8",
    "vertex": "vertex/gemini-3.1-flash-image", "tokenhub": "tokenhub/seedream-5.0-lite",
}  # fmt: skip
PAID = ("google", "ark", "xai", "openai", "relay", "together")
PRICED = ("google", "ark", "xai", "openai", "relay")
UNTOLD = ("google", "ark", "openai", "relay", "together")  # xAI names its charge in every answer
EVERY = tuple(MODELS)
BUSY = tuple(vendor for vendor in MODELS if vendor != "tokenhub")  # which has no word for it that is known


def emulator(emulators: Emulators, vendor: str) -> Emulator:
    found: Emulator = getattr(emulators, vendor)
    return found


@dataclass(frozen=True)
class Seen:
    """What a fault looks like. `words` are in the sentence, `next` in the hint; `truth` says whether the provider's
    charge is known here, so that the books must agree with it."""

    state: str
    code: str
    billed: str
    words: str
    next: str = ""
    truth: bool = False


AMBIGUOUS = Seen("failed", "ambiguous", "unknown", "no whole answer came back", "usage page before you make it again")
DAMAGED = Seen("failed", "provider_failed", "unknown", "broke off or is damaged", "may have been billed")
NOTHING = Seen("failed", "no_image", "unknown", "answered without a picture", "another model")
KEY = Seen("failed", "auth", "no", "does not accept the key", "Check the key", truth=True)
CREDIT = Seen("failed", "billing", "no", "has no credit", "", truth=True)
BLOCKED_FREE = Seen("blocked", "blocked", "no", "refused", "Reword the prompt", truth=True)
BLOCKED = Seen("blocked", "blocked", "unknown", "refused this by its content rules", "Reword the prompt")
FAILED = Seen("failed", "provider_failed", "unknown", "failed", "try again")
BOMB = Seen("failed", "hostile_content", "yes", "claims 60000x60000 pixels", "not decoded", truth=True)
CUT_PICTURE = Seen("failed", "hostile_content", "yes", "cut off or damaged", "Retry", truth=True)
DISGUISED = Seen("failed", "no_image", "yes", "not a picture but image/svg+xml", "", truth=True)
TEXT = Seen("failed", "no_image", "yes", "not a picture but 56 bytes of something else", "", truth=True)
WRONG = Seen("failed", "rejected", "no", "says that the request is wrong", "Change the setting", truth=True)
REGION = Seen("failed", "model_unavailable", "no", "does not serve this region", "works from here", truth=True)
GONE = Seen("failed", "model_unavailable", "no", "does not offer this model", "Choose another model", truth=True)


def each(vendors: tuple[str, ...], kind: Kind, seen: Seen) -> list[Any]:
    return [pytest.param(vendor, kind, seen, id=f"{vendor}-{kind.value}") for vendor in vendors]


FAULTS = [
    *each(PAID, Kind.CUT_BEFORE_READ, AMBIGUOUS),
    *each(PAID, Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(PAID, Kind.TRUNCATED_BODY, AMBIGUOUS),
    *each(PAID, Kind.HALF_JSON, DAMAGED),
    *each(PAID, Kind.INVALID_JSON, DAMAGED),
    *each(PAID, Kind.EMPTY_BODY, DAMAGED),
    *each(UNTOLD, Kind.EMPTY_DATA, NOTHING),
    *each(UNTOLD, Kind.INVALID_BASE64, NOTHING),
    *each(("xai",), Kind.EMPTY_DATA, replace(NOTHING, billed="yes", truth=True)),
    *each(("xai",), Kind.INVALID_BASE64, replace(NOTHING, billed="yes", truth=True)),
    *each(PAID, Kind.WRONG_KEY, KEY),
    *each(PAID, Kind.FORBIDDEN, KEY),
    *each(PAID, Kind.NO_CREDIT, CREDIT),
    *each(("google", "openai"), Kind.WRONG_REGION, REGION),
    *each(PAID, Kind.SERVER_ERROR, FAILED),
    *each(PAID, Kind.HTML_502, FAILED),
    *each(PAID, Kind.UNKNOWN_FIELD, WRONG),
    *each(PAID, Kind.UNKNOWN_MODEL, GONE),
    *each(PRICED, Kind.PIXEL_BOMB, BOMB),
    *each(PRICED, Kind.HALF_IMAGE, CUT_PICTURE),
    *each(PRICED, Kind.SVG_AS_PNG, DISGUISED),
    *each(PRICED, Kind.TEXT_AS_PNG, TEXT),
    *each(("google", "ark"), Kind.MODERATION_INPUT, BLOCKED_FREE),
    *each(("google", "ark"), Kind.MODERATION_FREE, BLOCKED_FREE),
    *each(("xai", "openai", "relay", "together"), Kind.MODERATION_INPUT, BLOCKED),
    *each(("xai", "openai", "relay", "together"), Kind.MODERATION_FREE, BLOCKED),
    *each(("xai",), Kind.MODERATION_BILLED,
          Seen("blocked", "blocked", "yes", "rejected by content moderation", "Reword the prompt", truth=True)),
    *each(("google",), Kind.REFUSAL,
          Seen("failed", "provider_failed", "no", "You will not be charged", "Reword the prompt", truth=True)),
    *each(("ark",), Kind.REFUSAL, BLOCKED_FREE),
    *each(("xai",), Kind.REFUSAL,
          Seen("blocked", "blocked", "yes", "refused by a content rule", "Reword the prompt", truth=True)),
    *each(("openai",), Kind.REFUSAL, NOTHING),
    *each(("relay", "together"), Kind.REFUSAL, FAILED),
    *each(("google",), Kind.QUOTA, Seen("failed", "rate_limited", "no", "exceeded your current quota", "Wait", truth=True)),
    *each(("openai",), Kind.QUOTA, CREDIT),
    *each(("bfl",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("bfl",), Kind.HALF_JSON, DAMAGED),
    *each(("bfl",), Kind.WRONG_KEY, KEY),
    *each(("bfl",), Kind.NO_CREDIT, CREDIT),
    *each(("bfl",), Kind.SERVER_ERROR, FAILED),
    *each(("bfl",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("bfl",), Kind.UNKNOWN_MODEL, GONE),
    *each(("bfl",), Kind.PIXEL_BOMB, BOMB),
    *each(("bfl",), Kind.EMPTY_DATA, Seen("failed", "no_image", "unknown", "without a picture", "")),
    *each(("bfl",), Kind.JOB_FAULTED, Seen("failed", "provider_failed", "unknown", "gave the task up: worker lost", "another model")),
    *each(("bfl",), Kind.MODERATION_INPUT,
          Seen("blocked", "blocked", "no", "refused the prompt or its pictures by its content rules: Violence", "Reword", truth=True)),
    *each(("bfl",), Kind.JOB_CENSORED,
          Seen("blocked", "blocked", "unknown", "held the picture back by its content rules", "Reword")),
    *each(("fal",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("fal",), Kind.HALF_JSON, DAMAGED),
    *each(("fal",), Kind.WRONG_KEY, KEY),
    *each(("fal",), Kind.NO_CREDIT, CREDIT),
    *each(("fal",), Kind.SERVER_ERROR, FAILED),
    *each(("fal",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("fal",), Kind.UNKNOWN_MODEL, GONE),
    *each(("fal",), Kind.PIXEL_BOMB, BOMB),
    *each(("fal",), Kind.EMPTY_DATA, NOTHING),
    *each(("fal",), Kind.JOB_FAULTED, Seen("failed", "provider_failed", "no", "Runner was lost", "another model", truth=True)),
    *each(("fal",), Kind.MODERATION_INPUT, BLOCKED),
    *each(("stability",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("stability",), Kind.HALF_JSON, DAMAGED),
    *each(("stability",), Kind.WRONG_KEY, KEY),
    *each(("stability",), Kind.NO_CREDIT, CREDIT),
    *each(("stability",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("stability",), Kind.PIXEL_BOMB, BOMB),
    *each(("stability",), Kind.INVALID_BASE64, NOTHING),
    *each(("stability",), Kind.MODERATION_INPUT, BLOCKED_FREE),
    *each(("stability",), Kind.REFUSAL, Seen("blocked", "blocked", "unknown", "answered with a blurred picture", "Reword")),
    *each(("ideogram",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("ideogram",), Kind.HALF_JSON, DAMAGED),
    *each(("ideogram",), Kind.WRONG_KEY, KEY),
    *each(("ideogram",), Kind.NO_CREDIT, CREDIT),
    *each(("ideogram",), Kind.SERVER_ERROR, FAILED),
    *each(("ideogram",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("ideogram",), Kind.PIXEL_BOMB, BOMB),
    *each(("ideogram",), Kind.EMPTY_DATA, NOTHING),
    *each(("ideogram",), Kind.MODERATION_INPUT, BLOCKED),
    *each(("ideogram",), Kind.REFUSAL, Seen("blocked", "blocked", "unknown", "held the picture back by its content rules", "Reword")),
    *each(("recraft",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("recraft",), Kind.HALF_JSON, DAMAGED),
    *each(("recraft",), Kind.WRONG_KEY, KEY),
    *each(("recraft",), Kind.NO_CREDIT, CREDIT),
    *each(("recraft",), Kind.SERVER_ERROR, FAILED),
    *each(("recraft",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("recraft",), Kind.PIXEL_BOMB, BOMB),
    *each(("recraft",), Kind.INVALID_BASE64, NOTHING),
    *each(("recraft",), Kind.EMPTY_DATA, NOTHING),
    *each(("recraft",), Kind.MODERATION_INPUT, BLOCKED),
    *each(("alibaba",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("alibaba",), Kind.HALF_JSON, DAMAGED),
    *each(("alibaba",), Kind.WRONG_KEY, KEY),
    *each(("alibaba",), Kind.FORBIDDEN, KEY),
    *each(("alibaba",), Kind.NO_CREDIT, CREDIT),
    *each(("alibaba",), Kind.SERVER_ERROR, FAILED),
    *each(("alibaba",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("alibaba",), Kind.UNKNOWN_MODEL, GONE),
    *each(("alibaba",), Kind.EMPTY_DATA, NOTHING),
    *each(("alibaba",), Kind.JOB_FAULTED, Seen("failed", "provider_failed", "unknown", "The worker was lost", "another model")),
    *each(("alibaba",), Kind.JOB_LOST, Seen("failed", "expired", "unknown", "no longer has this task")),
    *each(("alibaba",), Kind.MODERATION_INPUT, Seen("blocked", "blocked", "unknown", "Input data may contain", "Reword")),
    *each(("alibaba",), Kind.JOB_CENSORED, Seen("blocked", "blocked", "unknown", "Output data may contain", "Reword")),
    *each(("minimax",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("minimax",), Kind.HALF_JSON, DAMAGED),
    *each(("minimax",), Kind.WRONG_KEY, KEY),
    *each(("minimax",), Kind.NO_CREDIT, CREDIT),
    *each(("minimax",), Kind.SERVER_ERROR, FAILED),
    *each(("minimax",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("minimax",), Kind.INVALID_BASE64, NOTHING),
    *each(("minimax",), Kind.EMPTY_DATA, NOTHING),
    *each(("minimax",), Kind.REFUSAL, NOTHING),
    *each(("minimax",), Kind.MODERATION_INPUT, BLOCKED),
    *each(("huggingface",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("huggingface",), Kind.HALF_IMAGE, replace(CUT_PICTURE, truth=False)),
    *each(("huggingface",), Kind.TEXT_AS_PNG, DAMAGED),
    *each(("huggingface",), Kind.SVG_AS_PNG, replace(DISGUISED, truth=False)),
    *each(("huggingface",), Kind.EMPTY_DATA, DAMAGED),
    *each(("huggingface",), Kind.WRONG_KEY, KEY),
    *each(("huggingface",), Kind.FORBIDDEN, KEY),
    *each(("huggingface",), Kind.NO_CREDIT, CREDIT),
    *each(("huggingface",), Kind.SERVER_ERROR, FAILED),
    *each(("huggingface",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("huggingface",), Kind.UNKNOWN_MODEL, GONE),
    *each(("huggingface",), Kind.MODERATION_INPUT, BLOCKED),
    *each(("fireworks",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("fireworks",), Kind.HALF_IMAGE, replace(CUT_PICTURE, truth=False)),
    *each(("fireworks",), Kind.EMPTY_DATA, DAMAGED),
    *each(("fireworks",), Kind.WRONG_KEY, KEY),
    *each(("fireworks",), Kind.NO_CREDIT, CREDIT),
    *each(("fireworks",), Kind.SERVER_ERROR, FAILED),
    *each(("fireworks",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("fireworks",), Kind.UNKNOWN_MODEL, GONE),
    *each(("fireworks",), Kind.REFUSAL, Seen("blocked", "blocked", "unknown", "held the picture back by its content rules", "Reword")),
    *each(("openrouter",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("openrouter",), Kind.HALF_JSON, DAMAGED),
    *each(("openrouter",), Kind.PIXEL_BOMB, BOMB),
    *each(("openrouter",), Kind.EMPTY_DATA, NOTHING),
    *each(("openrouter",), Kind.WRONG_KEY, KEY),
    *each(("openrouter",), Kind.FORBIDDEN, KEY),
    *each(("openrouter",), Kind.NO_CREDIT, CREDIT),
    *each(("openrouter",), Kind.SERVER_ERROR, FAILED),
    *each(("openrouter",), Kind.REFUSAL, FAILED),
    *each(("openrouter",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("openrouter",), Kind.UNKNOWN_MODEL, GONE),
    *each(("openrouter",), Kind.MODERATION_INPUT, BLOCKED),
    *each(("vertex", "tokenhub"), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("vertex", "tokenhub"), Kind.HALF_JSON, DAMAGED),
    *each(("vertex", "tokenhub"), Kind.EMPTY_DATA, NOTHING),
    *each(("vertex", "tokenhub"), Kind.INVALID_BASE64, NOTHING),
    *each(("vertex", "tokenhub"), Kind.PIXEL_BOMB, BOMB),
    *each(("vertex", "tokenhub"), Kind.SVG_AS_PNG, DISGUISED),
    *each(("vertex", "tokenhub"), Kind.WRONG_KEY, KEY),
    *each(("vertex", "tokenhub"), Kind.FORBIDDEN, KEY),
    *each(("tokenhub",), Kind.NO_CREDIT, CREDIT),
    *each(("vertex",), Kind.NO_CREDIT, replace(CREDIT, next="of the Google Cloud console")),
    *each(("vertex", "tokenhub"), Kind.SERVER_ERROR, FAILED),
    *each(("vertex", "tokenhub"), Kind.UNKNOWN_FIELD, WRONG),
    *each(("vertex",), Kind.UNKNOWN_MODEL, GONE),
    *each(("vertex",), Kind.MODERATION_INPUT, replace(BLOCKED_FREE, words="Google Vertex AI refused the prompt")),
    *each(("vertex",), Kind.MODERATION_FREE, BLOCKED_FREE),
    *each(("vertex",), Kind.REFUSAL,
          Seen("failed", "provider_failed", "no", "You will not be charged", "Reword the prompt", truth=True)),
    *each(("tokenhub",), Kind.MODERATION_INPUT, BLOCKED),
    *each(("replicate",), Kind.CUT_AFTER_READ, AMBIGUOUS),
    *each(("replicate",), Kind.HALF_JSON, DAMAGED),
    *each(("replicate",), Kind.WRONG_KEY, KEY),
    *each(("replicate",), Kind.NO_CREDIT, CREDIT),
    *each(("replicate",), Kind.UNKNOWN_FIELD, WRONG),
    *each(("replicate",), Kind.UNKNOWN_MODEL, GONE),
    *each(("replicate",), Kind.JOB_FAULTED, Seen("failed", "provider_failed", "unknown", "CUDA out of memory", "another model")),
    *each(("replicate",), Kind.MODERATION_INPUT, Seen("blocked", "blocked", "unknown", "NSFW content detected", "Reword")),
    *each(("fal",), Kind.JOB_CENSORED, Seen("blocked", "blocked", "unknown", "replaced the picture by a black one", "Reword")),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "kind", "seen"), FAULTS)
def test_a_fault_is_told_with_its_cause_its_bill_and_the_next_step(
    place: Place, vendor: str, kind: Kind, seen: Seen
) -> None:
    one = emulator(place.emulators, vendor)
    one.play(kind)
    tile = place.make("a kettle", MODELS[vendor])
    error = tile["error"]
    assert (tile["state"], error["code"], tile["billed"], error["billed"]) == (
        seen.state, seen.code, seen.billed, seen.billed,
    )  # fmt: skip
    assert seen.words in error["message"]
    assert error["hint"], "no error is without a way out"
    assert seen.next.lower() in error["hint"].lower()
    assert tile["images"] == []
    assert len(one.submits) == (0 if kind is Kind.CUT_BEFORE_READ else 1)
    assert one.key not in str(tile)
    booked = place.charged(tile["id"])
    if seen.billed == "no":
        assert tile["cost"] is None
        assert booked == 0
    elif seen.billed == "unknown":
        assert tile["cost"] == {"amount_micro_usd": None, "source": "unknown"}
    if seen.truth:
        assert booked == one.charged_micro_usd
        assert seen.billed == "no" or tile["cost"]["amount_micro_usd"] == booked
    again = place.post(f"/api/tiles/{tile['id']}/retry", {})
    if kind is Kind.QUOTA:
        return  # see the next test
    if seen.billed == "unknown":
        assert again.status_code == 409  # only on a person's word
        assert again.json()["error"]["param"] == "confirm"
    else:
        assert again.status_code == 202
        assert place.ended(again.json()["id"])["state"] == "done"


def test_a_quota_of_the_day_holds_the_model_back_until_the_key_is_checked_again(place: Place) -> None:
    place.emulators.google.play(Kind.QUOTA)
    place.make("a kettle", MODELS["google"])
    listed = {m["id"]: m for m in place.get("/api/models").json()["models"]}
    assert listed[MODELS["google"]]["state"] == "limited"
    assert "exceeded your current quota" in listed[MODELS["google"]]["reason"]
    asked = {"text": "a kettle", "models": [MODELS["google"]]}
    plan = place.post("/api/plan", asked).json()
    assert (plan["images"], plan["allowed"]) == (0, False)
    assert "It may be called again in 3600 s" in plan["per_model"][MODELS["google"]]["reason"]
    refused = place.post("/api/runs", asked)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == plan["reason"]
    assert len(place.emulators.google.submits) == 1
    assert place.post("/api/providers/google/check", {}).json()["check"]["ok"] is True
    assert place.make("a kettle", MODELS["google"])["state"] == "done"


@pytest.mark.parametrize("vendor", EVERY)
def test_a_success_costs_what_the_provider_charges(place: Place, vendor: str) -> None:
    one = emulator(place.emulators, vendor)
    switch_horde_on(place)
    tile = place.make("a kettle", MODELS[vendor])
    assert (tile["state"], tile["error"]) == ("done", None)
    assert len(one.submits) == 1
    assert place.get(tile["images"][0]["url"]).status_code == 200
    if vendor in (
        "together",
        "replicate",
        "alibaba",
        "minimax",
        "huggingface",
        "fireworks",
    ):  # nobody published this price
        assert tile["cost"] == {"amount_micro_usd": None, "source": "unknown"}
        return
    assert place.charged(tile["id"]) == tile["cost"]["amount_micro_usd"] == one.charged_micro_usd
    assert tile["billed"] == ("no" if vendor == "aihorde" else "yes")


@pytest.mark.parametrize("vendor", PAID)
def test_a_picture_of_another_format_than_it_says_is_taken_for_what_it_is(place: Place, vendor: str) -> None:
    emulator(place.emulators, vendor).play(Kind.WRONG_MIME)
    tile = place.make("a kettle", MODELS[vendor])
    picture = place.get(tile["images"][0]["url"])
    assert picture.headers["content-type"] == tile["images"][0]["media_type"]
    assert picture.content[:4] in {b"\x89PNG", b"\xff\xd8\xff\xe0"}


HINTS = [("google", 12.0), ("openai", 12.0), ("relay", 12.0), ("together", 12.0), ("aihorde", 12.0),
         ("ark", None), ("xai", None), ("bfl", None), ("fal", None), ("replicate", 8.0), ("stability", None), ("ideogram", None), ("recraft", None), ("minimax", None), ("alibaba", None), ("huggingface", None), ("openrouter", 12.0), ("fireworks", None), ("vertex", 12.0), ("tokenhub", None)]  # fmt: skip


@pytest.mark.parametrize(("vendor", "hint"), HINTS)
def test_a_rate_limit_is_waited_out_as_long_as_the_provider_says(place: Place, vendor: str, hint: float | None) -> None:
    one = emulator(place.emulators, vendor)
    switch_horde_on(place)
    one.play(Scenario(Kind.RATE_LIMIT, retry_after_s=hint))
    place.clock.waits.clear()
    tile = place.make("a kettle", MODELS[vendor])
    assert tile["state"] == "done"
    assert len(one.submits) == 2
    waited = max(place.clock.waits)
    assert waited >= (hint or 1.0)
    attempts = place.get(f"/api/tiles/{tile['id']}").json()["attempts"]
    assert [(a["outcome"], a["billed"]) for a in attempts] == [
        ("failed", "no"), ("done", "no" if vendor == "aihorde" else "yes"),
    ]  # fmt: skip
    assert attempts[0]["error"]["code"] == "rate_limited"
    if vendor in PRICED:
        assert place.charged(tile["id"]) == one.charged_micro_usd


@pytest.mark.parametrize("vendor", BUSY)
def test_a_provider_that_is_too_busy_is_tried_again(place: Place, vendor: str) -> None:
    one = emulator(place.emulators, vendor)
    switch_horde_on(place)
    one.play(Scenario(Kind.OVERLOADED, times=2))
    assert place.make("a kettle", MODELS[vendor])["state"] == "done"
    assert len(one.submits) == 3


def test_a_provider_that_stays_too_busy_is_given_up_with_the_reason(place: Place) -> None:
    place.emulators.google.play(Scenario(Kind.OVERLOADED, times=0))
    tile = place.make("a kettle", MODELS["google"])
    assert (tile["state"], tile["error"]["code"], tile["billed"]) == ("failed", "capacity", "no")
    assert "too busy" in tile["error"]["message"]
    assert len(place.emulators.google.submits) == 3
    assert place.charged(tile["id"]) == 0


def test_a_wait_is_shown_with_its_length_and_can_be_ended(place: Place) -> None:
    place.emulators.openai.play(Scenario(Kind.RATE_LIMIT, retry_after_s=30))
    since = place.app.bus.last_id()
    tile = place.make("a kettle", MODELS["openai"])
    waiting = [e for e in place.events(since) if e.get("state") == "waiting" and e["id"] == tile["id"]]
    assert waiting[0]["retry"]["in_s"] >= 30
    assert (waiting[0]["retry"]["attempt"], waiting[0]["retry"]["of"]) == (2, 3)
    assert "slow down" in waiting[0]["note"]
    late = place.post(f"/api/tiles/{tile['id']}/retry-now", {})
    assert late.status_code == 409


def test_a_slow_provider_is_shown_as_sent_until_it_answers(place: Place) -> None:
    gate = Gate()
    place.emulators.xai.play(Scenario(gate=gate))
    tile = place.start("a kettle", MODELS["xai"])["tiles"][0]
    assert tile["state"] == "queued"
    gate.wait_reached()
    during = place.tile(tile["id"])
    assert (during["state"], during["cancellable"], during["images"]) == ("sent", True, [])
    gate.release()
    assert place.ended(tile["id"])["state"] == "done"


def test_a_cancelled_call_says_that_it_may_have_been_billed(place: Place) -> None:
    gate = Gate()
    place.emulators.xai.play(Scenario(gate=gate))
    tile = place.start("a kettle", MODELS["xai"])["tiles"][0]
    gate.wait_reached()
    answer = place.post(f"/api/tiles/{tile['id']}/cancel", {})
    gate.release()
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["billed"]) == ("cancelled", "unknown")
    assert "may have been billed" in answer.json()["error"]["message"]
    place.charged(tile["id"])
    spend = place.get("/api/spend").json()
    assert spend["today"]["unknown"] >= 1


@pytest.mark.parametrize("vendor", ["xai", "openai", "relay", "aihorde", "ideogram", "minimax"])
def test_pictures_that_came_are_kept_when_others_did_not(place: Place, vendor: str) -> None:
    one = emulator(place.emulators, vendor)
    switch_horde_on(place)
    one.play(Scenario(Kind.PARTIAL, fail_indexes=(1,)))
    n = 4 if vendor == "aihorde" else 3
    answer = place.http.post(
        f"{place.url}/v1/images/generations", json={"model": MODELS[vendor], "prompt": "x", "n": n}
    ).json()
    expected = 2 if vendor == "relay" else n - 1
    if vendor == "relay":  # one call a picture: only the first of them is spoiled, and it has no second picture
        expected = n
    assert len(answer["data"]) == expected
    facts = answer["triptych"]
    assert place.charged(facts["tile"]) == (facts["cost"]["amount_micro_usd"] or 0)
    if vendor == "xai":
        said = next(w for w in facts["warnings"] if w["feature"] == "pictures")
        assert "1 of 3 pictures did not come" in said["detail"]
        assert facts["cost"]["amount_micro_usd"] == one.charged_micro_usd


# Results behind an address.


@pytest.mark.parametrize("model", ["relay/only-url", "aihorde/flux.1-schnell"])
def test_a_result_on_another_host_is_fetched_without_the_key(place: Place, model: str) -> None:
    switch_horde_on(place)
    tile = place.make("a kettle", model)
    assert tile["state"] == "done"
    fetched = [one for one in place.emulators.files.requests if one.step == "file"]
    assert len(fetched) == 1
    assert "authorization" not in fetched[0].headers
    assert "apikey" not in fetched[0].headers
    assert place.emulators.files.violations == []


ADDRESSES = [
    (Scenario(Kind.URL_PRIVATE), "hostile_content", "without encryption was refused (host 10.255.255.1)"),
    (Scenario(Kind.URL_PRIVATE, url="https://10.1.2.3/p.png"), "hostile_content", "not public was refused (host 10.1.2.3)"),
    (Scenario(Kind.URL_PRIVATE, url="https://localhost/p.png"), "hostile_content", "not public was refused"),
    (Scenario(Kind.URL_PRIVATE, url="https://[fd00::1]/p.png"), "hostile_content", "not public was refused"),
    (Scenario(Kind.URL_PRIVATE, url="file:///etc/passwd"), "hostile_content", ""),
    (Scenario(Kind.URL_REDIRECT_PRIVATE, url="https://169.254.169.254/meta"), "hostile_content", "not public was refused"),
    (Scenario(Kind.URL_EXPIRED), "expired", "made but could not be fetched: its address answers 403"),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "code", "words"), ADDRESSES)
def test_an_address_that_may_not_or_cannot_be_opened(place: Place, scenario: Scenario, code: str, words: str) -> None:
    place.emulators.relay.play(scenario)
    tile = place.make("a kettle", "relay/only-url")
    assert (tile["state"], tile["error"]["code"], tile["billed"]) == ("failed", code, "yes")
    assert words in tile["error"]["message"]
    assert place.charged(tile["id"]) == place.emulators.relay.charged_micro_usd == 10_000
    assert len(place.emulators.relay.submits) == 1


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.OVERLOADED])
def test_a_fetch_that_fails_once_is_made_again_and_the_picture_is_not_ordered_twice(place: Place, kind: Kind) -> None:
    place.emulators.files.play(kind)
    tile = place.make("a kettle", "relay/only-url")
    assert tile["state"] == "done"
    assert len(place.emulators.relay.submits) == 1
    assert len(place.emulators.files.requests) == 2


@pytest.mark.parametrize("kind", [Kind.SVG_AS_PNG, Kind.TEXT_AS_PNG, Kind.PIXEL_BOMB, Kind.HALF_IMAGE])
def test_a_file_that_is_no_picture(place: Place, kind: Kind) -> None:
    place.emulators.files.play(kind)
    tile = place.make("a kettle", "relay/only-url")
    assert (tile["state"], tile["billed"], tile["images"]) == ("failed", "yes", [])
    assert place.charged(tile["id"]) == 10_000


# Jobs of the community lane.


def switch_horde_on(place: Place) -> None:
    answer = place.send("PUT", "/api/providers/aihorde/consent", {"given": True})
    assert answer.status_code == 200


JOBS = [
    (Kind.JOB_ENDLESS, "failed", "ambiguous", "did not finish it in time"),
    (Kind.JOB_LOST, "failed", "expired", "no longer has this job"),
    (Kind.JOB_FAULTED, "failed", "provider_failed", "gave this job up"),
    (Kind.JOB_IMPOSSIBLE, "failed", "capacity", "No worker of the AI Horde can serve this request now"),
    (Kind.JOB_CENSORED, "blocked", "blocked", "censored the picture"),
    (Kind.MODERATION_INPUT, "blocked", "blocked", "violate our terms"),
    (Kind.NO_CREDIT, "failed", "billing", "kudos"),
    (Kind.WRONG_KEY, "failed", "auth", "No user matching sent API Key"),
    (Kind.CUT_AFTER_READ, "failed", "ambiguous", "no whole answer came back"),
    (Kind.INVALID_JSON, "failed", "provider_failed", "damaged"),
]


@pytest.mark.parametrize(("kind", "state", "code", "words"), JOBS)
def test_a_job_that_does_not_come_to_its_end(place: Place, kind: Kind, state: str, code: str, words: str) -> None:
    switch_horde_on(place)
    horde = place.emulators.aihorde
    horde.play(kind)
    tile = place.start("a kettle", MODELS["aihorde"])["tiles"][0]
    if kind is Kind.JOB_ENDLESS:
        place.until(tile["id"], lambda t: t["state"] == "working")
        place.clock.ahead += 1790  # of the half hour that this lane may take
    tile = place.ended(tile["id"])
    error = tile["error"]
    assert (tile["state"], error["code"], tile["billed"], error["billed"]) == (state, code, "no", "no")
    assert words in error["message"]
    assert "been billed" not in f"{error['message']} {error['hint']}"  # it costs nothing
    assert len(horde.submits) == 1
    assert place.charged(tile["id"]) == 0


def test_a_job_shows_its_place_in_the_queue(place: Place) -> None:
    switch_horde_on(place)
    since = place.app.bus.last_id()
    place.emulators.aihorde.play(Scenario(polls=4, queue_position=3, wait_time_s=40))
    tile = place.make("a kettle", MODELS["aihorde"])
    seen = [e for e in place.events(since) if e.get("id") == tile["id"]]
    assert next(e["queue_position"] for e in seen if e.get("queue_position")) == 3
    assert any(e.get("eta_s") for e in seen)
    assert tile["state"] == "done"


def test_a_cancelled_job_is_cancelled_at_the_provider(place: Place) -> None:
    switch_horde_on(place)
    gate = Gate()
    place.emulators.aihorde.play(Scenario(final_gate=gate))
    tile = place.start("a kettle", MODELS["aihorde"])["tiles"][0]
    place.until(tile["id"], lambda t: t["state"] == "working")
    answer = place.post(f"/api/tiles/{tile['id']}/cancel", {}).json()
    gate.release()
    assert (answer["state"], answer["billed"]) == ("cancelled", "no")
    assert "not billed" in answer["error"]["message"]
    assert len(place.emulators.aihorde.cancelled) == 1


def test_the_community_lane_says_who_reads_the_prompt_before_it_can_be_used(place: Place) -> None:
    place.send("PUT", "/api/providers/aihorde/consent", {"given": False})
    listed = {p["id"]: p for p in place.get("/api/models").json()["providers"]}
    text = listed["aihorde"]["consent"]["text"]
    assert listed["aihorde"]["consent"]["given"] is False
    assert "read" in text
    assert "publi" in text
    refused = place.post("/api/runs", {"text": "a kettle", "models": [MODELS["aihorde"]]})
    assert refused.status_code == 400
    assert "off until you switch it on" in refused.json()["error"]["message"]
    assert place.emulators.aihorde.requests == []


# What one failure means for the others.


def test_one_failure_leaves_the_other_tiles_of_the_row_alone(place: Place) -> None:
    place.emulators.google.play(Kind.WRONG_KEY)
    run = place.start("a kettle", MODELS["google"], MODELS["xai"], MODELS["openai"])
    states = [place.ended(tile["id"])["state"] for tile in run["tiles"]]
    assert states == ["failed", "done", "done"]


def test_a_failed_tile_can_be_tried_on_another_model(place: Place) -> None:
    place.emulators.ark.play(Kind.MODERATION_INPUT)
    tile = place.make("a kettle", MODELS["ark"])
    other = place.post(f"/api/tiles/{tile['id']}/retry", {"model": MODELS["xai"]})
    assert other.status_code == 202
    ended = place.ended(other.json()["id"])
    assert (ended["state"], ended["model"], ended["retry_of"]) == ("done", MODELS["xai"], tile["id"])
    assert [t["id"] for t in place.get(f"/api/runs/{tile['run']}").json()["tiles"]] == [tile["id"], ended["id"]]


def test_a_model_added_to_a_row_comes_back_as_its_tile(place: Place) -> None:
    first = place.make("a kettle --ar 3:2", MODELS["xai"])
    answer = place.post(f"/api/runs/{first['run']}/tiles", {"model": MODELS["google"]})
    assert answer.status_code == 202
    made = place.ended(answer.json()["id"])
    assert (made["state"], made["model"], made["prompt"]) == ("done", MODELS["google"], "a kettle")
    assert made["ratio"] == 1.5
