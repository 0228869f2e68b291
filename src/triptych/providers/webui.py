"""AUTOMATIC1111's Stable Diffusion web UI and Forge, started with `--api`, as models: its checkpoints, by words, from a picture, in a mask.

Its calls are those of `modules/api/api.py` and `modules/api/models.py` at commit 008a8e7 (read on 2026-11-21): one picture a call, the
noise made on the CPU, so that another machine can draw it again. While it draws, how far it is is asked for beside it. Nothing that it
draws is left on its disk.
"""

import asyncio
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from triptych.http.message import HttpRequest, HttpResponse
from triptych.http.transport import Transport
from triptych.imaging.mask import white_mask
from triptych.provider_kit.at_once import AtOnce
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.signs import AND, BREAK, NETWORK, ROUND, SQUARE, tell
from triptych.provider_kit.upstream import (
    as_count,
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
    ProviderFailedError,
    SettingsError,
    TriptychError,
)
from triptych.spec.image import FREE, SEEDS, Adjustment, GeneratedImage, ImageRequest, ImageResult
from triptych.spec.json import Json
from triptych.spec.model import (
    CallContext,
    Capabilities,
    ModelCard,
    Progress,
    Sent,
    SizeRule,
)

NAME, ENGINE = "Stable Diffusion web UI", "web-ui"
STEPS, STEPS_MAX, GUIDANCE, SAMPLER, CHANGED = 25, 150, 7.0, "Euler", 0.75
MAX_PX = 2048 * 2048
ASK_S, LOOK_S = 15.0, 1.0  # for a question, and between two how far it is
SIDE = 512  # pixels of a square that nobody asked otherwise for
MOST_MODELS = 64
_SIGNS = (ROUND, SQUARE, BREAK, AND, NETWORK)  # of its `modules/prompt_parser.py` and extra networks
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One of its models: its name, the title that it is loaded by, and the hash of its file where that is known."""

    name: str
    title: str
    digest: str | None = None


class Tuned(msgspec.Struct, forbid_unknown_fields=True):
    """What a user may set of the sampler, as the API names it."""

    steps: Annotated[int, msgspec.Meta(ge=1, le=STEPS_MAX)] = STEPS
    cfg_scale: Annotated[float, msgspec.Meta(ge=0, le=100)] = GUIDANCE
    sampler_name: Annotated[str, msgspec.Meta(max_length=60)] = SAMPLER
    denoising_strength: Annotated[float, msgspec.Meta(gt=0, le=1)] = CHANGED


@dataclass(frozen=True, slots=True)
class WebUi:
    """A web UI at an address, which may be at home."""

    url: str
    client: Transport
    clock: Clock = field(repr=False)

    async def models(self) -> tuple[Checkpoint, ...]:
        """Its checkpoints. Raises NotConfiguredError where it lists none, or is started without its API; TriptychError."""
        answer = await self.call("GET", "sd-models", None, self.soon())
        found: dict[str, Checkpoint] = {}
        for one in map(as_object, as_list(read_json(answer)) if answer.status == 200 else ()):
            title, name = as_text(one.get("title")), as_text(one.get("model_name"))
            if title is None or name is None or len(name) > 120 or not name.isprintable() or len(found) >= MOST_MODELS:
                continue
            digest = as_text(one.get("sha256")) or ""
            found[name] = Checkpoint(name, title, digest if _SHA256.fullmatch(digest) else None)
        if not found:
            raise NotConfiguredError(f"The web UI at {self.url} lists no models (status {answer.status}).",
                                     hint="Start it with --api, with a model in its folder.")  # fmt: skip
        return tuple(found.values())

    async def precision(self) -> str | None:
        """How it reckons for all of its models, by the flags that it was started with; None where it does not say. Raises TriptychError."""
        answer = await self.call("GET", "cmd-flags", None, self.soon())
        flags = as_object(read_json(answer)) if answer.status == 200 else {}
        named, whole = as_text(flags.get("precision")), flags.get("no_half")
        if named not in {"autocast", "full", "half"} or not isinstance(whole, bool):
            return None
        return f"{named}, {32 if whole else 16}-bit weights"

    def soon(self) -> float:
        return self.clock.monotonic() + ASK_S

    def request(self, method: Literal["GET", "POST"], path: str, body: Json) -> HttpRequest:
        draws = path in {"txt2img", "img2img"}
        return HttpRequest(method=method, url=f"{self.url}/sdapi/v1/{path}", headers={"Accept": "application/json"}, json=body,
                           step="submit" if draws else "check")  # fmt: skip

    async def call(self, method: Literal["GET", "POST"], path: str, body: Json, deadline: float) -> HttpResponse:
        return await self.client.send(self.request(method, path, body), deadline=deadline, allow_private=True)


def web_ui_card(provider: str, name: str, shown: str = NAME) -> ModelCard:
    """The card of a checkpoint."""
    short = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "model"
    return ModelCard(
        id=f"{provider}/{short}", provider=provider, provider_model_id=name, family=short, name=name, maker="community", lane="local",
        provider_name=shown, free=True,
        capabilities=Capabilities(
            operations=("generate", "edit"), max_input_images=1, mask=True, seed=True, negative_prompt=True, previews=True, progress=True,
            size_rule=SizeRule(multiple=8, min_side=64, max_side=2048, max_pixels=MAX_PX), knobs=("tile",),
        ),
    )  # fmt: skip


class WebUiModel(AtOnce):
    """Implements `ImageModel` for one checkpoint; `title` is what it is loaded by."""

    def __init__(self, card: ModelCard, server: WebUi, clock: Clock, title: str | None = None) -> None:
        super().__init__(card, "The web UI", server.models)
        self._server, self._clock = server, clock
        self._title = title or card.provider_model_id

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Raises BadRequestError."""
        return self._fitted(request)[0].done()

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. A call that is stopped stops the web UI as well. Raises TriptychError."""
        fit, body = self._fitted(request)
        seed = request.seed if request.seed is not None else secrets.randbelow(SEEDS)
        body["seed"] = seed
        if request.mask is not None:
            body["mask"] = base64_of(await asyncio.to_thread(white_mask, request.mask.data))
        path = "img2img" if "init_images" in body else "txt2img"
        asking = self._server.request("POST", path, body)
        await context.tell(Sent(wire_record(asking, asking.url, await self._server.client.encode(asking))))
        watching = asyncio.create_task(self._watch(request, context))
        try:
            answer = await self._server.call("POST", path, body, context.deadline)
        except asyncio.CancelledError:
            with suppress(TriptychError):
                await asyncio.shield(self._server.call("POST", "interrupt", {}, self._server.soon()))
            raise
        except TriptychError as error:
            error.provider, error.billed = error.provider or self._card.provider, "no"
            raise
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        picture = GeneratedImage(data=self._picture(answer), seed=seed, cost=FREE)
        return ImageResult(
            images=(picture,), adjustments=fit.done(), cost=FREE, billed="no", model_served=self._card.provider_model_id
        )

    def _picture(self, answer: HttpResponse) -> bytes:
        body = as_object(read_json(answer))
        if answer.status != 200:
            words = as_text(body.get("detail")) or as_text(body.get("error")) or ""
            raise ProviderFailedError(f"The web UI answered with status {answer.status}. {words[:200]}".strip(), status=answer.status,
                                      billed="no", provider=self._card.provider)  # fmt: skip
        pictures = as_list(body.get("images"))
        data = picture_bytes(pictures[0]) if pictures else None
        if data is None:
            raise EmptyAnswerError("The web UI answered without a picture.", billed="no", provider=self._card.provider)
        return data

    async def _watch(self, request: ImageRequest, context: CallContext) -> None:
        """Says how far it is until it is cancelled; whether it can be seen or not changes nothing for the picture."""
        skip = "false" if request.previews else "true"
        steps = self._tuned(request).steps
        while True:
            await self._clock.sleep(LOOK_S)
            try:
                found = read_json(
                    await self._server.call("GET", f"progress?skip_current_image={skip}", None, self._server.soon())
                )
            except TriptychError:
                continue
            step = as_count(dig(found, "state", "sampling_step"))
            if step is not None:
                preview = picture_bytes(dig(found, "current_image")) if request.previews else None
                await context.tell(Progress(fraction=min(1.0, step / steps), preview=preview))

    def _fitted(self, request: ImageRequest) -> tuple[Fit, dict[str, Json]]:
        """What becomes of everything, and the body without its seed and mask. Raises BadRequestError."""
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
            "prompt": prompt, "negative_prompt": negative or "", "steps": tuned.steps, "cfg_scale": tuned.cfg_scale, "width": size.width,
            "height": size.height, "sampler_name": tuned.sampler_name, "n_iter": 1, "batch_size": 1, "send_images": True,
            "save_images": False, "do_not_save_grid": True, "do_not_save_samples": True,
            "override_settings": {"sd_model_checkpoint": self._title, "randn_source": "CPU", "samples_format": "png"},
        }  # fmt: skip
        if request.knobs.get("tile"):
            fit.native("tile")
            body["tiling"] = True
        if images:
            body |= {
                "init_images": [base64_of(images[0].data)],
                "resize_mode": 1,
                "denoising_strength": tuned.denoising_strength,
            }
        if mask is not None:
            body |= {"inpainting_fill": 1, "inpaint_full_res": False, "inpainting_mask_invert": 0}
        return fit, body

    def _tuned(self, request: ImageRequest) -> Tuned:
        try:
            return msgspec.convert(with_options({}, request, self._card.provider), Tuned)
        except msgspec.ValidationError as error:
            raise BadRequestError(f"A setting for the web UI is wrong: {error}.", param=f"options.{self._card.provider}",
                                  provider=self._card.provider) from None  # fmt: skip


class WebUiTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[endpoints.NAME]` with `engine = "web-ui"`: the checkpoints that are offered of a web UI, by name."""

    engine: Literal["web-ui"] = "web-ui"
    base_url: str
    name: str = NAME
    models: list[str] = []


def web_ui_models(name: str, table: Any, client: Transport, clock: Clock) -> tuple[WebUiTable, tuple[WebUiModel, ...]]:
    """A table of the user's and its models. Raises SettingsError, which names the table and the field."""
    where = f"the settings, [endpoints.{name}]"
    try:
        read = msgspec.convert(dict(table), WebUiTable)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}.", param="engine") from None
    if urlsplit(read.base_url).scheme not in {"http", "https"}:
        raise SettingsError(
            f"{where}, field 'base_url': {read.base_url!r} is no address like http://127.0.0.1:7860.", param="base_url"
        )
    server = WebUi(read.base_url.rstrip("/"), client, clock)
    return read, tuple(
        WebUiModel(web_ui_card(name, one, read.name), server, clock) for one in dict.fromkeys(read.models)
    )
