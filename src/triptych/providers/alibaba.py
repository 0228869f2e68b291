"""Alibaba Model Studio (DashScope): Qwen-Image answers at once, Wan takes a task that is asked about.

Source: dashscope 2.0.2, the vendor's pages on Qwen-Image and Wan 2.7, read 2026-11-22. What is asked for stands in `parameters`. What a
card has in `extra`: `way` is `call` or `task`; `text_first` puts the words before the pictures; `constants` are parameters that an
option may replace; `edit_max_pixels` is the most that a model makes of a picture that goes in.
"""

import re

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import (
    Rule,
    as_count,
    as_list,
    as_object,
    as_text,
    data_uri,
    dig,
    error_from,
    fault_of,
    key_check,
    read_fault,
    read_json,
)
from triptych.spec.errors import (
    AuthError,
    BadRequestError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ExpiredError,
    ModelUnavailableError,
    ProviderFailedError,
    RateLimitedError,
)
from triptych.spec.image import ImageRequest, ItemFailure, Size
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck, ModelCard, Progress
from triptych.spec.replacing import replace

_RULES = (
    Rule(pattern=r"DataInspectionFailed|data_inspection|InfringementSuspect", error=BlockedError),
    Rule(pattern=r"Arrearage|BillOverdue|FreeTierOnly", error=BillingError),
    Rule(pattern=r"InvalidApiKey", error=AuthError),
    Rule(pattern=r"ModelNotFound|Unpurchased|Model\.AccessDenied", error=ModelUnavailableError),
    Rule(pattern=r"Throttling", error=RateLimitedError),
)
_CALL = "/services/aigc/multimodal-generation/generation"
_TASK = "/services/aigc/image-generation/generation"
_SEEDS = 2**31
_MOST_NEGATIVE = 500
_ASK_AFTER_S = 2.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SIZE = Size(1024, 1024)


class Alibaba:
    """Pictures at addresses, at once or as a task. A task that failed says so in an answer of status 200."""

    provider = "alibaba"
    base_url = "https://dashscope-intl.aliyuncs.com/api/v1"
    auth = Auth(env=("DASHSCOPE_API_KEY",), sign_up="https://modelstudio.console.alibabacloud.com/")
    trusted_hosts: frozenset[str] = frozenset()

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError for a negative prompt that is too long, or options that overrule the request."""
        fit = Fit(request, _as_editor(card) if request.images else card)
        text = fit.prompt()
        wanted: dict[str, Json] = {"n": fit.count()}
        images, negative, seed = fit.images(), fit.negative_prompt(), fit.seed(_SEEDS)
        if negative is not None and len(negative) > _MOST_NEGATIVE:
            raise BadRequestError(f"{card.name} takes {_MOST_NEGATIVE} characters of what to avoid.", param="negative_prompt",
                                  provider=self.provider, hint="Shorten it or choose another model.")  # fmt: skip
        asked = request.size or request.aspect_ratio or request.resolution
        size = fit.follow(images[0]) if images and not asked else fit.size(default=_SIZE)
        wanted |= {} if size is None else {"size": str(size).replace("x", "*")}
        wanted |= {} if negative is None else {"negative_prompt": negative}
        wanted |= {} if seed is None else {"seed": seed}
        fit.mask()
        pictures: list[Json] = [{"image": data_uri(image)} for image in images]
        words: list[Json] = [{"text": text}]
        content = [*words, *pictures] if card.extra.get("text_first") else [*pictures, *words]
        parameters = with_options(wanted, request, self.provider, open_defaults=as_object(card.extra.get("constants")))
        body: dict[str, Json] = {
            "model": card.provider_model_id, "input": {"messages": [{"role": "user", "content": content}]}, "parameters": parameters,
        }  # fmt: skip
        if card.extra.get("way") == "task":
            http = HttpRequest(url=_TASK, json=body, headers={"X-DashScope-Async": "enable"})
        else:
            http = HttpRequest(url=_CALL, json=body)
        return Prepared(http=http, adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """The answer to a call, to the submit of a task, and to a question about one."""
        body = as_object(read_json(response))
        output = as_object(body.get("output"))
        if not 200 <= response.status < 300:
            if response.status == 404 and response.step == "poll":
                raise self._gone()
            raise error_from(read_fault(response, self.provider), _RULES)
        state = (as_text(output.get("task_status")) or "").upper()
        if state == "UNKNOWN":
            raise self._gone()
        for said in (output, body):
            if as_text(said.get("code")) is not None or state == "FAILED":
                raise error_from(fault_of(said, self.provider, 200), _RULES)
        if state == "CANCELED":
            raise ProviderFailedError(
                f"{self.provider} says that the task was cancelled.", provider=self.provider, status=200
            )
        if state and state != "SUCCEEDED":
            return self._waiting(state, output, response)
        return self._pictures(output, body)

    def _gone(self) -> ExpiredError:
        return ExpiredError(f"{self.provider} no longer has this task.", provider=self.provider)

    def _waiting(self, state: str, output: JsonObject, response: HttpResponse) -> Pending:
        job = as_text(output.get("task_id")) or ""
        if not _NAME.fullmatch(job):
            raise ProviderFailedError(f"{self.provider} took the task without saying how it can be asked about.",
                                      provider=self.provider, status=response.status, billed="unknown")  # fmt: skip
        done, of = as_count(dig(output, "task_metrics", "SUCCEEDED")), as_count(dig(output, "task_metrics", "TOTAL"))
        share = min(1.0, done / of) if done is not None and of else None
        return Pending(
            job_id=job, poll=HttpRequest(method="GET", url=f"/tasks/{job}", step="poll"), after=_ASK_AFTER_S,
            cancel=HttpRequest(url=f"/tasks/{job}/cancel", step="cancel"), progress=Progress(fraction=share, note=state.lower()),
        )  # fmt: skip

    def _pictures(self, output: JsonObject, body: JsonObject) -> Done:
        """In `choices`, or in `results` as older models have it, where an item may be a fault."""
        parts = [
            part for choice in as_list(output.get("choices")) for part in as_list(dig(choice, "message", "content"))
        ]
        items = [as_object(item) for item in (*parts, *as_list(output.get("results")))]
        images: list[RemoteImage] = []
        failures: list[ItemFailure] = []
        for item in items:
            address, code = as_text(item.get("image")) or as_text(item.get("url")), as_text(item.get("code"))
            if address is not None:
                images.append(RemoteImage(url=address))
            elif code is not None:
                error = error_from(fault_of(item, self.provider, 200), _RULES)
                failures.append(ItemFailure(index=len(images) + len(failures), code=error.code, message=error.message))
        if not images:
            said = failures[0].message if failures else "the list is empty."
            kind = BlockedError if any(one.code == BlockedError.code for one in failures) else EmptyAnswerError
            raise kind(f"{self.provider} answered without a picture: {said}", provider=self.provider, status=200,
                       hint="Reword the prompt, or try another model.")  # fmt: skip
        return Done(images=tuple(images), failures=tuple(failures), provider_request_id=as_text(body.get("request_id")))

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """Streams are not asked for."""
        return None

    def check_request(self) -> HttpRequest:
        """The last of the account's tasks: free, and needs the key."""
        return HttpRequest(method="GET", url="/tasks?page_no=1&page_size=1", step="check")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        return key_check(response, self.provider, _RULES, works="The key works.")


def _as_editor(card: ModelCard) -> ModelCard:
    """The card with the sizes that hold when a picture goes in."""
    rule, most = card.capabilities.size_rule, as_count(card.extra.get("edit_max_pixels"))
    if rule is None or most is None:
        return card
    return replace(card, capabilities=replace(card.capabilities, size_rule=replace(rule, max_pixels=most)))


ADAPTER = Alibaba()
