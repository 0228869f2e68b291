"""Replicate, against its protocol: create, ask, cancel, and what its states mean."""

from typing import Any

import httpx2 as httpx
import pytest
from tests.emulators import Emulators
from tests.emulators.client import auth_of
from tests.emulators.replicate import VERSIONS
from tests.unit.adapter_kit import B64, CARDS, answer, kinds, picture, request

from triptych.provider_kit.adapter import Done, Pending, RemoteImage
from triptych.providers.replicate import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio
from triptych.spec.model import Progress
from triptych.spec.replacing import replace

DEV, PRO = CARDS["replicate/flux.1-dev"], CARDS["replicate/flux-2-pro"]
BASE = "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu"
URI = f"data:image/png;base64,{B64}"
TOLD: dict[str, Any] = {"id": "gm3qorzdhgbfurvjtvhg6dckhu", "model": "black-forest-labs/flux-dev", "status": "starting", "output": None,
                        "error": None, "data_removed": False, "urls": {"get": BASE, "cancel": f"{BASE}/cancel"}}  # fmt: skip


def parse(code: int = 200, step: Any = "poll", /, **told: Any) -> Done | Pending:
    return ADAPTER.parse(answer(TOLD | told, code, step=step, url=BASE), request(), DEV)


def test_the_bodies_are_exactly_these() -> None:
    prepared = ADAPTER.build(
        request("an otter", seed=1, n=2, aspect_ratio=AspectRatio(3, 2), output_format="jpeg"), DEV
    )
    assert prepared.http.url == "/models/black-forest-labs/flux-dev/predictions"
    assert prepared.http.json == {
        "input": {"prompt": "an otter", "num_outputs": 2, "aspect_ratio": "3:2", "seed": 1, "output_format": "jpg"},
    }  # fmt: skip
    assert "Prefer" not in prepared.http.headers
    assert kinds(prepared) == {"n": "native", "seed": "native", "aspect_ratio": "native", "output_format": "native"}
    edit = ADAPTER.build(request("at night", images=(picture(), picture(role="style"))), PRO)
    assert edit.http.json == {"input": {"prompt": "at night", "output_format": "png", "input_images": [URI, URI]}}


@pytest.mark.parametrize("apart", [True, False])
def test_a_version_is_run_by_its_id(emulators: Emulators, apart: bool) -> None:
    version = next(version for version, name in VERSIONS.items() if name == DEV.provider_model_id)
    named = replace(DEV, provider_model_id=f"{DEV.provider_model_id}:{version}")
    card = replace(DEV, extra={**DEV.extra, "version": version}) if apart else named
    http = ADAPTER.build(request(seed=1), card).http
    assert http.url == "/predictions"
    with httpx.Client(trust_env=False, headers=auth_of(emulators.replicate)) as client:
        made = client.post(emulators.replicate.base_url + http.url, json=http.json)
    assert (made.status_code, made.json()["version"], made.json()["model"]) == (201, version, DEV.provider_model_id)
    assert isinstance(ADAPTER.parse(answer(made.content, 201, step="submit", url=BASE), request(), card), Pending)


def test_the_way_from_create_to_the_pictures() -> None:
    first = parse(201, "submit")
    assert isinstance(first, Pending)
    assert (first.job_id, first.poll.url, first.poll.from_response) == (TOLD["id"], BASE, True)
    assert first.cancel is not None
    assert (first.cancel.method, first.cancel.url) == ("POST", f"{BASE}/cancel")
    assert first.progress == Progress(note="waiting for a machine")
    assert isinstance(parse(status="a word of next year"), Pending)
    several = parse(status="succeeded", output=["https://replicate.delivery/a.png", URI])
    assert isinstance(several, Done)
    assert several.images[0] == RemoteImage(url="https://replicate.delivery/a.png")
    assert (len(several.images), several.model_served) == (2, "black-forest-labs/flux-dev")


def test_an_output_counts_though_the_status_says_that_it_is_drawn_still() -> None:
    found = parse(201, "submit", status="processing", output="https://replicate.delivery/a.png")
    assert isinstance(found, Done)


@pytest.mark.parametrize(("told", "kind"), [
    ({"status": "failed", "error": "NSFW content detected. Try running it again."}, errors.BlockedError),
    ({"status": "failed", "error": "The input or output was flagged as sensitive. (E005)"}, errors.BlockedError),
    ({"status": "failed", "error": "CUDA out of memory"}, errors.ProviderFailedError),
    ({"status": "canceled"}, errors.ProviderFailedError),
    ({"status": "aborted", "output": ["https://x/y.png"]}, errors.ProviderFailedError),
    ({"status": "succeeded", "output": []}, errors.EmptyAnswerError),
    ({"status": "succeeded", "data_removed": True}, errors.ExpiredError),
    ({"status": None, "urls": {}}, errors.ProviderFailedError),
])  # fmt: skip
def test_how_a_prediction_can_end_without_a_picture(told: dict[str, Any], kind: type[errors.TriptychError]) -> None:
    with pytest.raises(kind) as caught:
        parse(**told)
    assert (type(caught.value), caught.value.billed) == (kind, "unknown")


@pytest.mark.parametrize(("body", "status", "kind"), [
    ({"title": "Unauthenticated", "detail": "You did not pass a valid authentication token", "status": 401}, 401, errors.AuthError),
    ({"title": "Insufficient credit", "detail": "You have insufficient credit", "status": 402}, 402, errors.BillingError),
    ({"title": "Input validation failed", "detail": "- input.seed: wrong", "status": 422}, 422, errors.RejectedError),
    ({"detail": "Not found"}, 404, errors.ModelUnavailableError),
    ({"detail": "throttled", "retry_after": 8}, 429, errors.RateLimitedError),
])  # fmt: skip
def test_refusals(body: Any, status: int, kind: type[errors.TriptychError]) -> None:
    with pytest.raises(kind) as caught:
        ADAPTER.parse(answer(body, status), request(), DEV)
    assert (type(caught.value), caught.value.billed) == (kind, "no")
    assert caught.value.retry_after_s == (8.0 if status == 429 else None)


def test_the_key_check_says_whose_it_is() -> None:
    assert ADAPTER.parse_check(answer({"username": "ada"}, step="check")).message == "The key works; this is ada."
    assert not ADAPTER.parse_check(answer({"detail": "no"}, 401, step="check")).ok
