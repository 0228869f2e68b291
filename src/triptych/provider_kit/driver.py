"""The one driver: everything that an adapter's pure functions need to become a model.

Order of a call: build, key, `Sent`, send, parse, `Accepted`, poll, fetch. A submit is sent once and never again, whatever
happens: what to do about a fate that nobody knows is for the caller to decide. One deadline covers all of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, StreamHead
from triptych.http.transport import AnswerLostError, EncodedBody, Transport
from triptych.provider_kit.adapter import Auth, Done, ImageAdapter, KnowsModels, ListsModels, Pending, RemoteImage
from triptych.provider_kit.calls import Timed, request_id
from triptych.provider_kit.jobs import handle_of, pending_of
from triptych.provider_kit.patience import Patience
from triptych.provider_kit.reach import Reach, Target
from triptych.provider_kit.results import Fetcher, finish, merged
from triptych.provider_kit.upstream import read_json, retry_after, way_out
from triptych.provider_kit.wire import wire_record
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    AmbiguousError,
    BadRequestError,
    EmptyAnswerError,
    NotConfiguredError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    TriptychError,
)
from triptych.spec.image import Adjustment, ImageRequest, ImageResult, ItemFailure
from triptych.spec.model import Accepted, CallContext, JobHandle, KeyCheck, ModelCard, Progress, Sent, WireRecord
from triptych.spec.replacing import replace
from triptych.spec.secret import Secret

_T = TypeVar("_T")
_POLL_SECONDS = 30.0
_ASIDE_SECONDS = 15.0  # for a cancel or a check
_REDIRECTS = range(300, 400)
_LARGE = 1 << 20
_DOT = (  # one transparent pixel as PNG
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\xdac````\0\0\0\5\0\1z\xa8WP\0\0\0"
    b"\0IEND\xaeB`\x82"
)


class NotUnderstoodError(ProviderFailedError):
    """An answer that the adapter could not read."""


@dataclass(frozen=True, slots=True)
class _Call:
    """What every step of one call needs."""

    request: ImageRequest
    context: CallContext
    key: Secret | None


@dataclass(frozen=True, slots=True)
class HttpImageModel:
    """An adapter as an `ImageModel`. `credential` gives the key of now; `base_url` is the user's own, if any."""

    card: ModelCard
    adapter: ImageAdapter
    client: Transport
    credential: Callable[[], Awaitable[Secret | None]]
    clock: Clock
    base_url: str | None = None

    @property
    def _reach(self) -> Reach:
        return Reach(self.base_url or self.adapter.base_url, self.adapter.trusted_hosts)

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Raises BadRequestError."""
        light = _without_bytes(request)
        return self._understood(lambda: self.adapter.build(light, self.card)).adjustments

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """One call from submit to pictures. Raises a TriptychError and nothing else (besides CancelledError)."""
        prepared = self._understood(lambda: self.adapter.build(request, self.card))
        call = _Call(request, context, await self._key())
        outcome = await self._submit(prepared.http, call)
        if isinstance(outcome, Pending):
            await self._hand_over(outcome, call)
            outcome = await self._follow(outcome, call, Patience())
        return await self._finish(outcome, call, prepared.adjustments)

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """Waits for a job that was accepted earlier. Raises ExpiredError when the provider no longer knows it."""
        pending = pending_of(job)
        call = _Call(request, context, await self._key())
        outcome = await self._follow(pending, call, Patience(settled=True))
        return await self._finish(outcome, call, self._adjustments(request))

    def _adjustments(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """As `plan`, for a job that runs already: a card that changed since then is no reason to lose it."""
        try:
            return self.plan(request)
        except TriptychError:
            return ()

    async def cancel(self, job: JobHandle) -> bool:
        """Asks the provider to stop a job. True when it agreed, False also when it could not be asked."""
        try:
            pending = pending_of(job)
            return await self._cancel(pending, await self._key())
        except TriptychError:
            return False

    async def check(self) -> KeyCheck:
        """Tries the key with a call that costs nothing."""
        return await self._aside(self.adapter.check_request, self.adapter.parse_check)

    async def list_models(self) -> KeyCheck | None:
        """As `spec.model.TellsModels` has it."""
        adapter = self.adapter
        if isinstance(adapter, KnowsModels):
            return await self._looked_up(adapter)
        asked = self._understood(adapter.list_request) if isinstance(adapter, ListsModels) else None
        return (
            await self._aside(lambda: asked, adapter.parse_list) if isinstance(adapter, ListsModels) and asked else None
        )

    async def _looked_up(self, adapter: KnowsModels) -> KeyCheck | None:
        """A page elsewhere says nothing of what stands behind an address of the user's own."""
        asked = self._understood(lambda: adapter.look_request(self.card))
        if self.base_url is not None and not asked.url.startswith("/"):
            return None
        return await self._aside(lambda: asked, lambda response: adapter.parse_look(response, self.card))

    async def _aside(self, ask: Callable[[], HttpRequest], read: Callable[[HttpResponse], KeyCheck]) -> KeyCheck:
        key = None
        try:
            key = await self._key()
            response = await self._send(
                replace(self._understood(ask), step="check"), key, self.clock.monotonic() + _ASIDE_SECONDS
            )
            return self._understood(lambda: read(response), response, key)
        except TriptychError as error:
            self._complete(error, None, key)
            code = NotSentError.code if isinstance(error, AnswerLostError) else error.code
            return KeyCheck(ok=False, message=" ".join(filter(None, (error.message, error.hint))), code=code)

    # Submit.

    async def _submit(self, http: HttpRequest, call: _Call) -> Done | Pending:
        target = self._reach.target(http)
        body = await self._encoded(http)
        if call.context.deadline <= self.clock.monotonic():
            raise NotSentError("There was no time left; nothing was sent.", provider=self.card.provider)
        auth = self.adapter.auth.placing(call.key.value) if call.key is not None and target.trusted else None
        wire = await _recorded(http, target.url, body, auth)
        await call.context.tell(Sent(wire))
        timed = Timed(wire, self.clock, call.context.tell)
        ready = self._with_key(replace(http, url=target.url, step="submit"), target, call.key)
        try:
            if http.stream:
                return await self._listen(ready, target, body, call, timed)
            response = await self.client.send(
                ready, deadline=call.context.deadline, allow_private=target.own, body=body
            )
        except TriptychError as error:
            self._complete(error, None, call.key)
            if not http.stream:
                await timed.lost()
            raise
        return await self._heard(response, call, timed)

    async def _encoded(self, http: HttpRequest) -> EncodedBody | None:
        try:
            return await self.client.encode(http)
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            raise BadRequestError(
                "The request has text that cannot be written as UTF-8.", param="prompt", provider=self.card.provider,
                hint="Remove unusual characters from the prompt and the settings.",
            ) from error  # fmt: skip

    async def _listen(
        self, ready: HttpRequest, target: Target, body: EncodedBody | None, call: _Call, timed: Timed
    ) -> Done | Pending:
        """A stream until all pictures are there. Pictures that came before a fault are kept; the rest is said."""
        parts: list[Done] = []
        fault: TriptychError = EmptyAnswerError(f"The stream of {self.card.name} ended without a picture.")
        events = self.client.stream(ready, deadline=call.context.deadline, allow_private=target.own, body=body)
        try:
            async with aclosing(events):
                async for item in events:
                    if isinstance(item, HttpResponse):
                        return await self._heard(item, call, timed)
                    if isinstance(item, StreamHead):
                        timed.head = item
                        continue
                    outcome = self._event(item, call)
                    if isinstance(outcome, Progress):
                        await call.context.tell(outcome)
                    elif outcome is not None:
                        parts.append(outcome)
                    if _count(parts) >= call.request.n:
                        break
        except TriptychError as error:
            fault = error
            if timed.over:
                raise
        await timed.streamed(next((part.provider_request_id for part in reversed(parts)), None))
        if not parts:
            raise self._complete(fault, None, call.key)
        missing = range(_count(parts), call.request.n)
        return merged(
            parts, [ItemFailure(index=i, code=fault.code, message=fault.message, billed=fault.billed) for i in missing]
        )

    def _event(self, event: ServerSentEvent, call: _Call) -> Progress | Done | None:
        return self._understood(
            lambda: _checked_event(self.adapter.parse_event(event, call.request, self.card)),
            HttpResponse(status=200),
            call.key,
        )

    # Jobs.

    async def _hand_over(self, pending: Pending, call: _Call) -> None:
        """Tells the caller about the job before the first poll. Until it knows, stopping the job is ours to do;
        afterwards it is the caller's, who alone can tell a wish to stop from a restart."""
        told = False
        try:
            await call.context.tell(Accepted(handle_of(pending, self.card)))
            told = True
        finally:
            if not told:
                await self._cancel(pending, call.key)

    async def _follow(self, pending: Pending, call: _Call, patience: Patience) -> Done:
        """Polls until the job ends. What does not settle the job's fate is asked again until the deadline."""
        wait = pending.after
        while True:
            if pending.progress is not None:
                await call.context.tell(pending.progress)
            await self._wait(wait, pending, call, patience)
            try:
                outcome = await self._poll(pending, call)
            except TriptychError as error:
                if not patience.again(error, understood=not isinstance(error, NotUnderstoodError)):
                    self._after_acceptance(error, pending)
                    raise
                pending = replace(pending, progress=None)
                wait = patience.wait(pending.after, error)
                continue
            outcome = replace(outcome, cost=outcome.cost or pending.cost)
            if isinstance(outcome, Done):
                return outcome
            patience.answered()
            pending, wait = replace(outcome, cancel=outcome.cancel or pending.cancel), max(outcome.after, 0.02)

    async def _poll(self, pending: Pending, call: _Call) -> Done | Pending:
        limit = min(call.context.deadline, self.clock.monotonic() + _POLL_SECONDS)
        poll = pending.poll if pending.poll.step != "submit" else replace(pending.poll, step="poll")
        trusted = call.key is not None and self._reach.target(poll).trusted
        shown = self.adapter.auth.placing(call.key.value) if call.key is not None and trusted else None
        timed = Timed(wire_record(poll, self._reach.target(poll).url, None, shown), self.clock, call.context.tell)
        try:
            response = await self._send(poll, call.key, limit)
        except TriptychError:
            await timed.lost()
            raise
        return await self._heard(response, call, timed)

    async def _wait(self, seconds: float, pending: Pending, call: _Call, patience: Patience) -> None:
        left = call.context.deadline - self.clock.monotonic()
        if left > 0:
            await self.clock.sleep(min(max(0.0, seconds), left))
        if self.clock.monotonic() >= call.context.deadline:
            raise self._complete(AmbiguousError(
                f"{self.card.name} took the job but did not finish it in time.",
                hint="It may still finish, and may have been billed. It can be picked up again by its job id.",
                detail=f"job {pending.job_id}", upstream=patience.last_words,
            ), None, call.key)  # fmt: skip

    def _after_acceptance(self, error: TriptychError, pending: Pending) -> None:
        """An error that says `not billed` of a refused request says nothing about a job that was accepted."""
        if not self.card.free and type(error).default_billed == "no" and (error.status or 0) >= 400:
            error.billed = "unknown"
        error.detail = error.detail or f"job {pending.job_id}"

    async def _cancel(self, pending: Pending, key: Secret | None) -> bool:
        if pending.cancel is None:
            return False
        try:
            request = replace(pending.cancel, step="cancel")
            response = await self._send(request, key, self.clock.monotonic() + _ASIDE_SECONDS)
        except TriptychError:
            return False
        return 200 <= response.status < 300

    # One exchange.

    async def _send(self, request: HttpRequest, key: Secret | None, deadline: float) -> HttpResponse:
        """Everything but a submit: it may be asked again."""
        target = self._reach.target(request)
        ready = self._with_key(replace(request, url=target.url), target, key)
        return await self.client.send(ready, deadline=deadline, allow_private=target.own)

    def _with_key(self, request: HttpRequest, target: Target, key: Secret | None) -> HttpRequest:
        if key is None or not target.trusted:
            return request
        return replace(request, headers={**request.headers, **self._auth_header(key)})

    def _auth_header(self, key: Secret | None) -> dict[str, str]:
        if key is None:
            return {}
        auth = self.adapter.auth.placing(key.value)
        return {auth.header: f"{auth.prefix}{key.value}"}

    async def _key(self) -> Secret | None:
        """The user's key, else the public one. Raises NotConfiguredError."""
        auth, provider = self.adapter.auth, self.card.provider
        key = await self.credential()
        if key is None and auth.anonymous is not None:
            key = Secret(auth.anonymous)
        ways = f"run `triptych keys set {provider}`, or paste it on the Models page"
        named = f"Set {auth.env[0]}, {ways}" if auth.env else ways.capitalize()
        if key is None and auth.required:
            raise NotConfiguredError(
                f"{self.card.name} needs a key for {self._provider_name}.", provider=provider,
                hint=f"{named}. The demo models need none.",
            )  # fmt: skip
        if key is not None and not (key.value.isascii() and key.value.isprintable()):
            raise NotConfiguredError(
                f"The key for {self._provider_name} has characters that no key has.",
                provider=provider,
                hint=f"{named} once more.",
            )
        return key

    # Answers.

    async def _heard(self, response: HttpResponse, call: _Call, timed: Timed) -> Done | Pending:
        """An answer read, and told as the end of its call, whatever it says."""
        named: str | None = None
        try:
            outcome = self._parsed(response, call)
            named = outcome.provider_request_id if isinstance(outcome, Done) else None
        finally:
            await timed.answered(response.status, response.headers, named)
        return outcome

    def _parsed(self, response: HttpResponse, call: _Call) -> Done | Pending:
        if response.status in _REDIRECTS:
            raise self._complete(ProviderFailedError(
                f"{self._provider_name} answered with a redirect, which is not followed.",
                hint="Set the provider's base_url to the address that it moved to.",
            ), response, call.key)  # fmt: skip
        outcome = self._understood(
            lambda: _checked(self.adapter.parse(response, call.request, self.card)), response, call.key
        )
        if isinstance(outcome, Done) and outcome.provider_request_id is None:
            return replace(outcome, provider_request_id=request_id(response.headers))
        return outcome

    def _understood(
        self, read: Callable[[], _T], response: HttpResponse | None = None, key: Secret | None = None
    ) -> _T:
        """The boundary between an adapter and the rest: whatever it raises leaves here as one of our errors."""
        try:
            return read()
        except TriptychError as error:
            if response is not None and _is_no_json(response, error):
                raise self._complete(NotUnderstoodError(
                    f"The answer of {self._provider_name} broke off or is damaged: it is no JSON.",
                    billed="unknown", hint="It may have been billed. Try again later, or try another model.",
                ), response, key) from error  # fmt: skip
            self._complete(error, response, key)
            raise
        except Exception as error:
            if response is None:
                raise self._complete(BadRequestError(
                    f"The request could not be written for {self.card.name} ({type(error).__name__}).",
                    hint="This is a fault of the adapter; please report it. Nothing was sent.",
                ), None, key) from error  # fmt: skip
            raise self._complete(NotUnderstoodError(
                f"The answer of {self._provider_name} could not be understood.",
                billed="unknown", detail=type(error).__name__,
                hint="It may have been billed. Try again later, or try another model.",
            ), response, key) from error  # fmt: skip

    @property
    def _provider_name(self) -> str:
        return self.card.provider_name or self.card.provider

    def _named(self, words: str) -> str:
        """Adapters begin a sentence with the provider's id; people read its name."""
        first, space, rest = words.partition(" ")
        return f"{self._provider_name}{space}{rest}" if first == self.card.provider else words

    def _complete(self, error: TriptychError, response: HttpResponse | None, key: Secret | None) -> TriptychError:
        """Fills in what the driver knows, and takes the key out of words that repeat it."""
        error.provider = error.provider or self.card.provider
        error.message = self._named(error.message)
        error.hint = error.hint or way_out(error)
        if self.card.free:
            error.billed = "no"
        if response is not None:
            error.status = error.status or response.status
            if error.retry_after_s is None and isinstance(error, RateLimitedError | OverloadedError):
                error.retry_after_s = retry_after(response)
        if key is not None and len(key.value) >= 8 and key.value != self.adapter.auth.anonymous:
            for name in ("message", "hint", "upstream", "detail"):
                text = getattr(error, name)
                if text is not None and key.value in text:
                    setattr(error, name, text.replace(key.value, key.hint()))
            error.args = (error.message,)
        return error

    async def _finish(self, done: Done, call: _Call, adjustments: tuple[Adjustment, ...]) -> ImageResult:
        if any(isinstance(image, RemoteImage) for image in done.images):
            await call.context.tell(Progress(note="fetching"))
        fetcher = Fetcher(
            client=self.client, clock=self.clock, reach=self._reach, auth=self._auth_header(call.key),
            own_allowed=self.base_url is not None, deadline=call.context.deadline, tell=call.context.tell,
        )  # fmt: skip
        try:
            return await finish(done, call.request, self.card, fetcher, adjustments)
        except TriptychError as error:
            self._complete(error, None, call.key)
            raise


def _without_bytes(request: ImageRequest) -> ImageRequest:
    """The request with a dot in the place of each of its pictures. What becomes of a request never hangs on their bytes,
    and a plan is made for every model at every key press."""
    images = tuple(replace(image, data=_DOT) for image in request.images)
    turns = tuple(
        replace(turn, answer=replace(turn.answer, data=_DOT), images=tuple(replace(i, data=_DOT) for i in turn.images))
        for turn in request.turns
    )
    mask = None if request.mask is None else replace(request.mask, data=_DOT)
    return replace(request, images=images, mask=mask, turns=turns)


async def _recorded(http: HttpRequest, url: str, body: EncodedBody | None, auth: Auth | None) -> WireRecord:
    """The record of a request; hashes over megabytes are made beside the event loop."""
    if body is None or len(body.data) < _LARGE:
        return wire_record(http, url, body, auth)
    return await asyncio.to_thread(wire_record, http, url, body, auth)


def _checked_event(outcome: Progress | Done | None) -> Progress | Done | None:
    if isinstance(outcome, Done):
        _checked(outcome)
    return outcome


def _is_no_json(response: HttpResponse, error: TriptychError) -> bool:
    """Whether an answer that says success, and in which an adapter found nothing, is no JSON at all."""
    found_nothing = isinstance(error, EmptyAnswerError | ProviderFailedError)
    return found_nothing and 200 <= response.status < 300 and read_json(response) is None


def _checked(outcome: Done | Pending) -> Done | Pending:
    """What came out of an adapter for a hostile answer has the types that it says, or TypeError is raised."""
    if not isinstance(outcome, Done | Pending):
        raise TypeError("neither done nor pending")
    if isinstance(outcome, Done):
        for image in outcome.images:
            if not isinstance(image.url if isinstance(image, RemoteImage) else image.data, str | bytes):
                raise TypeError("a picture without bytes or address")
    elif not isinstance(outcome.job_id, str):
        raise TypeError("a job without an id")
    return outcome


def _count(parts: list[Done]) -> int:
    return sum(len(part.images) + len(part.failures) for part in parts)
