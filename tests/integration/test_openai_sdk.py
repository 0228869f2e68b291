"""The official `openai` package as a client: everything it can ask for, on every back-end."""

import base64
import io
from typing import Any

import openai
import pytest
from PIL import Image
from tests.emulators import Form, Gate, Kind, Scenario
from tests.integration.place import Place

from triptych.imaging.header import header

OPENAI = "openai/gpt-image-2"
GOOGLE = "google/gemini-3.1-flash-image"
XAI = "xai/grok-imagine-image"
SEEDREAM = "bytedance/seedream-4.5"


def png(width: int = 64, height: int = 48, colour: str = "#3b6", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, "PNG")
    return out.getvalue()


def hole(width: int = 64, height: int = 48) -> bytes:
    """A mask: opaque with a transparent middle."""
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (width // 4, height // 4, width // 2, height // 2))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def extra(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_extra["triptych"]
    return found


def test_a_picture_as_base64(place: Place) -> None:
    answer = place.sdk.images.generate(model=OPENAI, prompt="a kettle", size="1536x1024", quality="low")
    assert answer.data is not None
    assert answer.data[0].b64_json is not None
    info = header(base64.b64decode(answer.data[0].b64_json))
    assert (info.width, info.height, info.media_type) == (1536, 1024, "image/png")
    assert (answer.size, answer.output_format, answer.quality) == ("1536x1024", "png", "low")
    assert abs(answer.created - place.clock.now_ms() // 1000) < 10
    facts = extra(answer)
    assert set(facts) == {
        "run", "tile", "endpoint", "model_served", "lane", "attempts", "warnings", "cost", "billed",
        "difference_micro_usd", "estimate", "fee_micro_usd", "receipt", "missing", "error",
    }  # fmt: skip
    assert (facts["fee_micro_usd"], facts["missing"], facts["error"]) == (0, 0, None)
    assert (facts["endpoint"], facts["lane"], facts["billed"]) == (OPENAI, "commercial", "yes")
    assert facts["model_served"]
    assert facts["warnings"] == []
    assert [attempt["outcome"] for attempt in facts["attempts"]] == ["done"]
    assert facts["cost"]["amount_micro_usd"] == place.emulators.openai.charged_micro_usd
    assert facts["cost"]["source"] == "usage"
    assert place.get(f"/api/runs/{facts['run']}").json()["tiles"][0]["id"] == facts["tile"]


def test_a_picture_by_address(place: Place) -> None:
    answer = place.sdk.images.generate(model=OPENAI, prompt="a kettle", response_format="url")
    assert answer.data is not None
    url = answer.data[0].url
    assert url is not None
    assert url.startswith(f"{place.url}/api/images/img_")
    fetched = place.http.get(url)
    assert fetched.status_code == 200
    assert fetched.headers["content-type"] == "image/png"
    assert header(fetched.content).width == 1024


def test_tokens_are_passed_on_as_the_provider_counts_them(place: Place) -> None:
    answer = place.sdk.images.generate(model=OPENAI, prompt="a kettle")
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.usage.input_tokens_details.text_tokens > 0


def test_several_pictures_where_a_provider_has_none_of_it(place: Place) -> None:
    answer = place.sdk.images.generate(model=GOOGLE, prompt="a kettle", n=3)
    assert answer.data is not None
    assert len(answer.data) == 3
    assert len(place.emulators.google.submits) == 3
    facts = extra(answer)
    assert [w["feature"] for w in facts["warnings"]] == ["n"]
    assert set(facts["warnings"][0]) == {"feature", "kind", "detail"}
    assert facts["warnings"][0]["kind"] == "emulated"
    assert len(facts["attempts"]) == 3
    assert facts["cost"]["amount_micro_usd"] == place.emulators.google.charged_micro_usd
    assert all(extra(item)["cost"]["amount_micro_usd"] for item in answer.data)


def test_an_edit_with_a_mask(place: Place) -> None:
    picture, mask = png(), hole()
    answer = place.sdk.images.edit(model=OPENAI, image=("boat.png", picture), mask=("mask.png", mask), prompt="red")
    assert answer.data is not None
    form = place.emulators.openai.submits[0].body
    assert isinstance(form, Form)
    sent_mask = form.file("mask")
    assert sent_mask is not None
    assert sent_mask.data == mask
    assert [part.data for part in form.files if part.name.startswith("image")] == [picture]
    assert form.get("prompt") == "red"


@pytest.mark.parametrize("model", [GOOGLE, XAI, SEEDREAM, OPENAI])
def test_the_same_call_edits_everywhere(place: Place, model: str) -> None:
    answer = place.sdk.images.edit(model=model, image=[("a.png", png()), ("b.png", png(colour="#a21"))], prompt="x")
    assert answer.data is not None
    assert len(answer.data) == 1
    assert extra(answer)["endpoint"] == model


def test_a_stream_with_partial_pictures(place: Place) -> None:
    before = place.clock.now_ms() // 1000
    stream = place.sdk.images.generate(model=OPENAI, prompt="fog", stream=True, partial_images=2, size="1024x1024")
    events = list(stream)
    assert [event.type for event in events] == [
        "image_generation.partial_image", "image_generation.partial_image", "image_generation.completed",
    ]  # fmt: skip
    partials: list[Any] = events[:2]
    assert [event.partial_image_index for event in partials] == [0, 1]
    for event in events:
        made = header(base64.b64decode(event.b64_json))
        assert f"image/{event.output_format}" == made.media_type
        assert 0 <= event.created_at - before < 10
    last: Any = events[-1]
    assert extra(last)["endpoint"] == OPENAI
    assert last.usage.output_tokens > 0
    assert last.size == "1024x1024"


def test_a_stream_of_an_edit(place: Place) -> None:
    stream = place.sdk.images.edit(model=OPENAI, image=("a.png", png()), prompt="x", stream=True, partial_images=1)
    assert [event.type for event in stream] == ["image_edit.partial_image", "image_edit.completed"]


def test_a_stream_where_the_provider_has_none(place: Place) -> None:
    stream = place.sdk.images.generate(model=GOOGLE, prompt="fog", stream=True, partial_images=2)
    assert [event.type for event in stream] == ["image_generation.completed"]


def test_a_stream_that_fails_raises_in_the_client(place: Place) -> None:
    place.emulators.openai.play(Kind.MODERATION_INPUT)
    stream = place.sdk.images.generate(model=OPENAI, prompt="fog", stream=True, partial_images=1)
    with pytest.raises(openai.APIError) as raised:
        list(stream)
    body: Any = raised.value.body
    assert body["code"] == "moderation_blocked"
    assert body["triptych"]["billed"] == "unknown"
    assert len(place.emulators.openai.submits) == 1


def test_a_client_that_leaves_its_stream_finds_the_picture_later(place: Place) -> None:
    gate = Gate()
    place.emulators.openai.play(Scenario(final_gate=gate))
    headers = {"Idempotency-Key": "left-early"}
    stream = place.sdk.images.generate(model=OPENAI, prompt="fog", stream=True, partial_images=1, extra_headers=headers)
    next(iter(stream))
    stream.close()
    gate.release()
    run = place.get("/api/runs").json()["runs"][0]
    assert place.ended(run["tiles"][0]["id"])["state"] == "done"
    again = place.sdk.images.generate(model=OPENAI, prompt="fog", stream=True, partial_images=1, extra_headers=headers)
    assert [event.type for event in again] == ["image_generation.completed"]
    assert len(place.emulators.openai.submits) == 1


def test_the_list_of_models(place: Place) -> None:
    listed = {model.id: model for model in place.sdk.models.list()}
    assert {OPENAI, GOOGLE, XAI, SEEDREAM, "demo/aurora", "relay/picture"} <= set(listed)
    assert not any(name.startswith(("aihorde/", "deepinfra/")) for name in listed)  # not switched on; no key
    assert listed[OPENAI].object == "model"
    assert listed[OPENAI].owned_by == "OpenAI"
    one = place.sdk.models.retrieve(GOOGLE)
    assert one.id == GOOGLE
    assert one.model_extra is not None
    assert one.model_extra["triptych"]["lane"] == "commercial"
    takes = one.model_extra["triptych"]["parameters"]
    assert (takes["aspect_ratio"]["type"], takes["seed"]["type"], takes["mask"]) == (
        "enum", "range", {"type": "flag", "native": False},
    )  # fmt: skip
    assert "size" not in takes
    assert place.sdk.models.retrieve("demo/aurora").triptych["parameters"]["size"]["type"] == "range"  # type: ignore[attr-defined]


def test_a_model_that_nobody_knows(place: Place) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        place.sdk.models.retrieve("google/gemini-3.1-flash-imge")
    assert GOOGLE in missing.value.message
    with pytest.raises(openai.NotFoundError) as unknown:
        place.sdk.images.generate(model="openai/gpt-imag-2", prompt="x")
    assert (unknown.value.code, unknown.value.param) == ("unknown_model", "model")
    assert OPENAI in unknown.value.message


FAULTS = [
    (Kind.WRONG_KEY, openai.APIStatusError, 424, "auth", "no"),
    (Kind.MODERATION_INPUT, openai.BadRequestError, 400, "moderation_blocked", "unknown"),
    (Kind.NO_CREDIT, openai.APIStatusError, 424, "billing", "no"),
    (Kind.SERVER_ERROR, openai.InternalServerError, 502, "provider_failed", "unknown"),
    (Kind.CUT_AFTER_READ, openai.InternalServerError, 504, "ambiguous", "unknown"),
    (Kind.TRUNCATED_BODY, openai.InternalServerError, 504, "ambiguous", "unknown"),
    (Kind.EMPTY_DATA, openai.InternalServerError, 502, "no_image", "unknown"),
    (Kind.UNKNOWN_FIELD, openai.BadRequestError, 400, "rejected", "no"),
]


@pytest.mark.parametrize(("kind", "class_", "status", "code", "billed"), FAULTS, ids=lambda v: str(v))
def test_errors_are_the_clients_own_and_nothing_is_sent_twice(
    place: Place, kind: Kind, class_: type[openai.APIStatusError], status: int, code: str, billed: str
) -> None:
    place.emulators.openai.play(kind)
    with pytest.raises(class_) as raised:
        place.sdk.images.generate(model=OPENAI, prompt="x")
    error: Any = raised.value
    assert (error.status_code, error.code) == (status, code)
    facts = error.body["triptych"]
    assert {"provider", "class", "billed", "retry_after_s", "attempts"} <= set(facts)
    assert (facts["provider"], facts["billed"]) == ("openai", billed)
    assert [attempt["endpoint"] for attempt in facts["attempts"]] == [OPENAI]
    assert error.response.headers["x-should-retry"] == "false"
    assert len(place.emulators.openai.submits) == 1


def test_a_rate_limit_is_waited_for_and_the_client_sees_nothing_of_it(place: Place) -> None:
    place.emulators.openai.play(Scenario(Kind.RATE_LIMIT, retry_after_s=7))
    answer = place.sdk.images.generate(model=OPENAI, prompt="x")
    attempts = extra(answer)["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["failed", "done"]
    assert attempts[0]["error"]["code"] == "rate_limited"
    assert attempts[0]["billed"] == "no"


def test_a_rate_limit_that_stays_is_the_clients_own_error(place: Place) -> None:
    place.emulators.openai.play(Scenario(Kind.RATE_LIMIT, times=0, retry_after_s=300))
    client = place.sdk.with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as raised:
        client.images.generate(model=OPENAI, prompt="x")
    assert raised.value.response.headers["retry-after"] == "300"
    assert raised.value.response.headers["x-should-retry"] == "true"


def test_one_key_is_one_answer(place: Place) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = place.sdk.images.generate(model=OPENAI, prompt="x", extra_headers=headers)
    again = place.sdk.images.generate(model=OPENAI, prompt="x", extra_headers=headers)
    assert again.to_dict() == first.to_dict()
    assert len(place.emulators.openai.submits) == 1
    for prompt, more in (("y", {}), ("x", {"X-Triptych-Project": "spring"}), ("x", {"X-Triptych-Nonce": "ab" * 16})):
        with pytest.raises(openai.ConflictError) as other:
            place.sdk.images.generate(model=OPENAI, prompt=prompt, extra_headers={**headers, **more})
        assert (other.value.code, other.value.param) == ("conflict", "Idempotency-Key")
    assert len(place.emulators.openai.submits) == 1


def test_a_key_whose_call_is_at_work_is_not_started_again(place: Place) -> None:
    gate = Gate()
    place.emulators.openai.play(Scenario(gate=gate))
    headers = {"Idempotency-Key": "order-2"}

    def order() -> Any:
        return place.sdk.images.with_raw_response.generate(model=OPENAI, prompt="x", extra_headers=headers)

    first = place.start_thread(order)
    gate.wait_reached()
    with pytest.raises(openai.ConflictError) as busy:
        order()
    assert "still at work" in busy.value.message
    assert busy.value.response.headers["retry-after"]
    gate.release()
    done, later = first.result(60), order()
    assert later.text == done.text
    assert later.headers["idempotent-replayed"] == "true"
    assert len(place.emulators.openai.submits) == 1


def test_a_key_of_a_call_that_may_have_been_billed_gives_that_error_again(place: Place) -> None:
    place.emulators.openai.play(Kind.CUT_AFTER_READ)
    headers = {"Idempotency-Key": "order-3"}
    seen = []
    for _ in range(2):
        with pytest.raises(openai.InternalServerError) as raised:
            place.sdk.images.generate(model=OPENAI, prompt="x", extra_headers=headers)
        seen.append(raised.value.body)
    assert seen[0] == seen[1]
    assert len(place.emulators.openai.submits) == 1


def test_a_key_of_a_call_that_cost_nothing_may_be_used_again(place: Place) -> None:
    place.emulators.ark.play(Kind.MODERATION_INPUT)
    headers = {"Idempotency-Key": "order-4"}
    with pytest.raises(openai.BadRequestError):
        place.sdk.images.generate(model=SEEDREAM, prompt="x", extra_headers=headers)
    answer = place.sdk.images.generate(model=SEEDREAM, prompt="x", extra_headers=headers)
    assert answer.data is not None
    assert len(place.emulators.ark.submits) == 2


def test_what_a_back_end_cannot_do_is_said(place: Place) -> None:
    answer = place.sdk.images.generate(
        model=SEEDREAM, prompt="x", quality="high", background="transparent", extra_body={"lustre": 3, "seed": 7}
    )
    said = {warning["feature"]: warning for warning in extra(answer)["warnings"]}
    assert said["lustre"]["kind"] == "unsupported"
    assert {"quality", "background", "seed"} <= set(said)
    assert all(warning["detail"] for warning in said.values())


def test_the_format_that_was_asked_for_comes_out(place: Place) -> None:
    answer = place.sdk.images.generate(model=GOOGLE, prompt="x", output_format="webp", output_compression=60)
    assert answer.data is not None
    assert answer.output_format == "webp"
    assert header(base64.b64decode(answer.data[0].b64_json or "")).media_type == "image/webp"


@pytest.mark.parametrize("model", ["demo/aurora", "demo/woodcut", "demo/mosaic"])
def test_the_painters_answer_like_everyone_else(place: Place, model: str) -> None:
    answer = place.sdk.images.generate(model=model, prompt="a boat", size="256x256", extra_body={"seed": 5})
    facts = extra(answer)
    assert (facts["lane"], facts["billed"]) == ("local", "no")
    assert facts["cost"] == {"amount_micro_usd": 0, "source": "free"}
