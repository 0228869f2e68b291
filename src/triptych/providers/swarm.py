"""SwarmUI as models: the checkpoints that it has, by words, from a picture, in a mask; how far it is and previews while it draws.

Its calls are those of `docs/APIRoutes/T2IAPI.md` and `src/WebAPI/T2IAPI.cs` at commits 0a00ff9 and 046bdad (read on 2026-11-22): a session
first, then one picture a call, over a WebSocket where this client has them, else in one answer. Nothing that it draws is left on its disk.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from triptych.http.message import HttpRequest
from triptych.http.transport import Sockets, Transport
from triptych.imaging.mask import white_mask
from triptych.provider_kit.at_once import AtOnce
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.signs import EMBEDDING, ROUND, TAG, tell
from triptych.provider_kit.upstream import (
    as_list,
    as_object,
    as_text,
    base64_of,
    dig,
    picture_bytes,
    read_json,
)
from triptych.provider_kit.wire import wire_record
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    BadRequestError,
    EmptyAnswerError,
    NotConfiguredError,
    NotSentError,
    ProviderFailedError,
    SettingsError,
    TriptychError,
)
from triptych.spec.image import FREE, SEEDS, Adjustment, GeneratedImage, ImageRequest, ImageResult
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import (
    CallContext,
    Capabilities,
    ModelCard,
    Progress,
    Sent,
    SizeRule,
)

NAME, ENGINE = "SwarmUI", "swarm-ui"
STEPS, STEPS_MAX, GUIDANCE, CHANGED = 20, 500, 7.0, 0.6
GRID, LEAST, MOST = 16, 64, 2048
MAX_PX = MOST * MOST
SIDE = 1024  # pixels of a square that nobody asked otherwise for
MOST_MODELS, DEPTH = 64, 10
ASK_S = 15.0
_SIGNS = (ROUND, EMBEDDING, TAG)  # of its `docs/Features/Prompt Syntax.md`
_HASH = re.compile("(?:0x)?([0-9a-f]{64})")
_FILE = re.compile(r"\.(safetensors|ckpt|sft|gguf|engine)$", re.IGNORECASE)


class Tuned(msgspec.Struct, forbid_unknown_fields=True):
    """What a user may set of the sampler, as the API names it; without one, the server's own sampler draws."""

    steps: Annotated[int, msgspec.Meta(ge=1, le=STEPS_MAX)] = STEPS
    cfgscale: Annotated[float, msgspec.Meta(ge=0, le=100)] = GUIDANCE
    initimagecreativity: Annotated[float, msgspec.Meta(gt=0, le=1)] = CHANGED
    sampler: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    scheduler: Annotated[str, msgspec.Meta(max_length=60)] | None = None


@dataclass(frozen=True, slots=True)
class Swarm:
    """A SwarmUI at an address, which may be at home."""

    url: str
    client: Transport
    clock: Clock = field(repr=False)

    async def session(self) -> str:
        """A session, which every other call names. Raises NotConfiguredError where it is no SwarmUI, TriptychError."""
        found = as_text(as_object(await self.call("GetNewSession", {})).get("session_id"))
        if found is None:
            raise NotConfiguredError(f"What answers at {self.url} gives no session: it is no SwarmUI.",
                                     hint="Give the address of its page, like http://127.0.0.1:7801.")  # fmt: skip
        return found

    async def models(self) -> tuple[str, ...]:
        """The names of its checkpoints. Raises NotConfiguredError where it has none, TriptychError."""
        asked: JsonObject = {
            "session_id": await self.session(),
            "path": "",
            "depth": DEPTH,
            "subtype": "Stable-Diffusion",
        }
        listed = as_list(as_object(await self.call("ListModels", asked)).get("files"))
        names = [as_text(as_object(one).get("name")) for one in listed]
        found = tuple(dict.fromkeys(name for name in names if name and len(name) <= 120 and name.isprintable()))
        if not found:
            raise NotConfiguredError(
                f"The SwarmUI at {self.url} lists no models.", hint="Put one into its folder of models."
            )
        return found[:MOST_MODELS]

    async def digest(self, name: str, deadline: float) -> str | None:
        """The SHA-256 of the numbers of a checkpoint, as the server reckons it: of a large one that takes a while. None where it gives none, or
        this session may not ask. Raises TriptychError."""
        asked: JsonObject = {"session_id": await self.session(), "modelName": name, "subtype": "Stable-Diffusion"}
        try:
            found = as_text(as_object(await self.call("GetModelHash", asked, deadline)).get("hash")) or ""
        except ProviderFailedError:
            return None
        read = _HASH.fullmatch(found.lower())
        return None if read is None else read[1]

    def request(self, route: str, body: Json) -> HttpRequest:
        draws = route.startswith("Generate")
        return HttpRequest(url=f"{self.url}/API/{route}", headers={"Accept": "application/json"}, json=body,
                           step="submit" if draws else "check")  # fmt: skip

    async def call(self, route: str, body: Json, deadline: float | None = None) -> Json:
        """What it answers. Raises ProviderFailedError with its own words, TriptychError."""
        answer = await self.client.send(self.request(route, body), deadline=deadline or self.soon(), allow_private=True)
        found = read_json(answer)
        fault = _fault(found)
        if answer.status != 200 or fault is not None:
            raise ProviderFailedError(f"SwarmUI answered with status {answer.status}. {fault or ''}".strip(), status=answer.status,
                                      billed="no", upstream=fault)  # fmt: skip
        return found

    async def told(self, asking: HttpRequest, deadline: float) -> AsyncGenerator[JsonObject, None]:
        """What it says about one picture while it draws, to its end. Raises NotSentError where there is no connection."""
        body = await self.client.encode(asking)
        if not isinstance(self.client, Sockets) or body is None:
            raise NotSentError("This client does not listen to WebSockets.")
        way = asking.url.replace("http", "ws", 1)
        async with self.client.messages(way, deadline=deadline, first=body.data.decode()) as messages:
            async for message in messages:
                with suppress(msgspec.DecodeError, RecursionError):
                    yield as_object(msgspec.json.decode(message))

    async def picture(self, place: str, deadline: float) -> bytes | None:
        """A picture as the server names it: as data, or by where it lies."""
        if place.startswith("data:"):
            return picture_bytes(place)
        asked = HttpRequest(method="GET", url=f"{self.url}/{quote(place.lstrip('/'))}", step="fetch")
        answer = await self.client.send(asked, deadline=deadline, allow_private=True)
        return answer.body if answer.status == 200 else None

    async def stop(self, session: str) -> None:
        """Stops what is drawn for a session. Raises TriptychError."""
        await self.call("InterruptAll", {"session_id": session, "other_sessions": False})

    def soon(self) -> float:
        return self.clock.monotonic() + ASK_S


def swarm_card(provider: str, name: str, shown: str = NAME) -> ModelCard:
    """The card of a checkpoint, by its name in the server's folder."""
    plain = _FILE.sub("", name)
    short = re.sub(r"[^a-z0-9._-]+", "-", plain.lower()).strip("-._") or "model"
    return ModelCard(
        id=f"{provider}/{short}", provider=provider, provider_model_id=name, family=short, name=plain, maker="community", lane="local",
        provider_name=shown, free=True,
        capabilities=Capabilities(
            operations=("generate", "edit"), max_input_images=1, mask=True, seed=True, negative_prompt=True, previews=True, progress=True,
            size_rule=SizeRule(multiple=GRID, min_side=LEAST, max_side=MOST, max_pixels=MAX_PX),
        ),
    )  # fmt: skip


class SwarmModel(AtOnce):
    """Implements `ImageModel` for one checkpoint."""

    def __init__(self, card: ModelCard, server: Swarm) -> None:
        super().__init__(card, "SwarmUI", server.models)
        self._server = server

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Raises BadRequestError."""
        return self._fitted(request)[0].done()

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. A call that is stopped stops the server as well. Raises TriptychError."""
        fit, body = self._fitted(request)
        seed = request.seed if request.seed is not None else secrets.randbelow(SEEDS)
        body["seed"] = seed
        if request.mask is not None:
            painted = await asyncio.to_thread(white_mask, request.mask.data)
            body["maskimage"] = f"data:image/png;base64,{base64_of(painted)}"
        try:
            session = await self._server.session()
            asking = self._server.request("GenerateText2ImageWS", {**body, "session_id": session})
            hidden = self._server.request("GenerateText2ImageWS", {**body, "session_id": "<hidden>"})
            await context.tell(Sent(wire_record(hidden, hidden.url, await self._server.client.encode(asking))))
            place = await self._drawn(asking, session, request, context)
            data = None if place is None else await self._server.picture(place, context.deadline)
        except TriptychError as error:
            error.provider, error.billed = error.provider or self._card.provider, "no"
            raise
        if data is None:
            raise EmptyAnswerError("SwarmUI ended without a picture.", billed="no", provider=self._card.provider)
        return ImageResult(
            images=(GeneratedImage(data=data, seed=seed, cost=FREE),), adjustments=fit.done(), cost=FREE, billed="no",
            model_served=self._card.provider_model_id,
        )  # fmt: skip

    async def _drawn(
        self, asking: HttpRequest, session: str, request: ImageRequest, context: CallContext
    ) -> str | None:
        """Where the picture is, once it is drawn; without a connection that tells how far it is, by one call."""
        try:
            try:
                return await self._heard(asking, request, context)
            except NotSentError:
                found = await self._server.call("GenerateText2Image", asking.json, context.deadline)
                return next((place for place in map(as_text, as_list(as_object(found).get("images")))), None)
        except asyncio.CancelledError:
            with suppress(TriptychError):
                await asyncio.shield(self._server.stop(session))
            raise

    async def _heard(self, asking: HttpRequest, request: ImageRequest, context: CallContext) -> str | None:
        async with aclosing(self._server.told(asking, context.deadline)) as messages:
            async for message in messages:
                if (fault := _fault(message)) is not None:
                    raise ProviderFailedError(f"SwarmUI could not draw it: {fault}", billed="no", upstream=fault,
                                              hint="Look at SwarmUI’s own window.")  # fmt: skip
                if (progress := _progress(message, previews=request.previews > 0)) is not None:
                    await context.tell(progress)
                place = as_text(message.get("image")) or as_text(dig(message, "image", "image"))
                if place is not None or "socket_intention" in message:
                    return place  # it keeps the connection for a while, in case more is asked for
        return None

    def _fitted(self, request: ImageRequest) -> tuple[Fit, dict[str, Json]]:
        """What becomes of everything, and the body without session, seed and mask. Raises BadRequestError."""
        fit = Fit(request, self._card)
        prompt, negative = fit.prompt(), fit.negative_prompt()
        tell(fit, _SIGNS)
        fit.seed(), fit.count()
        fit.native("previews")
        images, mask = fit.images(), fit.mask()
        if mask is not None and not images:
            raise BadRequestError(
                "A mask needs the picture that it is for.", param="mask", provider=self._card.provider
            )
        size = fit.engine_size(SIDE)
        tuned = self._tuned(request)
        body: dict[str, Json] = {
            "images": 1, "prompt": prompt, "negativeprompt": negative or "", "model": self._card.provider_model_id, "width": size.width,
            "height": size.height, "steps": tuned.steps, "cfgscale": tuned.cfgscale, "donotsave": True,
        }  # fmt: skip
        body |= {name: value for name in ("sampler", "scheduler") if (value := getattr(tuned, name)) is not None}
        if images:
            body["initimage"] = f"data:{images[0].media_type};base64,{base64_of(images[0].data)}"
            body["initimagecreativity"] = tuned.initimagecreativity
        return fit, body

    def _tuned(self, request: ImageRequest) -> Tuned:
        try:
            return msgspec.convert(with_options({}, request, self._card.provider), Tuned)
        except msgspec.ValidationError as error:
            raise BadRequestError(f"A setting for SwarmUI is wrong: {error}.", param=f"options.{self._card.provider}",
                                  provider=self._card.provider) from None  # fmt: skip


class SwarmTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[endpoints.NAME]` with `engine = "swarm-ui"`: the checkpoints that are offered of a SwarmUI, by name."""

    engine: Literal["swarm-ui"] = "swarm-ui"
    base_url: str
    name: str = NAME
    models: list[str] = []


def swarm_models(
    name: str, table: Mapping[str, Json], client: Transport, clock: Clock
) -> tuple[SwarmTable, tuple[SwarmModel, ...]]:
    """A table of the user's and its models. Raises SettingsError, which names the table and the field."""
    where = f"the settings, [endpoints.{name}]"
    try:
        read = msgspec.convert(dict(table), SwarmTable)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}.", param="engine") from None
    if urlsplit(read.base_url).scheme not in {"http", "https"}:
        raise SettingsError(
            f"{where}, field 'base_url': {read.base_url!r} is no address like http://127.0.0.1:7801.", param="base_url"
        )
    server = Swarm(read.base_url.rstrip("/"), client, clock)
    return read, tuple(SwarmModel(swarm_card(name, one, read.name), server) for one in dict.fromkeys(read.models))


def _fault(message: Any) -> str | None:
    """The words of a fault; None for what is none."""
    found = as_object(message)
    words = as_text(found.get("error")) or as_text(found.get("error_id"))
    return None if words is None else words.strip()[:400]


def _progress(message: JsonObject, *, previews: bool) -> Progress | None:
    told = as_object(message.get("gen_progress"))
    done = told.get("overall_percent")
    if not isinstance(done, int | float) or isinstance(done, bool):
        return None
    preview = picture_bytes(told.get("preview")) if previews else None
    return Progress(fraction=max(0.0, min(1.0, float(done))), preview=preview)
