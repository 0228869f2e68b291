"""fal's queue, against its protocol: submit, status, result and cancel at named addresses."""

from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, answer, kinds, picture, request

from triptych.provider_kit.adapter import Done, Pending, RemoteImage
from triptych.provider_kit.jobs import handle_of, pending_of
from triptych.providers.fal import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Size
from triptych.spec.model import Progress

DEV, NANO, IDEOGRAM = CARDS["fal/flux.1-dev"], CARDS["fal/nano-banana-2"], CARDS["fal/ideogram-v3"]
BASE = "https://queue.fal.run/fal-ai/flux/requests/ab-1"
QUEUED = {"status": "IN_QUEUE", "request_id": "ab-1", "response_url": BASE, "status_url": f"{BASE}/status",
          "cancel_url": f"{BASE}/cancel", "queue_position": 3}  # fmt: skip
URI = f"data:image/png;base64,{B64}"


def parse(body: Any, status: int = 200, step: Any = "poll", url: str = f"{BASE}/status?logs=1") -> Done | Pending:
    return ADAPTER.parse(answer(body, status, {"x-fal-request-id": "r-9"}, step=step, url=url), request(), DEV)


def pending(*args: Any, **kwargs: Any) -> Pending:
    found = parse(*args, **kwargs)
    assert isinstance(found, Pending)
    return found


def test_the_bodies_are_exactly_these() -> None:
    prepared = ADAPTER.build(request("an otter", seed=1, n=2, size=Size(1024, 768)), DEV)
    assert prepared.http.url == "/fal-ai/flux/dev"
    assert prepared.http.headers["X-Fal-No-Retry"] == "1"
    assert prepared.http.json == {
        "prompt": "an otter", "num_images": 2, "image_size": {"width": 1024, "height": 768}, "seed": 1, "output_format": "png",
    }  # fmt: skip
    assert kinds(prepared) == {"n": "native", "seed": "native", "size": "native"}
    edit = ADAPTER.build(request("at night", images=(picture(), picture(role="style"))), NANO)
    assert edit.http.url == "/fal-ai/nano-banana-2/edit"
    assert edit.http.json == {
        "prompt": "at night", "num_images": 1, "resolution": "1K", "output_format": "png", "image_urls": [URI, URI],
    }  # fmt: skip
    one: Any = ADAPTER.build(request(images=(picture(),)), DEV).http
    assert (one.url, one.json["image_url"], "image_size" in one.json) == ("/fal-ai/flux/dev/image-to-image", URI, False)
    words: Any = ADAPTER.build(request(negative_prompt="fog", aspect_ratio=AspectRatio(16, 9)), IDEOGRAM).http.json
    assert (words["negative_prompt"], words["expand_prompt"], words["rendering_speed"]) == ("fog", False, "BALANCED")


def test_the_way_from_the_queue_to_the_pictures() -> None:
    first = pending(QUEUED, step="submit", url="https://queue.fal.run/fal-ai/flux/dev")
    assert (first.job_id, first.poll.url, first.poll.from_response) == ("ab-1", f"{BASE}/status", True)
    assert first.progress == Progress(queue_position=3, note="waiting in the queue")
    assert first.cancel is not None
    assert (first.cancel.method, first.cancel.url) == ("PUT", f"{BASE}/cancel")
    again = pending_of(handle_of(first, DEV))
    assert (again.cancel, again.poll) == (first.cancel, first.poll)
    drawing = pending({"status": "IN_PROGRESS", "logs": []}, 202)
    assert (drawing.poll.url, drawing.job_id) == (f"{BASE}/status", "ab-1")
    over = pending({"status": "COMPLETED", "logs": [], "metrics": {}})
    assert (over.poll.url, over.after) == (BASE, 0.0)
    result = parse({"images": [{"url": "https://v3.fal.media/a.png", "content_type": "image/png"}, {"url": URI}],
                    "has_nsfw_concepts": [False, False], "seed": 7}, url=BASE)  # fmt: skip
    assert isinstance(result, Done)
    assert result.images[0] == RemoteImage(url="https://v3.fal.media/a.png", media_type="image/png", seed=7)
    assert (len(result.images), result.provider_request_id) == (2, "r-9")
    single = parse({"image": {"url": "https://v3.fal.media/b.png"}}, url=BASE)
    assert isinstance(single, Done)


def test_a_black_picture_in_place_of_one_is_a_refusal() -> None:
    listed = [{"url": "https://v3.fal.media/a.png"}, {"url": "https://v3.fal.media/b.png"}]
    some = parse({"images": listed, "has_nsfw_concepts": [False, True]}, url=BASE)
    assert isinstance(some, Done)
    assert [(f.index, f.code) for f in some.failures] == [(1, "blocked")]
    with pytest.raises(errors.BlockedError, match="black"):
        parse({"images": listed, "has_nsfw_concepts": [True, True]}, url=BASE)


@pytest.mark.parametrize(("body", "status", "step", "kind"), [
    ({"status": "COMPLETED", "error": "lost", "error_type": "runner_connection_error"}, 200, "poll", errors.ProviderFailedError),
    ({"detail": [{"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}]}, 422, "poll",
     errors.BlockedError),
    ({"detail": [{"loc": ["body"], "msg": "nothing", "type": "no_media_generated"}]}, 422, "poll", errors.EmptyAnswerError),
    ({"detail": [{"loc": ["body", "num_images"], "msg": "too many", "type": "value_error"}]}, 422, "submit", errors.RejectedError),
    ({"detail": "User is locked. Reason: Exhausted balance."}, 403, "submit", errors.BillingError),
    ({"detail": "Authentication is required"}, 401, "submit", errors.AuthError),
    ({"detail": "Application not found"}, 404, "submit", errors.ModelUnavailableError),
    ({"detail": "Request not found"}, 404, "poll", errors.ExpiredError),
    ({"detail": "later", "error_type": "startup_timeout"}, 504, "submit", errors.OverloadedError),
    ({"detail": "slow down", "error_type": "concurrent_requests_limit"}, 429, "submit", errors.RateLimitedError),
    ({"images": []}, 200, "poll", errors.EmptyAnswerError),
    ({"status": "IN_QUEUE"}, 200, "submit", errors.ProviderFailedError),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, step: Any, kind: type[errors.TriptychError]) -> None:
    with pytest.raises(kind) as caught:
        parse(body, status, step, "https://queue.fal.run/fal-ai/flux/dev" if step == "submit" else f"{BASE}/status")
    assert type(caught.value) is kind
    assert caught.value.provider == "fal"


def test_the_key_check_asks_about_nobodys_request() -> None:
    sent = ADAPTER.check_request()
    assert (sent.method, "/requests/00000000-" in sent.url) == ("GET", True)
    assert ADAPTER.parse_check(answer({"detail": "Request not found"}, 404, step="check")).ok
    assert not ADAPTER.parse_check(answer({"detail": "Authentication is required"}, 401, step="check")).ok
