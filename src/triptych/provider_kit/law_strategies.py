"""Hypothesis strategies for the laws: requests that a card can be asked for, and answers that make no sense."""

import string

import msgspec
from hypothesis import strategies as st

from triptych.http.message import HttpResponse
from triptych.provider_kit.laws import picture
from triptych.provider_kit.upstream import as_count
from triptych.spec.image import TASKS, AspectRatio, ImageRequest, InputImage, Role, Size, Turn, WeightedPart
from triptych.spec.json import Json
from triptych.spec.model import ModelCard

_WORDS = (
    "a kettle",
    "Köln at dawn",
    "雨の街",
    'say "hello"',
    "two\nlines",
    " spaces ",
    "emoji 🫖",
    "50% {x} <b>",
    "\\n",
    "null",
)
_ROLES: tuple[Role, ...] = ("edit", "subject", "style", "layout")
_QUALITIES = ("draft", "low", "medium", "high", "xhigh", "max", "standard", "hd", "auto")
_RESOLUTIONS = ("512", "1k", "1.5k", "2k", "3k", "4k")
_KNOBS = ("stylize", "chaos", "weird", "tile", "raw", "iw", "sw")
_NAMES = (
    "data", "images", "image", "url", "b64_json", "error", "message", "code", "status", "state", "id", "done", "detail", "usage",
    "candidates", "content", "parts", "inlineData", "mimeType", "finishReason", "promptFeedback", "blockReason", "generations",
    "img", "censored", "faulted", "queue_position", "wait_time", "is_possible", "output", "result", "results", "errors", "type",
    "request_id", "revised_prompt", "seed", "model", "respect_moderation", "cost_in_usd_ticks", "output_tokens", "task_id", "rc",
)  # fmt: skip


def prompts(limit: int | None = None) -> st.SearchStrategy[str]:
    """Prompts as people write them: all scripts, quotes, line ends; never empty."""
    most = min(limit or 200, 200)
    free = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=min(40, most))
    return (free | st.sampled_from(_WORDS)).map(lambda text: text[:most]).filter(str.strip)


def _optional(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


@st.composite
def requests_for(draw: st.DrawFn, card: ModelCard) -> ImageRequest:
    """Requests for one model: within what it takes, and beyond it where the answer is an adjustment."""
    caps = card.capabilities
    sides = st.sampled_from([256, 512, 768, 1000, 1024, 1536, 2048, 4096])
    tasks = [task for task in TASKS if task in caps.operations]
    task = draw(st.sampled_from([None, *tasks] if card.draws else tasks))
    edits = bool(task) or "generate" not in caps.operations or ("edit" in caps.operations and draw(st.booleans()))
    count = draw(st.integers(min_value=1, max_value=caps.max_input_images + 1)) if edits else 0
    images = _pictures(draw, count, as_count(card.extra.get("least_input_side")) or 8)
    text = st.sampled_from(["fog", "text, watermark"])
    values = {
        "size": st.builds(Size, sides, sides)
        | st.sampled_from([Size.parse(size) for size in caps.sizes or ("1024x1024",)]),
        "aspect_ratio": st.builds(AspectRatio, st.integers(1, 21), st.integers(1, 21)),
        "resolution": st.sampled_from(_RESOLUTIONS),
        "quality": st.sampled_from([*_QUALITIES, *caps.qualities]),
        "seed": st.integers(min_value=0, max_value=2**31 - 1),
        "negative_prompt": text,
        "background": st.sampled_from(["transparent", "opaque", "auto"]),
        "output_format": st.sampled_from(["png", "jpeg", "webp"]),
        "output_compression": st.integers(min_value=0, max_value=100),
        "moderation": st.sampled_from(["auto", "low"]),
        "input_fidelity": st.sampled_from(["low", "high"]),
        "user": st.sampled_from(["someone"]),
    }
    asked = draw(st.fixed_dictionaries({}, optional=values))
    knobs = draw(
        st.dictionaries(st.sampled_from([*_KNOBS, *caps.knobs]), st.integers(0, 100) | st.booleans(), max_size=3)
    )
    parts = draw(st.sampled_from([(), (WeightedPart("a kettle", 2.0), WeightedPart("steam", 0.5))]))
    return ImageRequest(
        prompt=draw(prompts(caps.max_prompt_chars)),
        n=draw(st.integers(min_value=1, max_value=min(4, caps.max_images_per_call))),
        previews=draw(st.integers(min_value=0, max_value=3)),
        images=images,
        mask=picture() if images and caps.mask and draw(st.booleans()) else None,
        knobs=knobs,
        parts=parts,
        turns=draw(_turns(card)) if images and task is None else (),
        task=task,
        **asked,  # type: ignore[arg-type]
    )


def _turns(card: ModelCard) -> st.SearchStrategy[tuple[Turn, ...]]:
    """Earlier turns, this model's own and others', with contexts that may be no such thing."""
    one = st.builds(
        Turn, prompt=st.sampled_from(_WORDS), picture=st.just("img_1"), answer=st.builds(picture, st.just("edit"), st.just(40)),
        endpoint=st.sampled_from([card.id, "other/model"]), context=st.sampled_from([None, "", "[]", '[{"thoughtSignature":"x"}]']),
    )  # fmt: skip
    return st.lists(one, max_size=2).map(tuple)


def _pictures(draw: st.DrawFn, count: int, least: int) -> tuple[InputImage, ...]:
    return tuple(picture(draw(st.sampled_from(_ROLES)), size) for size in range(least, least + 2 * count, 2))


def _deep() -> st.SearchStrategy[bytes]:
    """JSON nested so deep that whoever follows it step by step runs out of stack, around a short word or a long one."""
    inner = st.sampled_from([b"1", b'"' + b"a" * 70_000 + b'"'])
    ends = st.sampled_from([(b"[", b"]"), (b'{"error":', b"}"), (b'{"data":[', b"]}")])
    around = st.sampled_from([(b"", b""), (b'{"errors":{"a":', b"}}"), (b'{"status":"succeeded","output":', b"}")])
    return st.builds(
        lambda outer, pair, depth, word: outer[0] + pair[0] * depth + word + pair[1] * depth + outer[1],
        around, ends, st.integers(90, 1100), inner,
    )  # fmt: skip


def garbage() -> st.SearchStrategy[HttpResponse]:
    """Answers that hold no picture: any status, any JSON with the names that providers use, cut JSON, HTML, bytes."""
    plain = (
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(string.printable, max_size=12) | st.sampled_from(["https://x.example/a.png", "data:,", "AAAA", "succeeded"])
    )  # fmt: skip
    values: st.SearchStrategy[Json] = st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
        max_leaves=12,
    )  # fmt: skip
    whole = values.map(msgspec.json.encode)
    cut = st.tuples(whole, st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]])
    other = st.binary(max_size=40) | st.sampled_from([b"<html><body>Bad gateway</body></html>", b"{", b"\xff\xfe"])
    bodies = st.one_of(whole, cut, other, _deep())
    kinds = st.sampled_from(["application/json", "text/html", "text/plain", ""])
    return st.builds(
        lambda status, kind, body: HttpResponse(status=status, headers={"content-type": kind}, body=body),
        st.sampled_from([200, 200, 200, 201, 202, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 529]),
        kinds, bodies,
    )  # fmt: skip
