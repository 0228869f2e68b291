"""A provider for tests of the driver: jobs, direct answers and streams, over a played transport and clock."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent
from triptych.provider_kit.adapter import Auth, Done, Pending, Prepared, RemoteImage
from triptych.provider_kit.driver import HttpImageModel
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.laws import png
from triptych.provider_kit.playback import Answer, PlayedClock, PlayedTransport
from triptych.spec.errors import (
    AuthError,
    BlockedError,
    ExpiredError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    TriptychError,
)
from triptych.spec.image import Cost, GeneratedImage, ImageRequest, Usage
from triptych.spec.model import Answered, CallContext, CallEvent, Capabilities, KeyCheck, ModelCard, PriceLine, Progress
from triptych.spec.secret import Secret

KEY = "key-0123456789abcdef"
PNG = png()
ERRORS: dict[int, type[TriptychError]] = {
    401: AuthError, 404: ExpiredError, 429: RateLimitedError, 451: BlockedError, 503: OverloadedError,
}  # fmt: skip
CARD = ModelCard(
    id="toy/one", provider="toy", provider_model_id="one", family="one", name="Toy One", maker="Toys", lane="commercial",
    capabilities=Capabilities(max_images_per_call=4),
    prices=(PriceLine(unit="image", micro_usd_per_million=40_000 * 10**6, source="list", as_of="2026-11-20"),),
)  # fmt: skip


@dataclass
class Toy:
    """Reads `{"job"}`, `{"images": [{"url"} | "png" | text]}`, `{"crash"}`; everything else is a ProviderFailedError."""

    provider: str = "toy"
    base_url: str = "https://api.toy.example/v1"
    auth: Auth = field(default_factory=lambda: Auth(env=("TOY_API_KEY", "TOY_KEY")))
    trusted_hosts: frozenset[str] = frozenset({"poll.toy.example"})
    stream: bool = False

    def build(self, request: ImageRequest, card: ModelCard) -> Prepared:
        if request.prompt == "crash":
            raise KeyError("a fault of the adapter")
        fit = Fit(request, card)
        http = HttpRequest(url="/jobs", json={"prompt": fit.prompt(), "n": fit.count()}, stream=self.stream)
        return Prepared(http=http, adjustments=fit.done())

    def parse(self, response: HttpResponse, request: ImageRequest, card: ModelCard) -> Done | Pending:
        if response.status >= 400:
            raise ERRORS.get(response.status, ProviderFailedError)("refused", upstream=response.body.decode())
        return self.read(json.loads(response.body))

    def read(self, body: dict[str, Any]) -> Done | Pending:
        if "job" in body:
            return self.pending(body)
        if "blocked" in body:
            raise BlockedError("refused", billed=body["blocked"])
        images = [
            RemoteImage(url=item["url"]) if isinstance(item, dict) else GeneratedImage(data=PNG if item == "png" else item.encode())
            for item in body["images"]
        ]  # fmt: skip
        return Done(
            images=tuple(images), billed=body.get("billed", "yes"),
            cost=Cost(body["cost"], "provider") if "cost" in body else None,
            usage=Usage(input_text_tokens=0, output_image_tokens=body["tokens"]) if "tokens" in body else Usage(),
        )  # fmt: skip

    def pending(self, body: dict[str, Any]) -> Pending:
        poll = HttpRequest(
            method="GET", url=body.get("poll", f"/jobs/{body['job']}"), step="poll", from_response="poll" in body
        )
        cancel = HttpRequest(method="DELETE", url=f"/jobs/{body['job']}", step="cancel")
        progress = Progress(fraction=body["at"]) if "at" in body else None
        return Pending(job_id=body["job"], poll=poll, after=body.get("after", 2.0), cancel=cancel, progress=progress)

    def parse_event(self, event: ServerSentEvent, request: ImageRequest, card: ModelCard) -> Progress | Done | None:
        body = json.loads(event.data)
        if event.event == "preview":
            return Progress(preview=PNG)
        if event.event == "error":
            raise BlockedError("refused in the stream", billed="yes")
        outcome = self.read(body) if body else None
        return outcome if isinstance(outcome, Done) else None

    def check_request(self) -> HttpRequest:
        return HttpRequest(method="GET", url="/me")

    def parse_check(self, response: HttpResponse) -> KeyCheck:
        if response.status == 401:
            raise AuthError("the key is not accepted")
        return KeyCheck(ok=True, message=json.loads(response.body)["name"])


def ok(**body: Any) -> HttpResponse:
    return HttpResponse(status=200, body=json.dumps(body).encode())


def status(code: int, text: str = "", **headers: str) -> HttpResponse:
    return HttpResponse(status=code, body=text.encode(), headers={k.replace("_", "-"): v for k, v in headers.items()})


PICTURE = HttpResponse(status=200, body=PNG, headers={"content-type": "image/png"})


class Bench:
    """A model on played answers: in turn, the last one repeated; `fetched` are the answers to fetches."""

    def __init__(
        self,
        *answers: Answer,
        adapter: Toy | None = None,
        card: ModelCard = CARD,
        key: str | None = KEY,
        base_url: str | None = None,
        fetched: Sequence[Answer] = (PICTURE,),
        takes_s: float = 0.0,
    ) -> None:
        self.clock = PlayedClock()
        self.events: list[CallEvent] = []
        self.log: list[str] = []
        self.answers = {"fetch": list(fetched), "other": list(answers)}
        self.transport = PlayedTransport(self._answer, self.clock, takes_s=takes_s)

        async def credential() -> Secret | None:
            return Secret(key) if key is not None else None

        self.model = HttpImageModel(card, adapter or Toy(), self.transport, credential, self.clock, base_url=base_url)

    def _answer(self, request: HttpRequest) -> Answer:
        self.log.append(request.step)
        left = self.answers["fetch" if request.step == "fetch" else "other"]
        return left.pop(0) if len(left) > 1 else left[0]

    async def tell(self, event: CallEvent) -> None:
        if not isinstance(event, Answered):  # the log is of what was done; `told` has the answers
            self.log.append(type(event).__name__)
        self.events.append(event)

    def context(self, seconds: float = 60.0) -> CallContext:
        return CallContext(call_id="c", deadline=self.clock.now + seconds, tell=self.tell)

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]
