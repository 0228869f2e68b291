"""AI Horde, against the protocol of API 2.5: submit, check, status, cancel."""

import io
from typing import Any

import numpy as np
import pybase64
import pytest
from PIL import Image
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, kinds, picture, png, request

from triptych.provider_kit.adapter import Done, Pending, RemoteImage
from triptych.providers.aihorde import ADAPTER
from triptych.spec import errors
from triptych.spec.image import FREE, AspectRatio, GeneratedImage, ImageRequest, Size
from triptych.spec.model import Progress

XL = CARDS["aihorde/albedobase-xl"]
FLUX = CARDS["aihorde/flux.1-schnell"]
CHECK = {"finished": 0, "processing": 0, "restarted": 0, "waiting": 1, "done": False, "faulted": False, "wait_time": 12,
         "queue_position": 3, "kudos": 6, "is_possible": True}  # fmt: skip


def parse(
    body: Any, status: int = 200, step: Any = "poll", path: str = "check", asked: ImageRequest | None = None
) -> Done | Pending:
    url = f"https://aihorde.net/api/v2/generate/{path}/ab-1"
    return ADAPTER.parse(answer(body, status, step=step, url=url), asked or request(), XL)


def pending(*args: Any, **kwargs: Any) -> Pending:
    found = parse(*args, **kwargs)
    assert isinstance(found, Pending)
    return found


def finished(*generations: Any, **more: Any) -> dict[str, Any]:
    return CHECK | {"done": True, "generations": list(generations), "shared": True} | more


GOOD: dict[str, Any] = {"img": "https://r2.example/1.webp?sig=1", "seed": "123", "id": "g", "censored": False, "gen_metadata": [],
        "worker_id": "w", "worker_name": "Kiln", "model": "AlbedoBase XL (SDXL)", "state": "ok"}  # fmt: skip


def test_the_body_of_a_submit_is_exactly_this() -> None:
    asked = request(
        "a lighthouse", negative_prompt="blurry, text", seed=42, n=2, size=Size(1024, 704), knobs={"tile": True}
    )
    prepared = ADAPTER.build(asked, XL)
    assert prepared.http.url == "/generate/async"
    assert set(prepared.http.headers) == {"Client-Agent"}
    assert prepared.http.json == {
        "prompt": "a lighthouse ### blurry, text", "models": ["AlbedoBase XL (SDXL)"], "nsfw": False, "censor_nsfw": True,
        "trusted_workers": False, "validated_backends": True, "slow_workers": True, "extra_slow_workers": False,
        "replacement_filter": False, "shared": True, "r2": True, "dry_run": False, "allow_downgrade": False,
        "params": {"width": 1024, "height": 704, "n": 2, "seed": "42", "tiling": True, "steps": 30, "cfg_scale": 7.0,
                   "sampler_name": "k_euler_a", "karras": True},
    }  # fmt: skip
    assert kinds(prepared) == {
        "size": "native",
        "seed": "native",
        "n": "native",
        "negative_prompt": "native",
        "tile": "native",
    }


@pytest.mark.parametrize("ratio", [AspectRatio(1, 1), AspectRatio(16, 9), AspectRatio(1, 9)])
@pytest.mark.parametrize("resolution", [None, "512", "4k"])
def test_sizes_stay_on_the_grid_and_within_what_is_free(ratio: AspectRatio, resolution: str | None) -> None:
    for card, most in ((XL, 1024 * 1024), (CARDS["aihorde/deliberate"], 576 * 576)):
        body = ADAPTER.build(request(aspect_ratio=ratio, resolution=resolution), card).http.json
        assert isinstance(body, dict)
        params: Any = body["params"]
        assert params["width"] % 64 == params["height"] % 64 == 0
        assert params["width"] * params["height"] <= most


def test_an_edit_and_a_masked_edit() -> None:
    edit: Any = ADAPTER.build(request(images=(picture(),)), FLUX).http.json
    assert (edit["source_image"], edit["source_processing"], "source_mask" in edit) == (B64, "img2img", False)
    mask = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    mask.putpixel((1, 0), (0, 0, 0, 0))
    out = io.BytesIO()
    mask.save(out, format="PNG")
    body: Any = ADAPTER.build(request(images=(picture(),), mask=picture(out.getvalue())), XL).http.json
    assert body["source_processing"] == "inpainting"
    white = np.asarray(Image.open(io.BytesIO(pybase64.b64decode(body["source_mask"]))).convert("L"))
    assert white.tolist() == [[0, 255, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(("card", "fields"), [
    (XL, {"prompt": "a ### b"}), (XL, {"mask": picture(png("RGBA"))}), (FLUX, {"mask": picture()}),
    (CARDS["aihorde/z-image-turbo"], {"images": (picture(),)}), (XL, {"n": 5}),
    (XL, {"options": {"aihorde": {"allow_downgrade": True}}}), (XL, {"options": {"aihorde": {"params": {"n": 9}}}}),
    (XL, {"options": {"aihorde": {"webhook": "https://x"}}}),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(card: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), card)
    assert caught.value.param


def test_options_replace_what_is_open() -> None:
    options = {"aihorde": {"shared": False, "params": {"steps": 20, "clip_skip": 2}}}
    body: Any = ADAPTER.build(request(options=options), XL).http.json
    assert (body["shared"], body["params"]["steps"], body["params"]["clip_skip"]) == (False, 20, 2)
    assert body["params"]["cfg_scale"] == 7.0


def test_the_way_from_submit_to_pictures() -> None:
    first = pending({"id": "ab-1", "kudos": 6}, 202, "submit", "async")
    assert (first.job_id, first.poll.method, first.poll.url) == ("ab-1", "GET", "/generate/check/ab-1")
    assert first.cancel is not None
    assert (first.cancel.method, first.cancel.url) == ("DELETE", "/generate/status/ab-1")
    waiting = pending(CHECK)
    assert waiting.progress == Progress(queue_position=3, eta_s=12.0, note="waiting for a worker")
    assert (waiting.poll.url, waiting.after) == ("/generate/check/ab-1", 4.0)
    drawing = pending(CHECK | {"processing": 1, "wait_time": 600, "queue_position": 0})
    assert drawing.progress is not None
    assert (drawing.progress.note, drawing.after) == ("a worker is drawing", 10.0)
    ready = pending(CHECK | {"done": True})
    assert (ready.poll.url, ready.after) == ("/generate/status/ab-1", 0.0)
    result = parse(finished(GOOD), path="status")
    assert isinstance(result, Done)
    assert result.images == (
        RemoteImage(url=GOOD["img"], media_type="image/webp", seed=123, metadata={"worker": "Kiln"}),
    )
    assert (result.cost, result.billed, result.model_served) == (FREE, "no", "AlbedoBase XL (SDXL)")


def test_nobody_can_serve_it_is_said_at_once_and_the_job_is_taken_back() -> None:
    for body, status, step in (
        ({"id": "ab-1", "kudos": 6, "warnings": [{"code": "NoAvailableWorker", "message": "m"}]}, 202, "submit"),
        (CHECK | {"is_possible": False}, 200, "poll"),
    ):
        found = pending(body, status, step)
        assert (found.poll.method, found.poll.url, found.poll.step, found.after) == (
            "DELETE", "/generate/status/ab-1", "cancel", 0.0,
        )  # fmt: skip
    with pytest.raises(errors.OverloadedError, match="No worker") as caught:
        parse(finished(done=False, is_possible=False), step="cancel", path="status")
    assert (caught.value.billed, caught.value.provider) == ("no", "aihorde")


def test_a_picture_that_was_drawn_while_it_was_taken_back_is_kept() -> None:
    assert isinstance(parse(finished(GOOD, done=False), step="cancel", path="status"), Done)


def test_pictures_as_base64_and_censored_ones() -> None:
    censored = GOOD | {"censored": True, "gen_metadata": [{"type": "censorship", "value": "nsfw"}]}
    result = parse(finished(GOOD | {"img": B64, "seed": "x"}, censored, GOOD | {"img": "N/A"}), path="status")
    assert isinstance(result, Done)
    (image,) = result.images
    assert isinstance(image, GeneratedImage)
    assert (image.data, image.seed) == (PNG, None)
    assert [(f.index, f.code, f.billed) for f in result.failures] == [(1, "blocked", "no"), (2, "no_image", "no")]
    assert "nsfw" in result.failures[0].message


@pytest.mark.parametrize(("body", "path", "kind"), [
    (finished(GOOD | {"state": "csam"}), "status", errors.BlockedError),
    (finished(GOOD | {"img": "not base64!"}), "status", errors.EmptyAnswerError),
    (finished(), "status", errors.EmptyAnswerError),
    (finished(faulted=True), "status", errors.ProviderFailedError),
    (CHECK | {"faulted": True}, "check", errors.ProviderFailedError),
    ({}, "check", errors.ProviderFailedError),
    (b"\x00", "check", errors.ProviderFailedError),
])  # fmt: skip
def test_jobs_that_end_without_a_picture(body: Any, path: str, kind: type[errors.TriptychError]) -> None:
    with pytest.raises(errors.TriptychError) as caught:
        parse(body, path=path)
    assert (type(caught.value), caught.value.billed) == (kind, "no")


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": "../../x"}, {"id": 4}, [], "x"])
def test_a_submit_without_an_id_is_a_failure(body: Any) -> None:
    with pytest.raises(errors.ProviderFailedError):
        parse(body, 202, "submit", "async")


ERRORS: list[tuple[int, Any, type[errors.TriptychError], float | None]] = [
    (400, {"message": "Prompt has been rejected", "rc": "CorruptPrompt"}, errors.BlockedError, None),
    (400, {"message": "x", "rc": "InvalidSize"}, errors.RejectedError, None),
    (400, {"errors": {"params.steps": "501 is too many"}, "message": "Input payload validation failed"}, errors.RejectedError, None),
    (400, {"message": "x", "rc": "NoValidWorkers"}, errors.OverloadedError, 600.0),
    (400, {"message": "x", "rc": "MaintenanceMode"}, errors.OverloadedError, 60.0),
    (400, {"message": "x", "rc": "UnsupportedModel"}, errors.ModelUnavailableError, None),
    (401, {"message": "No user matching sent API Key", "rc": "InvalidAPIKey"}, errors.AuthError, None),
    (403, {"message": "x", "rc": "KudosUpfront"}, errors.BillingError, None),
    (403, {"message": "x", "rc": "SharedKeyEmpty"}, errors.BillingError, None),
    (403, {"message": "x", "rc": "TimeoutIP"}, errors.OverloadedError, None),
    (403, {"message": "x", "rc": "AnonForbidden"}, errors.AuthError, None),
    (403, {"message": "x", "rc": "BannedClientAgent"}, errors.RejectedError, None),
    (404, {"message": "x", "rc": "RequestNotFound"}, errors.ExpiredError, None),
    (410, {"message": "x", "rc": "RequestExpired"}, errors.ExpiredError, None),
    (423, {"message": "x", "rc": "Locked"}, errors.OverloadedError, None),
    (429, {"message": "x", "rc": "TooManyPrompts"}, errors.RateLimitedError, None),
    (429, {"message": "90 per 1 minute"}, errors.RateLimitedError, 8.0),
    (500, {"message": "Internal Server Error"}, errors.ProviderFailedError, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "wait"), ERRORS)
def test_every_return_code_has_its_class_and_costs_nothing(
    status: int, body: Any, kind: type[errors.TriptychError], wait: float | None
) -> None:
    headers = {"retry-after": "8"} if "rc" not in body and status == 429 else {}
    with pytest.raises(errors.TriptychError) as caught:
        ADAPTER.parse(answer(body, status, headers), request(), XL)
    found = caught.value
    assert (type(found), found.billed, found.status, found.retry_after_s) == (kind, "no", status, wait)
    assert body["message"] in str(found.upstream)


def test_the_check_says_whose_key_it_is() -> None:
    sent = ADAPTER.check_request()
    assert (sent.method, sent.url, sent.step) == ("GET", "/find_user", "check")
    check = ADAPTER.parse_check(answer({"username": "Anonymous#0", "kudos": -50}))
    assert (check.ok, check.detail) == (True, {"username": "Anonymous#0"})
    assert ADAPTER.parse_check(answer({"message": "x", "rc": "UserNotFound"}, 404)).code == "auth"
