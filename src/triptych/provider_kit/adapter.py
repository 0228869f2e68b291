"""The interface of an adapter: pure functions from a request to HTTP and from HTTP to a result.

An adapter does no I/O, reads no clock and never sees a credential: it says in `auth` where the driver is to put one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.spec.image import Adjustment, Billed, Cost, GeneratedImage, ImageRequest, ItemFailure, Usage
from triptych.spec.json import Json
from triptych.spec.model import KeyCheck, ModelCard, Progress
from triptych.spec.replacing import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Where a key goes and where it comes from. `env` are the names people already use, the first one is the name
    shown; `anonymous` is a public key that works without an account; `bearer_pattern` is how a token begins that goes behind
    `Authorization: Bearer`, where keys go elsewhere."""

    header: str = "Authorization"
    prefix: str = "Bearer "
    env: tuple[str, ...] = ()
    anonymous: str | None = None
    required: bool = True
    key_pattern: str | None = None  # a regular expression: how a key begins, by which a pasted one is recognised
    sign_up: str | None = None  # the page where one gets a key
    bearer_pattern: str | None = None

    def placing(self, key: str) -> "Auth":
        """Where this very key goes."""
        token = self.bearer_pattern is not None and re.match(self.bearer_pattern, key)
        return replace(self, header="Authorization", prefix="Bearer ") if token else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is to be sent, and what became of each thing that was asked for."""

    http: HttpRequest
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteImage:
    """A picture that still has to be fetched from an address in the answer."""

    url: str
    media_type: str | None = None
    revised_prompt: str | None = None
    seed: int | None = None
    cost: Cost | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The end of a call. No image at all is for the adapter to raise as a typed error, with the reason it knows."""

    images: tuple[GeneratedImage | RemoteImage, ...]
    failures: tuple[ItemFailure, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost: Cost | None = None  # the provider's own figure; else the driver works it out from usage or table
    billed: Billed = "yes"
    model_served: str | None = None
    provider_request_id: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The job runs at the provider: ask again after `after` seconds. `poll` and `cancel` are stored with the job, so
    they must be plain values. `cost` is the provider's own figure where it names one before the job has ended."""

    job_id: str
    poll: HttpRequest
    after: float
    cancel: HttpRequest | None = None
    progress: Progress | None = None
    cost: Cost | None = None


class ImageAdapter(Protocol):
    """One wire format. `base_url` is the default; the driver puts the configured one in front of every path:
    adapters write `HttpRequest.url` as a path that starts with a slash, unless the address came out of an answer."""

    provider: str
    base_url: str
    auth: Auth
    trusted_hosts: frozenset[str]

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        """Raises BadRequestError when this model cannot serve the request at all."""
        ...

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        """Raises one of our errors for everything but a picture or a job on its way."""
        ...

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        """One event of a stream; None for those that say nothing. Only called when `build` asked for a stream."""
        ...

    def check_request(self) -> HttpRequest:
        """A call that costs nothing and needs the key."""
        ...

    def parse_check(self, response: HttpResponse) -> KeyCheck: ...


@runtime_checkable
class ListsModels(Protocol):
    """An adapter whose provider tells, free of charge, every image model that can be asked for."""

    def list_request(self) -> HttpRequest | None:
        """A call that costs nothing; None where this host has no such list."""
        ...

    def parse_list(self, response: HttpResponse) -> KeyCheck:
        """In `detail.models` the names as requests have them; other kinds of models may be among them."""
        ...


@runtime_checkable
class KnowsModels(Protocol):
    """An adapter whose provider has no list to compare cards with, but tells of one model at a time, free of charge, whether it is there."""

    def look_request(self, card: ModelCard) -> HttpRequest:
        """A call that costs nothing. It may name a page of the provider's elsewhere, which is then opened without a key."""
        ...

    def parse_look(self, response: HttpResponse, card: ModelCard) -> KeyCheck:
        """In `detail.there` whether this card's model can be asked for; no such detail where the answer does not say."""
        ...
