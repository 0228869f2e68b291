"""The laws that every adapter is held to, ours and third parties', as functions for a test to call.

Installing Triptych registers this module as a pytest plug-in. It adds the fixture `triptych_laws` and nothing else. A
whole test file for an adapter:

    import pytest
    from hypothesis import given
    from triptych.http.message import HttpResponse
    from triptych.provider_kit import law_strategies as some, laws
    from mine import ADAPTER, CARD

    @given(request=some.requests_for(CARD))
    def test_the_laws_of_a_request(request):
        laws.check_no_silent_drop(ADAPTER, CARD, request)
        laws.check_no_silent_addition(ADAPTER, CARD, request)
        laws.check_build_is_pure(ADAPTER, CARD, request)

    @given(response=some.garbage())
    def test_garbage(response):
        laws.check_garbage_gives_our_errors(ADAPTER, CARD, laws.bare_request(CARD), response)

    @pytest.mark.parametrize("response", laws.EMPTY_SUCCESSES)
    def test_empty_success(response):
        laws.check_empty_success_is_failure(ADAPTER, CARD, laws.bare_request(CARD), response)

    def test_with_answers():
        answers = [HttpResponse(status=200, body=b'{"id": "1"}'), HttpResponse(status=200, body=b'{"state": "running"}')]
        laws.check_credentials_stay(ADAPTER, CARD, laws.bare_request(CARD), answers)
        laws.check_polling_ends(ADAPTER, CARD, laws.bare_request(CARD), answers)

or, for the laws that need no answers, `triptych_laws(ADAPTER, CARD, request)`. A broken law raises AssertionError with
one sentence that says what was dropped, added or leaked. The functions are synchronous and run the real driver on a
played transport and clock: no socket is opened and nothing waits. Hypothesis is needed for `law_strategies` only.
"""

import asyncio
import copy
import hashlib
import struct
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from triptych.http.message import HttpRequest, HttpResponse
from triptych.provider_kit.adapter import Done, ImageAdapter, Pending, Prepared, RemoteImage
from triptych.provider_kit.driver import HttpImageModel
from triptych.provider_kit.playback import Answer, PlayedClock, PlayedTransport
from triptych.spec.errors import AmbiguousError, BadRequestError, TriptychError
from triptych.spec.image import TASKS, AspectRatio, ImageRequest, ImageResult, InputImage, Role, Size
from triptych.spec.json import Json
from triptych.spec.model import Accepted, Answered, CallContext, CallEvent, ModelCard, Sent
from triptych.spec.secret import Secret

LAW_KEY = "law-key-7f3a9c51d2e84b06"
EMPTY_SUCCESSES: tuple[HttpResponse, ...] = tuple(
    HttpResponse(status=200, headers={"content-type": "application/json"}, body=body)
    for body in (
        b"", b"{}", b"[]", b"null", b'""', b"0", b"true", b'{"data":[]}', b'{"data":null}', b'{"data":[{}]}', b'{"data":[null]}',
        b'{"data":[{"b64_json":""}]}', b'{"data":[{"b64_json":null}]}', b'{"data":[{"b64_json":"!!"}]}', b'{"data":[{"url":""}]}',
        b'{"data":[{"url":"x"}]}', b'{"data":[{"b64_json":"PHN2Zy8+"}]}', b'{"images":[]}', b'{"candidates":[]}',
        b'{"candidates":[{"content":{"parts":[{"text":"I cannot draw that."}]}}]}', b'{"candidates":[{"content":null}]}',
        b'{"output":null}', b'{"result":{}}', b'{"generations":[],"done":true}', b'{"error":null}', b"<html>sign in</html>",
    )
)  # fmt: skip
_PROSE = frozenset({"negative_prompt", "negative", "prompt_prefix", "prompt_suffix", "system", "system_instruction",
                    "systeminstruction", "style_prompt"})  # fmt: skip
_POLLS_PER_SECOND = 2
_GONE = HttpResponse(status=404)


# What the laws are tried with.


def png(width: int = 8, height: int = 8) -> bytes:
    """A real PNG with a transparent half, made without any library."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + b"\x20\x40\x80\xff" * (width // 2) + b"\x20\x40\x80\x00" * (width - width // 2)
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b"")
    )


def picture(role: Role = "edit", size: int = 8) -> InputImage:
    """A small input picture."""
    data = png(size, size)
    return InputImage(data, "image/png", hashlib.sha256(data).hexdigest(), size, size, role)


def bare_request(card: ModelCard, prompt: str = "a steel kettle on basalt, dawn") -> ImageRequest:
    """The least that this model can be asked for."""
    needs_picture = "generate" not in card.capabilities.operations
    task = None if card.draws else next(task for task in TASKS if task in card.capabilities.operations)
    return ImageRequest(prompt=prompt, images=(picture(),) if needs_picture else (), task=task)


# The laws of a request.


def check_no_silent_drop(adapter: ImageAdapter, card: ModelCard, request: ImageRequest) -> None:
    """Everything that is asked for changes what is sent, or is in the adjustments; and `native` is not
    said of two values for which the very same is sent. A refused request drops nothing."""
    prepared = _build(adapter, card, request)
    if prepared is None:
        return
    said = {adjustment.feature: adjustment for adjustment in prepared.adjustments}
    sent = _leaves(prepared)
    for feature in sorted(request.features()):
        without = _build(adapter, card, _without(request, feature))
        changes = without is None or _leaves(without) != sent
        assert feature in said or changes, f"{adapter.provider} drops {feature} without a word"
        if feature in said and said[feature].kind == "native" and not changes:
            twin = _twin(adapter, card, request, feature, sent)
            assert twin is None, (
                f"{adapter.provider} reports {feature} as native, but it changes nothing that is sent: {twin} is the same"
            )


def _twin(adapter: ImageAdapter, card: ModelCard, request: ImageRequest, feature: str, sent: Mapping[str, Json]) -> Any:
    """Another value of the feature that is reported as native too, although the very same is sent; None is good."""
    for other in _variations(request, feature, card):
        prepared = _build(adapter, card, other)
        if prepared is not None and _leaves(prepared) == sent:
            said = {adjustment.feature: adjustment.kind for adjustment in prepared.adjustments}
            if said.get(feature) == "native":
                return other.knobs.get(feature, getattr(other, feature, None))
    return None


def check_no_silent_addition(
    adapter: ImageAdapter, card: ModelCard, request: ImageRequest, fields: Collection[str] | None = None
) -> None:
    """The prompt goes out byte-identical and is all that a bare request says in words; with a task it does not go out. With
    `fields`, a bare request has no other fields than these (dotted paths, lists without numbers)."""
    bare = replace(bare_request(card), prompt=request.prompt)
    longer = request.prompt + " and one zebra"
    one, two = (_build(adapter, card, replace(bare, prompt=text)) for text in (request.prompt, longer))
    if one is None or two is None:
        return
    first, second = _leaves(one), _leaves(two)
    moved = {path: (first.get(path), second.get(path)) for path in first.keys() | second.keys()}
    moved = {path: pair for path, pair in moved.items() if pair[0] != pair[1]}
    assert bool(moved) == (bare.task is None), f"{adapter.provider} {'sends' if moved else 'does not send'} the prompt"
    for path, pair in moved.items():
        assert pair == (request.prompt, longer), (
            f"{adapter.provider} sends {pair[0]!r} at {path}: not the prompt as it is"
        )
    for path, value in first.items():
        name = path.rpartition(".")[2].lower()
        assert name not in _PROSE or not value, f"{adapter.provider} adds {path} = {value!r} that nobody asked for"
        if fields is not None and path.startswith("body."):
            assert _dotted(path) in fields, f"{adapter.provider} adds the field {_dotted(path)}"


def check_build_is_pure(adapter: ImageAdapter, card: ModelCard, request: ImageRequest) -> None:
    """The same request gives the same bytes, is not changed, and has no credential and no address of its own in it."""
    before = copy.deepcopy(request)
    first, second = _build(adapter, card, request), _build(adapter, card, request)
    assert request == before, f"{adapter.provider} changes the request that it is given"
    assert first == second, f"{adapter.provider} builds something else each time"
    if first is None:
        return
    names = {name.lower() for name in first.http.headers}
    assert adapter.auth.header.lower() not in names, f"{adapter.provider} puts a credential in by itself"
    assert first.http.url.startswith("/"), f"{adapter.provider} builds {first.http.url}, which is not a path"
    assert not (first.http.json is not None and first.http.parts), f"{adapter.provider} builds two bodies"


def hold(adapter: ImageAdapter, card: ModelCard, request: ImageRequest) -> None:
    """All laws that need no answers."""
    check_no_silent_drop(adapter, card, request)
    check_no_silent_addition(adapter, card, request)
    check_build_is_pure(adapter, card, request)
    check_trusted_hosts(adapter)


# The laws of an answer.


def check_garbage_gives_our_errors(
    adapter: ImageAdapter, card: ModelCard, request: ImageRequest, response: HttpResponse,
    accepted: HttpResponse | None = None,
) -> None:  # fmt: skip
    """An answer that makes no sense ends in one of our errors; after a 2xx it is not called free. With `accepted`, an
    answer that starts a job, the garbage comes as the answer to every poll."""
    answers = [accepted, response] if accepted is not None else [response]
    call = _play(adapter, card, request, answers, fetched=_GONE)
    assert call.error is not None, f"{adapter.provider} makes a picture out of {response.body[:80]!r}"
    assert call.error.message, f"{adapter.provider} raises an error without words"
    if 200 <= response.status < 300 and not card.free:
        assert call.error.billed != "no", f"{adapter.provider} calls an unreadable 2xx not billed: nobody knows that"


def check_empty_success_is_failure(
    adapter: ImageAdapter, card: ModelCard, request: ImageRequest, response: HttpResponse
) -> None:
    """A 200 without a picture that can be opened is a typed failure, never a result."""
    call = _play(adapter, card, request, [response], fetched=_GONE)
    assert call.error is not None, f"{adapter.provider} calls {response.body[:80]!r} a success"
    outcome = call.outcomes[0] if call.outcomes else None
    assert not isinstance(outcome, Done) or outcome.images, f"{adapter.provider} gives a result without a picture"


def check_credentials_stay(
    adapter: ImageAdapter, card: ModelCard, request: ImageRequest, answers: Sequence[HttpResponse]
) -> None:
    """The key reaches the provider's origin and its trusted hosts by https, in its header, and nothing else: no other
    host that an answer points to, no address, no body, no record, no error. `answers` are played in turn; the last one
    is repeated, and pictures are there to be fetched."""
    check_trusted_hosts(adapter)
    for tried in (adapter, *(cast(ImageAdapter, _Led(adapter, url)) for url in _elsewhere(adapter))):
        call = _play(tried, card, request, answers)
        if adapter.auth.required:
            assert LAW_KEY in str(call.seen[0].headers), f"{adapter.provider} is not given its key"
        for sent in call.seen:
            if LAW_KEY in str(sent.headers):
                assert _may_have_key(adapter, sent.url), f"{adapter.provider} sends the key to {sent.url}"
            assert LAW_KEY not in sent.url + repr(sent.json), f"{adapter.provider} puts the key outside its header"
        records = [event.wire for event in call.events if isinstance(event, Sent | Answered)]
        assert LAW_KEY not in repr(records), f"{adapter.provider} has the key in the record of what was sent"
        words = vars(call.error) if call.error is not None else {}
        assert LAW_KEY not in repr(words), f"{adapter.provider} has the key in an error"


def check_trusted_hosts(adapter: ImageAdapter) -> None:
    """Trusted hosts are names, or `*.` before a name of at least two parts: no ports, schemes or whole top levels."""
    for host in adapter.trusted_hosts:
        name = host.removeprefix("*.")
        plain = (
            name == name.lower()
            and not set(name) & set("*/:@ ")
            and len([part for part in name.split(".") if part]) >= 2
        )
        assert plain, f"{adapter.provider} trusts {host!r}, which is not the name of a host"


def check_polling_ends(
    adapter: ImageAdapter,
    card: ModelCard,
    request: ImageRequest,
    answers: Sequence[HttpResponse],
    seconds: float = 120.0,
) -> None:
    """A job that never ends is given up at the deadline, with its id; the caller has the job before the first poll;
    and polls come at a decent pace. `answers` lead to a job that runs; the last one is repeated."""
    call = _play(adapter, card, request, answers, seconds=seconds)
    assert isinstance(call.error, AmbiguousError), f"{adapter.provider} ends an endless job with {call.error!r}"
    assert call.took_s <= seconds + 1, f"{adapter.provider} polls for {call.took_s:.0f} s, {seconds:.0f} s were given"
    jobs = [event.job for event in call.events if isinstance(event, Accepted)]
    assert jobs, f"{adapter.provider} starts no job with these answers"
    assert jobs[0].job_id in (call.error.detail or ""), f"{adapter.provider} loses the job's id"
    polls = len(call.seen) - 1
    assert call.seen_at_acceptance == 1, f"{adapter.provider} polls before the job was stored"
    assert 0 < polls <= seconds * _POLLS_PER_SECOND, f"{adapter.provider} polls {polls} times in {seconds:.0f} s"


@pytest.fixture(scope="session")
def triptych_laws() -> Callable[[ImageAdapter, ModelCard, ImageRequest], None]:
    """`triptych_laws(adapter, card, request)` holds an adapter to every law that needs no answers."""
    return hold


# How they are checked.


def _build(adapter: ImageAdapter, card: ModelCard, request: ImageRequest) -> Prepared | None:
    """None for a request that the adapter refuses in the proper way."""
    try:
        return adapter.build(request, card)
    except BadRequestError:
        return None


def _leaves(prepared: Prepared) -> dict[str, Json]:
    """Everything that is sent, by its place."""
    http = prepared.http
    leaves: dict[str, Json] = {"method": http.method, "url": http.url, "stream": http.stream}
    leaves |= {f"header.{name.lower()}": value for name, value in http.headers.items()}
    leaves |= dict(_walk("body", http.json))
    for number, part in enumerate(http.parts):
        about = f"{part.filename} {part.media_type} " if part.filename else ""
        leaves[f"body.{number}.{part.name}"] = about + part.data.decode("utf-8", "surrogateescape")
    return leaves


def _walk(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _walk(f"{path}.{name}", item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, item in enumerate(value):
            yield from _walk(f"{path}.{number}", item)
    else:
        yield path, value


def _dotted(path: str) -> str:
    return ".".join(name for name in path.split(".")[1:] if not name.isdigit())


def _without(request: ImageRequest, feature: str) -> ImageRequest:
    if feature in request.knobs:
        return replace(request, knobs={name: value for name, value in request.knobs.items() if name != feature})
    bare: dict[str, Any] = {f.name: f.default for f in fields(ImageRequest) if f.name == feature}
    return replace(request, **bare)


def _variations(request: ImageRequest, feature: str, card: ModelCard) -> list[ImageRequest]:
    """The request with other values of a feature, as the card offers them."""
    caps = card.capabilities
    offered: Mapping[str, Sequence[Any]] = {
        "size": [Size.parse(text) for text in caps.sizes] or [Size(512, 512), Size(1536, 1024), Size(1024, 2048)],
        "aspect_ratio": [AspectRatio.parse(text) for text in caps.aspect_ratios if ":" in text] or [AspectRatio(16, 9), AspectRatio(1, 2)],
        "resolution": caps.resolutions or ("1k", "2k", "4k"),
        "quality": caps.qualities,
        "background": caps.backgrounds,
        "output_format": caps.output_formats,
        "output_compression": (1, 99),
        "moderation": ("auto", "low"),
        "input_fidelity": ("low", "high"),
        "seed": (1, 2),
        "negative_prompt": ("fog", "rain"),
        "n": range(1, caps.max_images_per_call + 1),
        "previews": (1, 2),
        "user": ("one", "two"),
    }  # fmt: skip
    if feature in request.knobs:
        now = request.knobs[feature]
        return [
            replace(request, knobs={**request.knobs, feature: value}) for value in (1, 2, True, False) if value != now
        ]
    values = [value for value in offered.get(feature, ()) if not _alike(value, getattr(request, feature))]
    return [replace(request, **{feature: value}) for value in values]


def _alike(one: Any, other: Any) -> bool:
    """Two ways to write one value: 8:10 and 4:5, 1K and 1k."""
    if isinstance(one, AspectRatio) and isinstance(other, AspectRatio):
        return abs(one.value / other.value - 1) < 0.05
    return str(one).lower() == str(other).lower()


@dataclass(slots=True)
class _Played:
    """One call as it went."""

    events: list[CallEvent] = field(default_factory=list)
    seen: list[HttpRequest] = field(default_factory=list)
    seen_at_acceptance: int = 0
    result: ImageResult | None = None
    error: TriptychError | None = None
    outcomes: list[Done | Pending] = field(default_factory=list)
    took_s: float = 0.0


def _play(
    adapter: ImageAdapter,
    card: ModelCard,
    request: ImageRequest,
    answers: Sequence[HttpResponse],
    *,
    seconds: float = 60.0,
    fetched: HttpResponse | None = None,
) -> _Played:
    """Runs the driver on these answers, the last one repeated; every fetch finds `fetched`, or a picture."""
    clock, call = PlayedClock(), _Played()
    turn = iter(range(1 << 30))

    def answer(sent: HttpRequest) -> Answer:
        if sent.step == "fetch":
            return fetched or HttpResponse(status=200, headers={"content-type": "image/png"}, body=png())
        found = answers[min(next(turn), len(answers) - 1)]
        return [found] if sent.stream and sent.step == "submit" else found

    async def key() -> Secret:
        return Secret(LAW_KEY)

    async def tell(event: CallEvent) -> None:
        call.events.append(event)
        if isinstance(event, Accepted):
            call.seen_at_acceptance = len(call.seen)

    transport = PlayedTransport(answer, clock, seen=call.seen)
    model = HttpImageModel(card, cast(ImageAdapter, _Watched(adapter, call.outcomes)), transport, key, clock)
    context = CallContext(call_id="law", deadline=clock.now + seconds, tell=tell)
    started = clock.now
    try:
        call.result = asyncio.run(model.generate(request, context))
    except TriptychError as error:
        call.error = error
    call.took_s = clock.now - started
    return call


class _Watched:
    """An adapter that keeps what it made of each answer."""

    def __init__(self, inner: ImageAdapter, outcomes: list[Done | Pending]) -> None:
        self._inner = inner
        self._outcomes = outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        outcome = self._inner.parse(response, request, card)
        self._outcomes.append(outcome)
        return outcome


class _Led:
    """An adapter whose provider points to another address: with its job, and then with its picture."""

    def __init__(self, inner: ImageAdapter, url: str) -> None:
        self._inner = inner
        self._url = url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        del request, card
        if response.step == "submit":
            poll = HttpRequest(method="GET", url=self._url, step="poll", from_response=True)
            return Pending(job_id="led", poll=poll, after=1.0, cancel=replace(poll, step="cancel"))
        return Done(images=(RemoteImage(url=self._url),))


def _elsewhere(adapter: ImageAdapter) -> list[str]:
    """Addresses that look like the provider's, and are not."""
    host = urlsplit(adapter.base_url).hostname or ""
    names = [host, *(name.removeprefix("*.") for name in adapter.trusted_hosts)]
    looks = [f"https://{name}.elsewhere.example/x" for name in names] + [f"https://elsewhere{name}/x" for name in names]
    return [
        *looks,
        "https://elsewhere.example/x",
        f"http://{host}/x",
        f"https://{host}:8443/x",
        f"https://{host}@elsewhere.example/x",
    ]


def _may_have_key(adapter: ImageAdapter, url: str) -> bool:
    """Written anew on purpose: the driver's own decision is what is being checked."""
    base, there = urlsplit(adapter.base_url), urlsplit(url)
    ports = {"https": 443, "http": 80}
    same = (base.scheme, base.hostname, base.port or ports[base.scheme]) == (
        there.scheme, there.hostname, there.port or ports.get(there.scheme),
    )  # fmt: skip
    host = there.hostname or ""
    trusted = any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in adapter.trusted_hosts)
    return same or (trusted and there.scheme == "https" and there.port in {None, 443})
