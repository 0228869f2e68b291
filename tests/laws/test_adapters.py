"""The laws, over every adapter and every card that comes with the program."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, large, picture, png

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, Step
from triptych.provider_kit import law_strategies as some
from triptych.provider_kit import laws
from triptych.provider_kit.adapter import Done, ImageAdapter, Pending
from triptych.provider_kit.driver import HttpImageModel
from triptych.provider_kit.playback import PlayedClock, PlayedTransport
from triptych.providers import ADAPTERS, row_adapters
from triptych.providers.rows import row_from_settings
from triptych.spec.errors import BadRequestError, TriptychError
from triptych.spec.image import AspectRatio, GeneratedImage, ImageRequest, Size
from triptych.spec.model import CallContext, KeyCheck, ModelCard, Progress
from triptych.spec.secret import Secret

ALL: dict[str, ImageAdapter] = {**ADAPTERS, **row_adapters()}


def own_models() -> Iterator[ModelCard]:
    """A model at each row that comes without one, as its user would name it in the settings."""
    for name in sorted(set(ALL) - {card.provider for card in CARDS.values()}):
        table = {"base_url": "https://row.example/v1", "like": name, "models": [{"id": "own"}]}
        _, cards = row_from_settings(name, table)
        yield from cards


SERVED = [*(card for card in CARDS.values() if card.provider in ALL), *own_models()]
PER_CARD = pytest.mark.parametrize("card", SERVED, ids=[card.id for card in SERVED])
PER_ADAPTER = pytest.mark.parametrize("name", sorted({card.provider for card in SERVED}))
RUNNING = {
    "aihorde": answer({"done": False, "queue_position": 2, "wait_time": 3, "is_possible": True, "processing": 0}),
    "alibaba": answer({"output": {"task_id": "ab", "task_status": "RUNNING"}}),
    "bfl": answer({"id": "ab", "status": "Pending", "result": None, "progress": 0.5}),
    "fal": answer({"status": "IN_PROGRESS", "request_id": "ab", "logs": None}),
    "replicate": answer(
        {"id": "ab", "status": "processing", "urls": {"get": "https://api.replicate.com/v1/predictions/ab"}}
    ),
}
"""What says that a job goes on, of each provider that is asked again and again."""
PER_JOB = pytest.mark.parametrize("name", sorted(RUNNING))
QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MASK = picture(png("RGBA", (0, 0, 0, 0)))
EMPTY = ImageRequest(prompt="x")

CLASSES = ("512", "1k", "1.5k", "2k", "4k")  # a size class is told by the pixel size that is sent, where there is one

WISHES: dict[str, st.SearchStrategy[Any]] = {
    "size": st.builds(Size, st.integers(64, 4096), st.integers(64, 4096)),
    "aspect_ratio": st.builds(AspectRatio, st.integers(1, 21), st.integers(1, 21)),
    "resolution": st.sampled_from(CLASSES),
    "quality": st.sampled_from(["draft", "low", "medium", "high", "max", "hd", "auto"]),
    "seed": st.integers(0, 2**31 - 1),
    "negative_prompt": st.text(min_size=1, max_size=20),
    "background": st.sampled_from(["transparent", "opaque", "auto"]),
    "output_format": st.sampled_from(["png", "jpeg", "webp"]),
    "output_compression": st.integers(0, 100),
    "moderation": st.sampled_from(["auto", "low"]),
    "input_fidelity": st.sampled_from(["low", "high"]),
    "previews": st.integers(1, 4),
    "user": st.text(min_size=1, max_size=8),
    "knobs": st.dictionaries(st.sampled_from(["stylize", "chaos", "tile", "iw", "raw"]), st.just(1), min_size=1),
    "images": st.lists(st.sampled_from([large(), large(role="style")]), min_size=1, max_size=3).map(tuple),
    "n": st.integers(2, 4),
}
REQUESTS = st.builds(
    lambda prompt, wishes, masked: ImageRequest(
        prompt=prompt, mask=MASK if masked and "images" in wishes else None, **wishes
    ),
    st.text(min_size=1, max_size=30).filter(lambda text: "###" not in text and "|" not in text),
    st.fixed_dictionaries({}, optional=WISHES),
    st.booleans(),
)


async def no_key() -> None:
    """No key is needed to plan."""


def first_of(name: str) -> ModelCard:
    return next(card for card in SERVED if card.provider == name)


def built(card: ModelCard, request: ImageRequest) -> Any:
    """What is prepared, or None for a request that this model refuses before it is sent."""
    try:
        return ALL[card.provider].build(request, card)
    except BadRequestError as error:
        assert error.param is not None
        return None


def texts(http: HttpRequest) -> Iterator[str]:
    """Every text in the outbound body."""

    def inside(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from inside(inner)

    yield from inside(http.json)
    yield from (part.data.decode() for part in http.parts if part.filename is None)


def shapes(http: HttpRequest) -> list[float]:
    """Width to height of every size or ratio in the body."""
    said = json.dumps(http.json) + " " + " ".join(texts(http))
    pairs = re.findall(r"\b([0-9]+)[x:*]([0-9]+)\b", said) + re.findall(r'"width": ([0-9]+), "height": ([0-9]+)', said)
    return [int(width) / int(height) for width, height in pairs if int(width) and int(height)]


def shows(http: HttpRequest, value: object) -> bool:
    """Whether the body says this value: as a default that happens to be the same, or by another setting's value."""
    if isinstance(value, Size | AspectRatio):
        return any(abs(shape / (value.width / value.height) - 1) < 0.03 for shape in shapes(http))
    return str(value).lower() in " ".join([json.dumps(http.json), *texts(http)]).lower() or (
        value in CLASSES and bool(shapes(http))
    )


@PER_CARD
@QUICK
@given(request=REQUESTS)
def test_nothing_is_dropped_without_a_word(card: ModelCard, request: ImageRequest) -> None:
    prepared = built(card, request)
    if prepared is None:
        return
    told = {adjustment.feature: adjustment for adjustment in prepared.adjustments}
    assert set(told) >= request.features()
    for feature in request.features() - set(request.knobs):
        if told[feature].kind != "native":
            continue
        without = replace(request, **{feature: getattr(EMPTY, feature)})
        if feature == "images":
            without = replace(without, mask=None)
        other = built(card, without)
        changed = other is None or other.http != prepared.http
        assert changed or shows(prepared.http, getattr(request, feature)), f"{card.id} drops {feature}"


@PER_CARD
@QUICK
@given(request=REQUESTS)
def test_build_is_pure_and_knows_no_key(card: ModelCard, request: ImageRequest) -> None:
    prepared = built(card, request)
    assert built(card, request) == prepared
    if prepared is None:
        return
    http = prepared.http
    assert http.url.startswith("/")
    assert not http.url.startswith("//")
    assert not http.from_response
    assert http.json is None or not http.parts
    names = {name.lower() for name in http.headers}
    assert not names & {"authorization", "apikey", "x-api-key", ALL[card.provider].auth.header.lower(), "cookie"}
    json.dumps(http.json)


@PER_CARD
@QUICK
@given(prompt=st.text(min_size=1, max_size=60).filter(lambda text: "###" not in text and "|" not in text))
def test_the_prompt_is_sent_byte_for_byte(card: ModelCard, prompt: str) -> None:
    prepared = built(card, ImageRequest(prompt=prompt))
    assert prompt in list(texts(prepared.http))
    assert {note.feature for note in prepared.adjustments} <= {"prompt"}  # which brackets are read as weights is told


@PER_CARD
def test_what_decides_the_price_is_always_sent(card: ModelCard) -> None:
    http = built(card, ImageRequest(prompt="x")).http
    said = json.dumps(http.json) + "".join(f'"{part.name}": {part.data.decode()}, ' for part in http.parts)
    caps = card.capabilities
    if caps.resolutions:
        assert "size" in said.lower() or "resolution" in said or '"width"' in said
    if caps.qualities:
        speeds = card.extra.get("speeds")
        named = speeds[caps.default_quality] if isinstance(speeds, dict) else None
        assert f'"quality": "{caps.default_quality}"' in said or f'"rendering_speed": {named}' in said
    if card.provider == "bytedance":
        assert '"watermark": false' in said
    if caps.max_images_per_call > 1:
        assert '"n": 1' in said or '"num_images": 1' in said or '"num_outputs": 1' in said


@PER_CARD
def test_a_mask_is_never_lost(card: ModelCard) -> None:
    prepared = built(card, ImageRequest(prompt="x", images=(large(),), mask=MASK))
    assert (prepared is not None) == ("edit" in card.capabilities.operations)
    if prepared is not None:
        kinds = {note.feature: note.kind for note in prepared.adjustments}
        assert kinds["mask"] == ("native" if card.capabilities.mask else "emulated")
    assert built(card, ImageRequest(prompt="x", mask=MASK)) is None


WORDS = ["data", "b64_json", "url", "error", "code", "message", "candidates", "content", "parts", "inlineData", "usage",
         "usageMetadata", "promptFeedback", "blockReason", "finishReason", "generations", "img", "done", "id", "censored",
         "gen_metadata", "respect_moderation", "cost_in_usd_ticks", "warnings", "is_possible", "queue_position",
         "wait_time", "details", "errors", "detail", "type", "username", "candidatesTokensDetails", "output_tokens",
         "seed", "size", "output_format"]  # fmt: skip
LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from([B64, "https://x.example/a.png", "N/A", "STOP", "SAFETY", "*", "data:image/png;base64,", "partial_image"])
)  # fmt: skip
GARBAGE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
BODIES = GARBAGE.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
LONG = b'"' + b"a" * 70_000 + b'"'
NAMED = [b"", b"{}", b"[]", b"null", b"0", b'"x"', b"\xff\xfe", b"[" * 4000, b'{"data": [{"url": 5}]}', b'{"data": {"0": 1}}',
         b'{"data": [{"b64_json": "AAA"}]}', b'{"data": [null, 1, "x", []]}', b'{"candidates": [{"content": {"parts": null}}]}',
         b'{"candidates": {"content": 1}}', b'{"done": true, "generations": [{"img": 1}]}', b'{"error": []}', b'{"error": {}}',
         b'{"usage": {"cost_in_usd_ticks": 1e400}}', b"<!doctype html><title>502</title>", b'{"data": [{"b64_json": ""}]',
         b"[" * 700 + LONG + b"]" * 700, b'{"error":' * 700 + LONG + b"}" * 700, b'{"data":[' * 460 + LONG + b"]}" * 460,
         b'{"error":' * 900 + b"1" + b"}" * 900]  # fmt: skip


def read(adapter: ImageAdapter, card: ModelCard, response: HttpResponse) -> None:
    """An answer becomes a picture, a job, or one of our errors; anything else escapes and fails the test."""
    try:
        result = adapter.parse(response, ImageRequest(prompt="x"), card)
    except TriptychError as error:
        assert error.provider == adapter.provider
        assert error.billed in {"yes", "no", "unknown"}
        return
    if isinstance(result, Pending):
        assert result.poll.url.startswith("/") or result.poll.from_response
        assert result.after >= 0
        return
    assert isinstance(result, Done)
    assert result.images
    assert all(image.data if isinstance(image, GeneratedImage) else image.url for image in result.images)


@PER_ADAPTER
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES, status=st.sampled_from([200, 200, 200, 202, 400, 403, 404, 422, 429, 500, 503, 302]),
       step=st.sampled_from(["submit", "poll", "cancel"]))  # fmt: skip
def test_any_body_gives_an_error_of_ours_or_a_picture(name: str, body: bytes, status: int, step: Step) -> None:
    card = first_of(name)
    read(ALL[name], card, answer(body, status, step=step, url="https://h.example/v/generate/check/ab"))


@PER_ADAPTER
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("body", NAMED, ids=range(len(NAMED)))
def test_bodies_that_have_broken_others(name: str, body: bytes, status: int) -> None:
    card = first_of(name)
    with pytest.raises(TriptychError):
        ALL[name].parse(answer(body, status), ImageRequest(prompt="x"), card)


@PER_ADAPTER
@settings(max_examples=60, deadline=None)
@given(
    data=GARBAGE.map(json.dumps) | st.text(max_size=30),
    kind=st.sampled_from(["message", "error", "image_edit.completed", ""]),
)
def test_any_event_gives_an_error_of_ours_or_something(name: str, data: str, kind: str) -> None:
    card = first_of(name)
    try:
        found = ALL[name].parse_event(ServerSentEvent(event=kind, data=data), ImageRequest(prompt="x"), card)
    except TriptychError:
        return
    assert found is None or isinstance(found, Progress | Done)


@PER_ADAPTER
@settings(max_examples=60, deadline=None)
@given(body=BODIES, status=st.sampled_from([200, 400, 401, 403, 404, 429, 500]))
def test_a_check_always_has_an_outcome(name: str, body: bytes, status: int) -> None:
    sent = ALL[name].check_request()
    assert (sent.method, sent.step, sent.url[:1]) == ("GET", "check", "/")
    found = ALL[name].parse_check(answer(body, status, step="check"))
    assert isinstance(found, KeyCheck)
    assert found.message
    assert found.ok == (status == 200 or (name in NO_FREE_CALL and status == 404))


@PER_CARD
@settings(QUICK, max_examples=8)
@given(data=st.data())
def test_the_laws_that_need_no_answers(card: ModelCard, data: st.DataObject) -> None:
    request = data.draw(some.requests_for(card))
    shape = data.draw(st.sampled_from(["size", "aspect_ratio", "resolution"]))
    left_out: dict[str, Any] = dict.fromkeys({"size", "aspect_ratio", "resolution"} - {shape})
    laws.hold(ALL[card.provider], card, replace(request, **left_out))


@PER_ADAPTER
@settings(QUICK, max_examples=60)
@given(response=some.garbage())
def test_garbage_through_the_driver(name: str, response: HttpResponse) -> None:
    card = first_of(name)
    laws.check_garbage_gives_our_errors(ALL[name], card, laws.bare_request(card), response)


@PER_JOB
@settings(QUICK, max_examples=60)
@given(response=some.garbage())
def test_garbage_in_answer_to_a_poll(name: str, response: HttpResponse) -> None:
    card = first_of(name)
    laws.check_garbage_gives_our_errors(ALL[name], card, laws.bare_request(card), response, PICTURES[name][0])


@PER_ADAPTER
@pytest.mark.parametrize("response", laws.EMPTY_SUCCESSES, ids=range(len(laws.EMPTY_SUCCESSES)))
def test_success_without_a_picture_is_a_failure(name: str, response: HttpResponse) -> None:
    card = first_of(name)
    laws.check_empty_success_is_failure(ALL[name], card, laws.bare_request(card), response)


@PER_CARD
@settings(QUICK, max_examples=6)
@given(request=REQUESTS.filter(lambda request: bool(request.images)))
def test_a_plan_says_what_the_request_would_and_never_looks_into_pictures(
    card: ModelCard, request: ImageRequest
) -> None:
    prepared = built(card, request)
    if prepared is None:
        return
    adapter = ALL[card.provider]
    model = HttpImageModel(card, adapter, PlayedTransport(lambda _: answer({}), PlayedClock()), no_key, PlayedClock())
    unseen = cast("bytes", None)
    images = tuple(replace(image, data=unseen) for image in request.images)
    mask = None if request.mask is None else replace(request.mask, data=unseen)
    assert model.plan(replace(request, images=images, mask=mask)) == prepared.adjustments


NO_FREE_CALL = (
    "bytedance",
    "fal",
    "vertex",
)  # their check asks for what is not there: being told so shows that the key is accepted, or nothing of it
ELSEWHERE = "https://cdn.example/a.png"
PICTURES: dict[str, list[HttpResponse]] = {
    "google": [
        answer({"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": B64}}]}}]})
    ],
    "opengradient": [
        answer({"choices": [{"message": {"content": "Here.", "images": [f"data:image/png;base64,{B64}", ELSEWHERE]}}]})
    ],
    "aihorde": [
        answer({"id": "ab"}, 202),
        answer({"done": True, "queue_position": 0, "wait_time": 0, "is_possible": True, "processing": 0}),
        answer({"done": True, "generations": [{"img": ELSEWHERE, "id": "g", "censored": False, "gen_metadata": []}]}),
    ],
    "bfl": [
        answer({"id": "ab", "polling_url": "https://api.us1.bfl.ai/v1/get_result?id=ab", "cost": 3.0}),
        answer({"id": "ab", "status": "Pending", "result": None, "progress": 0.5}),
        answer({"id": "ab", "status": "Ready", "result": {"sample": ELSEWHERE, "seed": 42, "prompt": "x"}}),
    ],
    "fal": [
        answer(
            {
                "status": "IN_QUEUE",
                "request_id": "ab",
                "response_url": "https://queue.fal.run/fal-ai/flux/requests/ab",
                "status_url": "https://queue.fal.run/fal-ai/flux/requests/ab/status",
                "queue_position": 1,
            }
        ),
        answer(
            {"status": "COMPLETED", "request_id": "ab", "response_url": "https://queue.fal.run/fal-ai/flux/requests/ab"}
        ),
        answer({"images": [{"url": ELSEWHERE, "content_type": "image/png"}], "has_nsfw_concepts": [False], "seed": 1}),
    ],
    "replicate": [
        answer({"id": "ab", "status": "starting", "urls": {"get": "https://api.replicate.com/v1/predictions/ab"}}, 201),
        answer({"id": "ab", "status": "succeeded", "output": [ELSEWHERE]}),
    ],
    "alibaba": [
        answer({"output": {"task_id": "ab", "task_status": "PENDING"}, "request_id": "r"}),
        answer({"output": {"task_id": "ab", "task_status": "RUNNING"}}),
        answer({"output": {"task_status": "SUCCEEDED", "choices": [{"message": {"content": [{"image": ELSEWHERE}]}}]}}),
    ],
    "minimax": [answer({"data": {"image_base64": [B64]}, "base_resp": {"status_code": 0, "status_msg": "success"}})],
    "fireworks": [answer({"base64": [B64], "finishReason": "SUCCESS", "seed": 1})],
    "huggingface": [answer({"data": [{"b64_json": B64}], "images": [{"url": ELSEWHERE}]})],
    "ideogram": [answer({"data": [{"url": ELSEWHERE, "is_image_safe": True, "seed": 1, "prompt": "x"}]})],
    "stability": [answer({"image": B64, "finish_reason": "SUCCESS", "seed": 1})],
}
PICTURES["vertex"] = PICTURES["google"]
"""A success in each wire format of its own; the others speak as OpenAI does."""
SPEAKS_OPENAI = [answer({"data": [{"b64_json": B64}, {"url": ELSEWHERE}]})]


@PER_ADAPTER
def test_the_key_stays_with_its_provider(name: str) -> None:
    adapter, card = ALL[name], first_of(name)
    answers = PICTURES.get(name, SPEAKS_OPENAI)
    laws.check_credentials_stay(adapter, card, laws.bare_request(card), answers)
    echo = answer({"error": {"message": f"the key {laws.LAW_KEY} is wrong", "code": 401}, "rc": laws.LAW_KEY}, 401)
    laws.check_credentials_stay(adapter, card, laws.bare_request(card), [echo])


@PER_ADAPTER
async def test_the_answers_that_the_laws_are_tried_with_are_successes(name: str) -> None:
    adapter, card = ALL[name], first_of(name)
    turn = iter(PICTURES.get(name, SPEAKS_OPENAI))

    def play(sent: HttpRequest) -> HttpResponse:
        return HttpResponse(status=200, body=PNG) if sent.step == "fetch" else next(turn)

    async def tell(_: object) -> None:
        """Nobody listens."""

    async def law_key() -> Secret:
        return Secret(laws.LAW_KEY)

    clock = PlayedClock()
    model = HttpImageModel(card, adapter, PlayedTransport(play, clock), law_key, clock)
    made = await model.generate(laws.bare_request(card), CallContext(call_id="a", deadline=clock.now + 60, tell=tell))
    assert made.images


@PER_JOB
def test_an_endless_job_is_given_up_at_the_deadline(name: str) -> None:
    card = first_of(name)
    laws.check_polling_ends(ALL[name], card, laws.bare_request(card), [PICTURES[name][0], RUNNING[name]])


def test_every_adapter_that_polls_is_tried_with_polls() -> None:
    polls = {
        name
        for name, answers in PICTURES.items()
        if isinstance(ALL[name].parse(answers[0], EMPTY, first_of(name)), Pending)
    }
    assert polls == set(RUNNING)


def test_no_adapter_stands_outside_the_laws() -> None:
    assert {card.provider for card in SERVED} == set(ALL)


def test_every_card_has_an_adapter_and_every_price_its_source() -> None:
    assert {card.provider for card in SERVED} >= {
        "google",
        "bytedance",
        "xai",
        "openai",
        "aihorde",
        "bfl",
        "fal",
        "replicate",
        "stability",
        "ideogram",
        "fireworks",
        "huggingface",
        "minimax",
        "alibaba",
        "recraft",
        "together",
        "deepinfra",
    }
    for card in SERVED:
        assert all(line.source and line.as_of for line in card.prices), card.id
        assert all(fact.source and fact.as_of for fact in card.policy), card.id
