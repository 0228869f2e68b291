"""A law that cannot be broken is no law: each one passes for an honest adapter and fails for one that breaks it."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit import law_strategies as some
from triptych.provider_kit import laws
from triptych.provider_kit.adapter import Auth, Done, ImageAdapter, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.spec.errors import EmptyAnswerError, RejectedError
from triptych.spec.image import Adjustment, AspectRatio, GeneratedImage, ImageRequest
from triptych.spec.json import Json
from triptych.spec.model import Capabilities, KeyCheck, ModelCard, Progress

CARD = ModelCard(
    id="toy/one", provider="toy", provider_model_id="one", family="one", name="One", maker="Toys", lane="commercial",
    capabilities=Capabilities(
        operations=("generate", "edit"), aspect_ratios=("1:1", "4:5", "16:9"), resolutions=("1k", "2k"), seed=True,
        max_images_per_call=4, max_input_images=2,
    ),
)  # fmt: skip
REQUEST = ImageRequest(prompt="a kettle", seed=7, aspect_ratio=AspectRatio(4, 5), knobs={"stylize": 3}, user="u")


class Honest:
    """A provider with jobs: submit, poll, fetch."""

    provider = "toy"
    base_url = "https://api.toy.example/v1"
    auth = Auth(env=("TOY_API_KEY",))
    trusted_hosts: frozenset[str] = frozenset({"*.poll.toy.example"})

    def body(self, fit: Fit) -> dict[str, Json]:
        body: dict[str, Json] = {"prompt": fit.prompt(), "n": fit.count()}
        ratio, resolution, seed = fit.aspect_ratio(), fit.resolution(), fit.seed()
        body |= {} if ratio is None else {"ratio": str(ratio)}
        body |= {} if resolution is None else {"size": resolution}
        body |= {} if seed is None else {"seed": seed}
        images = fit.images()
        return body | ({"images": [image.sha256 for image in images]} if images else {})

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        fit = Fit(request, card)
        fit.mask()
        body = self.body(fit)
        return Prepared(http=HttpRequest(url="/jobs", json=body), adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        if response.status >= 400:
            raise RejectedError("no", status=response.status)
        body = json.loads(response.body)
        if "job" in body:
            return self.pending(body["job"])
        if not body["url"]:
            raise EmptyAnswerError("nothing")
        return Done(images=(RemoteImage(url=body["url"]),))

    def pending(self, job: str) -> Pending:
        poll = HttpRequest(method="GET", url=f"/jobs/{job}", step="poll")
        return Pending(job_id=job, poll=poll, after=2.0, cancel=replace(poll, method="DELETE", step="cancel"))

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        return None

    def check_request(self) -> HttpRequest:
        return HttpRequest(method="GET", url="/me", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return KeyCheck(ok=response.status == 200, message="ok")


RUNS = [HttpResponse(status=200, body=b'{"job":"j1"}')]
ENDS = [*RUNS, HttpResponse(status=200, body=b'{"url":"https://cdn.example/a.png"}')]
GARBAGE = HttpResponse(status=200, body=b'{"url":[1]}')


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=some.requests_for(CARD))
def test_an_honest_adapter_holds_the_laws_of_a_request(request: ImageRequest) -> None:
    laws.hold(Honest(), CARD, request)


@settings(max_examples=60, deadline=None)
@given(response=some.garbage())
def test_an_honest_adapter_holds_the_law_of_garbage(response: HttpResponse) -> None:
    try:
        job = "job" in json.loads(response.body)
    except (ValueError, TypeError, RecursionError):
        job = False
    if not job:
        laws.check_garbage_gives_our_errors(Honest(), CARD, REQUEST, response)
        laws.check_garbage_gives_our_errors(Honest(), CARD, REQUEST, response, accepted=RUNS[0])


@pytest.mark.parametrize("response", laws.EMPTY_SUCCESSES)
def test_an_honest_adapter_holds_the_law_of_empty_success(response: HttpResponse) -> None:
    laws.check_empty_success_is_failure(Honest(), CARD, REQUEST, response)


def test_an_honest_adapter_holds_the_laws_of_a_job() -> None:
    laws.check_credentials_stay(Honest(), CARD, REQUEST, ENDS)
    laws.check_credentials_stay(Honest(), CARD, REQUEST, [HttpResponse(status=500, body=b"{}")])
    laws.check_polling_ends(Honest(), CARD, REQUEST, RUNS)


def test_the_fixture_holds_the_laws_without_answers(
    triptych_laws: Callable[[ImageAdapter, ModelCard, ImageRequest], None],
) -> None:
    triptych_laws(Honest(), CARD, REQUEST)
    with pytest.raises(AssertionError):
        triptych_laws(DropsTheSeed(), CARD, REQUEST)


class DropsTheSeed(Honest):
    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        prepared = super().build(replace(request, seed=None), card)
        return prepared


class SaysNativeAndSendsNothing(Honest):
    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        prepared = super().build(replace(request, seed=None), card)
        return replace(prepared, adjustments=(*prepared.adjustments, Adjustment("seed", "native", "sent as asked")))


class SendsAConstantSeed(Honest):
    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        prepared = super().build(replace(request, seed=42), card)
        return prepared


class ImprovesThePrompt(Honest):
    def body(self, fit: Fit) -> dict[str, Json]:
        body = super().body(fit)
        return body | {"prompt": f"{body['prompt']}, masterpiece"}


class StripsThePrompt(Honest):
    def body(self, fit: Fit) -> dict[str, Json]:
        body = super().body(fit)
        return body | {"prompt": str(body["prompt"]).strip()}


class AddsANegativePrompt(Honest):
    def body(self, fit: Fit) -> dict[str, Json]:
        return super().body(fit) | {"negative_prompt": "ugly"}


class AddsAField(Honest):
    def body(self, fit: Fit) -> dict[str, Json]:
        return super().body(fit) | {"extras": {"watermark": True}}


class SendsNoPrompt(Honest):
    def body(self, fit: Fit) -> dict[str, Json]:
        return super().body(fit) | {"prompt": "a fixed one"}


class BuildsSomethingElseEachTime(Honest):
    count = itertools.count()

    def body(self, fit: Fit) -> dict[str, Json]:
        return super().body(fit) | {"nonce": next(self.count)}


class ChangesTheRequest(Honest):
    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        prepared = super().build(request, card)
        request.knobs["raw"] = True  # type: ignore[index]
        return prepared


class PutsACredentialIn(Honest):
    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        prepared = super().build(request, card)
        return replace(prepared, http=replace(prepared.http, headers={"authorization": "Bearer mine"}))


class HasAnAddressOfItsOwn(Honest):
    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        prepared = super().build(request, card)
        return replace(prepared, http=replace(prepared.http, url="https://elsewhere.example/jobs"))


@pytest.mark.parametrize(
    ("law", "bad", "words"),
    [
        (laws.check_no_silent_drop, DropsTheSeed, "drops seed"),
        (laws.check_no_silent_drop, SaysNativeAndSendsNothing, "reports seed as native"),
        (laws.check_no_silent_drop, SendsAConstantSeed, "reports seed as native"),
        (laws.check_no_silent_addition, ImprovesThePrompt, "masterpiece"),
        (laws.check_no_silent_addition, AddsANegativePrompt, "ugly"),
        (laws.check_no_silent_addition, SendsNoPrompt, "does not send the prompt"),
        (laws.check_build_is_pure, BuildsSomethingElseEachTime, "something else"),
        (laws.check_build_is_pure, ChangesTheRequest, "changes the request"),
        (laws.check_build_is_pure, PutsACredentialIn, "credential"),
        (laws.check_build_is_pure, HasAnAddressOfItsOwn, "not a path"),
    ],
)
def test_a_broken_law_of_a_request_is_found(law: Callable[..., None], bad: type[Honest], words: str) -> None:
    seed = 42 if bad is SendsAConstantSeed else 7
    request = replace(REQUEST, seed=seed, knobs={"stylize": 3})
    law(Honest(), CARD, request)
    with pytest.raises(AssertionError, match=words):
        law(bad(), CARD, request)


def test_a_prompt_that_is_stripped_is_found() -> None:
    with pytest.raises(AssertionError, match="not the prompt as it is"):
        laws.check_no_silent_addition(StripsThePrompt(), CARD, replace(REQUEST, prompt=" a kettle"))


def test_an_undeclared_field_is_found() -> None:
    laws.check_no_silent_addition(Honest(), CARD, REQUEST, fields={"prompt", "n"})
    with pytest.raises(AssertionError, match=r"extras\.watermark"):
        laws.check_no_silent_addition(AddsAField(), CARD, REQUEST, fields={"prompt", "n"})


class AlwaysHasAPicture(Honest):
    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        return Done(images=(GeneratedImage(data=laws.png()),))


class CallsGarbageFree(Honest):
    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        raise RejectedError("no idea", billed="no")


class HasNoWords(Honest):
    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        raise EmptyAnswerError("")


class IsDoneWithNothing(Honest):
    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        return Done(images=())


@pytest.mark.parametrize(
    ("bad", "words"),
    [(AlwaysHasAPicture, "makes a picture"), (CallsGarbageFree, "nobody knows"), (HasNoWords, "without words")],
)
def test_garbage_that_is_taken_for_something_is_found(bad: type[Honest], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        laws.check_garbage_gives_our_errors(bad(), CARD, REQUEST, GARBAGE)


@pytest.mark.parametrize(("bad", "words"), [(AlwaysHasAPicture, "a success"), (IsDoneWithNothing, "without a picture")])
def test_an_empty_success_that_is_taken_for_one_is_found(bad: type[Honest], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        laws.check_empty_success_is_failure(bad(), CARD, REQUEST, laws.EMPTY_SUCCESSES[1])


@pytest.mark.parametrize(
    "host", ["*.com", "*", "https://toy.example", "toy.example:443", "Toy.example", "cdn.*.example", "com"]
)
def test_a_trusted_host_that_is_none_is_found(host: str) -> None:
    bad: Any = type("Trusting", (Honest,), {"trusted_hosts": frozenset({host})})
    with pytest.raises(AssertionError, match="not the name of a host"):
        laws.check_credentials_stay(bad(), CARD, REQUEST, ENDS)


class IgnoresItsKey(Honest):
    """Its submit goes to an address of its own, where no key may go."""

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        prepared = super().build(request, card)
        return replace(prepared, http=replace(prepared.http, url="https://elsewhere.example/jobs", from_response=True))


def test_a_submit_without_its_key_is_found() -> None:
    with pytest.raises(AssertionError, match="not given its key"):
        laws.check_credentials_stay(IgnoresItsKey(), CARD, REQUEST, ENDS)


class PollsWithoutAPause(Honest):
    def pending(self, job: str) -> Pending:
        return replace(super().pending(job), after=0.0)


class GivesUpEarly(Honest):
    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        if response.step == "poll":
            raise EmptyAnswerError("still nothing")
        return super().parse(response, request, card)


@pytest.mark.parametrize(
    ("bad", "words"), [(PollsWithoutAPause, r"polls \d+ times"), (GivesUpEarly, "ends an endless job")]
)
def test_polling_that_is_wrong_is_found(bad: type[Honest], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        laws.check_polling_ends(bad(), CARD, REQUEST, RUNS)


def test_answers_that_start_no_job_are_said() -> None:
    with pytest.raises(AssertionError, match="ends an endless job"):
        laws.check_polling_ends(Honest(), CARD, REQUEST, [ENDS[1]])


class Cutter(Honest):
    """A provider that takes the background away: the picture alone goes out."""

    def body(self, fit: Fit) -> dict[str, Json]:
        fit.count()
        return {"image": [image.sha256 for image in fit.images()]}


class Talker(Cutter):
    """Sends words along that nobody said to it."""

    def body(self, fit: Fit) -> dict[str, Json]:
        return {**super().body(fit), "prompt": fit.prompt()}


CUTTING = replace(CARD, capabilities=Capabilities(operations=("remove_background",), max_input_images=1))


def test_a_task_takes_no_words() -> None:
    bare = laws.bare_request(CUTTING)
    assert (bare.task, bare.operation, len(bare.images)) == ("remove_background", "remove_background", 1)
    laws.check_no_silent_addition(Cutter(), CUTTING, bare)
    with pytest.raises(AssertionError, match="toy sends the prompt"):
        laws.check_no_silent_addition(Talker(), CUTTING, bare)
    with pytest.raises(AssertionError, match="does not send the prompt"):
        laws.check_no_silent_addition(Cutter(), CARD, laws.bare_request(CARD))


@given(some.requests_for(CUTTING))
@settings(max_examples=20)
def test_requests_for_a_card_of_tasks_are_tasks(request: ImageRequest) -> None:
    assert (request.task, bool(request.images), request.turns) == ("remove_background", True, ())
