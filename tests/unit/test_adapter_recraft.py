"""Recraft, against its protocol: JSON or a form out, base64 and units in, white where a picture changes."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, png, request

from triptych.providers.recraft import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Cost, Size

NEW, PRO, OLD, FLASH = (
    CARDS[f"recraft/{name}"] for name in ("recraftv4_1", "recraftv4_pro", "recraftv3", "recraftv4_1_flash")
)


def sent(card: Any, **fields: Any) -> Any:
    return ADAPTER.build(request(**fields), card).http


def form(card: Any, **fields: Any) -> tuple[str, dict[str, bytes]]:
    http = sent(card, **fields)
    return http.url, {part.name: part.data for part in http.parts}


def test_the_bodies_are_exactly_these() -> None:
    assert sent(NEW).url == "/images/generations"
    assert sent(NEW).json == {
        "prompt": "a steel kettle", "model": "recraftv4_1", "n": 1, "response_format": "b64_json", "size": "1024x1024",
    }  # fmt: skip
    prepared = ADAPTER.build(request("an otter", n=4, seed=9, negative_prompt="fog", size=Size(1820, 1024)), OLD)
    assert prepared.http.json == {
        "prompt": "an otter", "model": "recraftv3", "n": 4, "response_format": "b64_json", "size": "1820x1024", "random_seed": 9,
        "negative_prompt": "fog",
    }  # fmt: skip
    assert set(kinds(prepared).values()) == {"native"}


def test_a_ratio_is_sent_as_the_size_that_has_it() -> None:
    assert sent(PRO, aspect_ratio=AspectRatio(16, 9)).json["size"] == "2688x1536"
    assert sent(NEW, aspect_ratio=AspectRatio(16, 9)).json["size"] == "1344x768"


def test_a_model_without_a_negative_prompt_gets_it_in_words() -> None:
    prepared = ADAPTER.build(request(negative_prompt="fog"), NEW)
    assert "Avoid: fog." in str(prepared.http.json)
    assert kinds(prepared)["negative_prompt"] == "emulated"


def test_a_picture_goes_in_a_form() -> None:
    assert form(NEW, images=(picture(),)) == ("/images/imageToImage", {
        "prompt": b"a steel kettle", "model": b"recraftv4_1", "n": b"1", "response_format": b"b64_json", "strength": b"0.5",
        "image": PNG,
    })  # fmt: skip
    assert form(NEW, images=(picture(),), options={"recraft": {"strength": 0.2}})[1]["strength"] == b"0.2"
    prepared = ADAPTER.build(request(images=(picture(),), size=Size(1024, 1024)), NEW)
    assert kinds(prepared)["size"] == "unsupported"


def test_a_mask_is_white_where_the_picture_changes() -> None:
    mask = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    mask.putpixel((1, 0), (0, 0, 0, 0))
    out = io.BytesIO()
    mask.save(out, format="PNG")
    path, fields = form(OLD, images=(picture(),), mask=picture(out.getvalue()))
    assert (path, "strength" in fields) == ("/images/inpaint", False)
    white = np.asarray(Image.open(io.BytesIO(fields["mask"])).convert("L"))
    assert white.tolist() == [[0, 255, 0, 0], [0, 0, 0, 0]]
    prepared = ADAPTER.build(request(images=(picture(),), mask=picture(out.getvalue())), NEW)
    assert (prepared.http.url, kinds(prepared)["mask"]) == ("/images/imageToImage", "emulated")


@pytest.mark.parametrize(("card", "fields"), [
    (OLD, {"mask": picture(png("RGBA"))}), (FLASH, {"images": (picture(),)}), (NEW, {"n": 7}), (OLD, {"prompt": "x" * 1001}),
    (NEW, {"options": {"recraft": {"model": "recraftv4_pro"}}}), (NEW, {"options": {"recraft": {"size": "1024x1024"}}}),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(card: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError):
        ADAPTER.build(request(**fields), card)


def test_the_pictures_and_what_they_cost() -> None:
    body = {
        "created": 1,
        "credits": 70,
        "data": [{"image_id": "a", "b64_json": B64}, {"image_id": "b", "b64_json": "!"}],
    }
    result = done(ADAPTER, answer(body), NEW.id)
    assert [getattr(made, "data", None) for made in result.images] == [PNG]
    assert (result.cost, result.provider_request_id) == (Cost(70_000, "provider"), "a")
    assert [(one.index, one.code) for one in result.failures] == [(1, "no_image")]
    assert done(ADAPTER, answer({"data": [{"b64_json": B64}]}), NEW.id).cost is None


@pytest.mark.parametrize(("body", "status", "kind", "billed"), [
    ({"code": "prompt_is_improper", "message": "…"}, 400, errors.BlockedError, "unknown"),
    ({"code": "not_enough_credits", "message": "…"}, 400, errors.BillingError, "no"),
    ({"code": "invalid_image_size", "message": "…"}, 400, errors.RejectedError, "no"),
    (b"request unauthorized", 401, errors.AuthError, "no"),
    ({"code": "x", "message": "slow"}, 429, errors.RateLimitedError, "no"),
    ({"data": []}, 200, errors.EmptyAnswerError, "unknown"),
    (b"404 page not found", 404, errors.ModelUnavailableError, "no"),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, kind: type[errors.TriptychError], billed: str) -> None:
    error = failure(ADAPTER, answer(body, status), NEW.id)
    assert (type(error), error.billed) == (kind, billed)


def test_the_key_check_says_what_is_left() -> None:
    assert (
        ADAPTER.parse_check(answer({"credits": 1000}, step="check")).message == "The key works; 1000 credits are left."
    )
    assert not ADAPTER.parse_check(answer(b"request unauthorized", 401, step="check")).ok
