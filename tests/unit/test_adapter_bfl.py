"""Black Forest Labs, against its protocol: submit, ask at the named address, fetch elsewhere without the key."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pybase64
import pytest
from PIL import Image
from tests.unit.adapter_kit import B64, CARDS, answer, kinds, picture, png, request

from triptych.provider_kit.adapter import Done, Pending, RemoteImage
from triptych.provider_kit.jobs import handle_of, pending_of
from triptych.provider_kit.reach import Reach
from triptych.providers.bfl import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Cost, ImageRequest, Size
from triptych.spec.model import Progress

PRO, NEW, FILL = CARDS["bfl/flux-2-pro"], CARDS["bfl/flux-3-image"], CARDS["bfl/flux-pro-1.0-fill"]
LARGE = replace(picture(), width=256, height=300)
ADDRESS = "https://api.us1.bfl.ai/v1/get_result?id=req-1"
TAKEN = {"id": "req-1", "polling_url": ADDRESS, "cost": 3.0, "input_mp": 0.0, "output_mp": 1.05}
READY: dict[str, Any] = {"id": "req-1", "status": "Ready", "progress": None, "details": None,
                         "result": {"sample": "https://delivery-us1.bfl.ai/a.png?sig=1", "seed": 42, "prompt": "a steel kettle"}}  # fmt: skip


def parse(body: Any, status: int = 200, step: Any = "poll", asked: ImageRequest | None = None) -> Done | Pending:
    return ADAPTER.parse(answer(body, status, step=step, url=ADDRESS), asked or request(), PRO)


def raised(body: Any, status: int = 200, step: Any = "poll") -> errors.TriptychError:
    with pytest.raises(errors.TriptychError) as caught:
        parse(body, status, step)
    return caught.value


def body_of(card: Any, **fields: Any) -> Any:
    return ADAPTER.build(request(**fields), card).http.json


def test_the_bodies_are_exactly_these() -> None:
    prepared = ADAPTER.build(request("an otter", seed=1, size=Size(1024, 768), output_format="jpeg"), PRO)
    assert prepared.http.url == "/v1/flux-2-pro"
    assert prepared.http.json == {
        "prompt": "an otter", "width": 1024, "height": 768, "seed": 1, "output_format": "jpeg",
    }  # fmt: skip
    assert kinds(prepared) == {"size": "native", "seed": "native", "output_format": "native"}
    assert body_of(NEW, aspect_ratio=AspectRatio(16, 9), resolution="512", images=(LARGE, LARGE)) == {
        "prompt": "a steel kettle", "aspect_ratio": "16:9", "resolution": "768sq", "images": [B64, B64], "grounding": True,
    }  # fmt: skip
    assert body_of(NEW) == {
        "prompt": "a steel kettle", "aspect_ratio": "1:1", "resolution": "1k", "grounding": True,
    }  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(255, 300), (300, 255), (8, 6)])
def test_a_picture_that_is_too_small_is_refused_before_it_is_sent(width: int, height: int) -> None:
    small = replace(LARGE, width=width, height=height, role="style")
    with pytest.raises(errors.BadRequestError) as caught:
        body_of(NEW, images=(LARGE, small))
    assert caught.value.message == (
        f"FLUX.3 takes pictures of 256 pixels a side or more; @img2 (style) has {width}x{height}."
    )
    assert (caught.value.param, caught.value.billed) == ("image", "no")
    assert caught.value.hint == "Give a larger one, or enlarge it first."
    assert "input_image" in body_of(PRO, images=(small,))


def test_an_edit_follows_its_picture_and_further_ones_are_numbered() -> None:
    body = body_of(PRO, images=(picture(), picture(role="style"), picture(role="subject")))
    assert {name for name in body if name.startswith("input_image")} == {
        "input_image",
        "input_image_2",
        "input_image_3",
    }
    assert "width" not in body


def test_a_mask_is_white_where_the_picture_changes() -> None:
    mask = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    mask.putpixel((1, 0), (0, 0, 0, 0))
    out = io.BytesIO()
    mask.save(out, format="PNG")
    body = body_of(FILL, images=(picture(),), mask=picture(out.getvalue()))
    assert body["image"] == B64
    white = np.asarray(Image.open(io.BytesIO(pybase64.b64decode(body["mask"]))).convert("L"))
    assert white.tolist() == [[0, 255, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(("card", "fields"), [
    (FILL, {"mask": picture(png("RGBA"))}), (PRO, {"n": 2}), (CARDS["bfl/flux-pro-1.1"], {"images": (picture(),)}),
    (PRO, {"options": {"bfl": {"webhook_url": "https://x"}}}), (PRO, {"options": {"bfl": {"width": 64}}}),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(card: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), card)
    assert caught.value.param


def test_an_option_replaces_what_is_open() -> None:
    assert body_of(NEW, options={"bfl": {"grounding": False, "safety_tolerance": 4}})["grounding"] is False


def test_the_way_from_submit_to_the_picture() -> None:
    first = parse(TAKEN, step="submit")
    assert isinstance(first, Pending)
    assert (first.job_id, first.poll.method, first.poll.url, first.poll.from_response) == (
        "req-1",
        "GET",
        ADDRESS,
        True,
    )
    assert first.cost == Cost(30_000, "provider")
    waiting = parse({"id": "req-1", "status": "Generating", "progress": 0.25, "result": None})
    assert isinstance(waiting, Pending)
    assert (waiting.poll.url, waiting.progress) == (ADDRESS, Progress(fraction=0.25, note="generating"))
    other = parse({"id": "req-1", "state": "A word of next year"})
    assert isinstance(other, Pending)
    result = parse(READY)
    assert isinstance(result, Done)
    assert result.images == (RemoteImage(url=READY["result"]["sample"], seed=42),)
    rewritten = parse({**READY, "result": {**READY["result"], "prompt": "a kettle of steel"}})
    assert isinstance(rewritten, Done)
    assert rewritten.images[0].revised_prompt == "a kettle of steel"


def test_the_price_of_the_first_answer_is_kept_with_the_job() -> None:
    first = parse(TAKEN, step="submit")
    assert isinstance(first, Pending)
    again = pending_of(handle_of(first, PRO))
    assert (again.cost, again.poll) == (first.cost, first.poll)
    unnamed = parse({**TAKEN, "cost": None}, step="submit")
    assert isinstance(unnamed, Pending)
    assert unnamed.cost is None
    assert pending_of(handle_of(unnamed, PRO)).cost is None


def test_the_key_goes_to_every_cluster_and_never_where_pictures_lie() -> None:
    reach = Reach(ADAPTER.base_url, ADAPTER.trusted_hosts)
    for host in ("api.bfl.ai", "api.eu.bfl.ai", "api.us1.bfl.ai", "api.eu4.bfl.ai"):
        assert reach.address(f"https://{host}/v1/get_result?id=a").trusted, host
    for host in ("delivery-us1.bfl.ai", "bfl.ai", "api.bfl.ai.example.com", "api.us1.bfl.ai:8443"):
        assert not reach.address(f"https://{host}/a.png").trusted, host


@pytest.mark.parametrize(("body", "status", "step", "kind", "billed"), [
    ({"status": "Request Moderated", "details": {"Moderation Reasons": ["Violence"]}}, 200, "poll", errors.BlockedError, "no"),
    ({"status": "Content Moderated"}, 200, "poll", errors.BlockedError, "unknown"),
    ({"status": "Error", "details": {"error": "worker lost"}}, 503, "poll", errors.ProviderFailedError, "unknown"),
    ({"status": "Failed"}, 200, "poll", errors.ProviderFailedError, "unknown"),
    ({"status": "Task not found"}, 200, "poll", errors.ExpiredError, "unknown"),
    ({"status": "Ready", "result": {"seed": 1}}, 200, "poll", errors.EmptyAnswerError, "unknown"),
    ({"id": "a"}, 200, "submit", errors.ProviderFailedError, "unknown"),
    ({"detail": "Not authenticated"}, 403, "submit", errors.AuthError, "no"),
    ({"detail": "Insufficient credits."}, 402, "submit", errors.BillingError, "no"),
    ({"detail": [{"loc": ["body", "seed"], "msg": "seed: Input should be an integer", "type": "int"}]}, 422, "submit",
     errors.RejectedError, "no"),
    ({"error": "x", "message": "Too many active tasks"}, 429, "submit", errors.RateLimitedError, "no"),
    ({"detail": "Service is temporarily unavailable."}, 503, "submit", errors.OverloadedError, "no"),
])  # fmt: skip
def test_what_goes_wrong_has_its_class_and_says_what_it_cost(
    body: Any, status: int, step: Any, kind: type[errors.TriptychError], billed: str
) -> None:
    error = raised(body, status, step)
    assert (type(error), error.billed) == (kind, billed)
    assert error.provider == "bfl"


def test_a_refusal_carries_the_reasons_and_a_lost_task_is_asked_about_again_at_first() -> None:
    refused = raised({"status": "Request Moderated", "details": {"Moderation Reasons": ["Violence", "Gore"]}})
    assert (refused.upstream, "Violence, Gore" in refused.message) == ("Violence, Gore", True)
    assert raised({"status": "Task not found"}).status == 404
    assert raised({"status": "Error"}, 503).status == 200


def test_the_key_check_says_what_is_left() -> None:
    check = ADAPTER.parse_check(answer({"credits": 12.5}, step="check"))
    assert (check.ok, check.message) == (True, "The key works; 12.5 credits are left.")
    assert not ADAPTER.parse_check(answer({"detail": "Not authenticated"}, 403, step="check")).ok
