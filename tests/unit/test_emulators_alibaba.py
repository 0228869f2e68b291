"""Alibaba's own package before the emulator of Model Studio: what the package sends is taken, and the answers are understood."""

from typing import Any

import dashscope
import httpx2 as httpx
import pytest
from dashscope.aigc.image_generation import ImageGeneration
from tests.emulators import Alibaba, Emulators, Kind, Scenario
from tests.emulators.client import data_uri, png

from triptych.imaging.header import header

QWEN, WAN = "qwen-image-3.0", "wan2.7-image"


@pytest.fixture
def emulator(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> Alibaba:
    monkeypatch.setattr(dashscope, "base_http_api_url", emulators.alibaba.base_url)
    return emulators.alibaba


def sizes(answer: Any) -> list[tuple[int, int]]:
    parts = [part for choice in answer.output.choices for part in choice.message.content]
    with httpx.Client(timeout=90, trust_env=False) as http:
        heads = [header(http.get(part["image"]).content) for part in parts]
    return [(head.width, head.height) for head in heads]


def asked(emulator: Alibaba, *content: dict[str, str], model: str = QWEN, **wanted: Any) -> Any:
    messages = [{"role": "user", "content": list(content)}]
    return dashscope.MultiModalConversation.call(model=model, messages=messages, api_key=emulator.key, **wanted)


def test_it_generates(emulator: Alibaba) -> None:
    made = asked(
        emulator,
        {"text": "otter"},
        size="1024*768",
        n=2,
        seed=7,
        watermark=False,
        prompt_extend=True,
        negative_prompt="fog",
    )
    assert (made.status_code, sizes(made), made.usage["output_image_count"]) == (200, [(1024, 768)] * 2, 2)
    assert emulator.charged_micro_usd == 60_000


def test_it_edits(emulator: Alibaba) -> None:
    made = asked(emulator, {"image": data_uri(png(96, 64))}, {"text": "at night"}, size="1024*1024")
    assert (made.status_code, sizes(made)) == (200, [(1024, 1024)])


def test_it_waits_for_a_task(emulator: Alibaba) -> None:
    emulator.play(Scenario(polls=1))
    messages: Any = [{"role": "user", "content": [{"text": "otter"}]}]
    task: Any = ImageGeneration.async_call(WAN, emulator.key, messages, size="1K", n=1)
    assert task.output.task_status == "PENDING"
    assert emulator.submits[0].body["parameters"]["is_async"] is True  # the package lets it slip in
    told = [ImageGeneration.fetch(task, emulator.key).output for _ in range(2)]
    assert [one["task_status"] for one in told] == ["PENDING", "SUCCEEDED"]


@pytest.mark.parametrize(("kind", "status", "code"), [
    (Kind.WRONG_KEY, 401, "InvalidApiKey"), (Kind.MODERATION_INPUT, 400, "DataInspectionFailed"), (Kind.NO_CREDIT, 400, "Arrearage"),
    (Kind.RATE_LIMIT, 429, "Throttling.RateQuota"),
])  # fmt: skip
def test_it_tells_what_went_wrong(emulator: Alibaba, kind: Kind, status: int, code: str) -> None:
    emulator.play(kind)
    told = asked(emulator, {"text": "otter"})
    assert (told.status_code, told.code) == (status, code)
