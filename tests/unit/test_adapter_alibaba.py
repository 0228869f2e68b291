"""Alibaba Model Studio, against its protocol: calls and tasks, faults inside answers of status 200."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, answer, kinds, picture, request

from triptych.provider_kit.adapter import Done, Pending, RemoteImage
from triptych.providers.alibaba import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Size

QWEN, WAN, PRO = (CARDS[f"alibaba/{name}"] for name in ("qwen-image-3.0", "wan2.7-image", "wan2.7-image-pro"))
URL = "https://dashscope-result.example/a.png?Expires=1"


def sent(card: Any, **fields: Any) -> Any:
    return ADAPTER.build(request(**fields), card).http


def parse(body: Any, status: int = 200, step: Any = "poll", card: Any = WAN) -> Done | Pending:
    return ADAPTER.parse(answer(body, status, step=step), request(), card)


def raised(body: Any, status: int = 200, step: Any = "poll") -> errors.TriptychError:
    with pytest.raises(errors.TriptychError) as caught:
        parse(body, status, step)
    return caught.value


def choice(*parts: dict[str, str]) -> dict[str, Any]:
    return {"finish_reason": "stop", "message": {"role": "assistant", "content": list(parts)}}


def test_the_bodies_are_exactly_these() -> None:
    http = sent(QWEN, n=2, seed=3, negative_prompt="fog", size=Size(1080, 1350))
    assert (http.url, http.headers) == ("/services/aigc/multimodal-generation/generation", {})
    assert http.json == {
        "model": "qwen-image-3.0", "input": {"messages": [{"role": "user", "content": [{"text": "a steel kettle"}]}]},
        "parameters": {"n": 2, "size": "1080*1350", "negative_prompt": "fog", "seed": 3, "prompt_extend": False, "watermark": False},
    }  # fmt: skip
    http = sent(WAN)
    assert (http.url, http.headers) == ("/services/aigc/image-generation/generation", {"X-DashScope-Async": "enable"})
    assert http.json["parameters"] == {"n": 1, "size": "1024*1024", "watermark": False}


def test_pictures_come_before_the_words_or_after_them() -> None:
    image = {"image": f"data:image/png;base64,{B64}"}
    text = {"text": "a steel kettle"}
    assert sent(QWEN, images=(picture(),)).json["input"]["messages"][0]["content"] == [image, text]
    assert sent(WAN, images=(picture(),)).json["input"]["messages"][0]["content"] == [text, image]


def test_an_edit_follows_its_picture_as_far_as_it_can() -> None:
    assert sent(QWEN, images=(replace(picture(), width=1600, height=1200),)).json["parameters"]["size"] == "1600*1200"
    prepared = ADAPTER.build(request(images=(picture(),)), QWEN)  # 8x6: less than the model makes
    body: Any = prepared.http.json
    width, height = map(int, body["parameters"]["size"].split("*"))
    assert abs(width / height - 8 / 6) < 0.02
    assert kinds(prepared)["size"] == "adjusted"


def test_four_thousand_pixels_are_for_words_alone() -> None:
    assert sent(PRO, resolution="4k", aspect_ratio=AspectRatio(1, 1)).json["parameters"]["size"] == "4096*4096"
    prepared = ADAPTER.build(request(size=Size(4096, 4096), images=(picture(),)), PRO)
    body: Any = prepared.http.json
    assert body["parameters"]["size"] == "2048*2048"
    assert kinds(prepared)["size"] == "adjusted"


def test_a_model_without_a_negative_prompt_gets_it_in_words_and_a_large_seed_goes_round() -> None:
    prepared = ADAPTER.build(request(negative_prompt="fog", seed=2**31), WAN)
    assert kinds(prepared) == {"negative_prompt": "emulated", "seed": "adjusted"}


@pytest.mark.parametrize(("card", "fields"), [
    (QWEN, {"negative_prompt": "x" * 501}), (WAN, {"n": 5}), (QWEN, {"n": 7}),
    (WAN, {"options": {"alibaba": {"n": 4}}}), (WAN, {"options": {"alibaba": {"size": "4K"}}}),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(card: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), card)
    assert caught.value.param


def test_an_option_replaces_what_is_open() -> None:
    parameters = sent(QWEN, options={"alibaba": {"prompt_extend": True}}).json["parameters"]
    assert parameters["prompt_extend"] is True


def test_the_way_from_submit_to_the_pictures() -> None:
    first = parse({"output": {"task_id": "0385dc79-5ff8", "task_status": "PENDING"}, "request_id": "r"}, step="submit")
    assert isinstance(first, Pending)
    assert (first.job_id, first.poll.method, first.poll.url) == ("0385dc79-5ff8", "GET", "/tasks/0385dc79-5ff8")
    assert first.cancel is not None
    assert (first.cancel.method, first.cancel.url) == ("POST", "/tasks/0385dc79-5ff8/cancel")
    running = parse(
        {"output": {"task_id": "a", "task_status": "RUNNING", "task_metrics": {"TOTAL": 4, "SUCCEEDED": 1}}}
    )
    assert isinstance(running, Pending)
    assert running.progress is not None
    assert running.progress.fraction == 0.25
    result = parse({"output": {"task_id": "a", "task_status": "SUCCEEDED",
                               "choices": [choice({"type": "image", "image": URL})]}, "request_id": "r"})  # fmt: skip
    assert isinstance(result, Done)
    assert (result.images, result.provider_request_id) == ((RemoteImage(url=URL),), "r")


def test_pictures_at_once_and_as_older_models_list_them() -> None:
    result = parse({"output": {"choices": [choice({"text": "Here."}, {"image": URL})]}}, step="submit", card=QWEN)
    assert isinstance(result, Done)
    assert len(result.images) == 1
    older = parse({"output": {"task_status": "SUCCEEDED", "results": [
        {"url": URL}, {"code": "DataInspectionFailed", "message": "Output data may contain inappropriate content."},
    ]}})  # fmt: skip
    assert isinstance(older, Done)
    assert [(one.index, one.code) for one in older.failures] == [(1, "blocked")]


@pytest.mark.parametrize(("body", "status", "step", "kind"), [
    ({"output": {"task_status": "FAILED", "code": "DataInspectionFailed", "message": "no"}}, 200, "poll", errors.BlockedError),
    ({"output": {"task_status": "FAILED", "code": "InternalError", "message": "lost"}}, 200, "poll", errors.ProviderFailedError),
    ({"output": {"task_status": "FAILED"}}, 200, "poll", errors.ProviderFailedError),
    ({"output": {"task_status": "CANCELED"}}, 200, "poll", errors.ProviderFailedError),
    ({"output": {"task_id": "a", "task_status": "UNKNOWN"}}, 200, "poll", errors.ExpiredError),
    ({"code": "InvalidParameter", "message": "x"}, 404, "poll", errors.ExpiredError),
    ({"output": {"task_status": "SUCCEEDED", "choices": []}}, 200, "poll", errors.EmptyAnswerError),
    ({"output": {"results": [{"code": "DataInspectionFailed", "message": "no"}]}}, 200, "poll", errors.BlockedError),
    ({"output": {"task_status": "PENDING", "task_id": "../../x"}}, 200, "submit", errors.ProviderFailedError),
    ({"code": "Throttling.RateQuota", "message": "slow"}, 200, "submit", errors.RateLimitedError),
    ({"code": "DataInspectionFailed", "message": "no"}, 400, "submit", errors.BlockedError),
    ({"code": "Arrearage", "message": "overdue"}, 400, "submit", errors.BillingError),
    ({"code": "InvalidParameter", "message": "size"}, 400, "submit", errors.RejectedError),
    ({"code": "InvalidApiKey", "message": "no"}, 401, "submit", errors.AuthError),
    ({"code": "AccessDenied.Unpurchased", "message": "no"}, 403, "submit", errors.ModelUnavailableError),
    ({"code": "ModelNotFound", "message": "no"}, 404, "submit", errors.ModelUnavailableError),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, step: Any, kind: type[errors.TriptychError]) -> None:
    error = raised(body, status, step)
    assert type(error) is kind
    assert error.provider == "alibaba"


def test_a_refusal_keeps_the_providers_own_words() -> None:
    refused = raised(
        {"output": {"task_status": "FAILED", "code": "DataInspectionFailed", "message": "Input data may be bad."}}
    )
    assert refused.upstream == "DataInspectionFailed: Input data may be bad."


def test_the_key_check() -> None:
    assert ADAPTER.parse_check(answer({"data": [], "total": 0}, step="check")).ok
    assert not ADAPTER.parse_check(answer({"code": "InvalidApiKey", "message": "no"}, 401, step="check")).ok
