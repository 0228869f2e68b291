"""Engines that speak a language of their own: from the user's `[endpoints.NAME]` with `engine` in it to models, and what they have."""

from collections.abc import Mapping
from dataclasses import dataclass

from triptych.http.client import HttpClient
from triptych.provider_kit.local_servers import COMFY, SWARM, WEB_UI, Known
from triptych.providers import comfyui, swarm, webui
from triptych.spec.clock import Clock
from triptych.spec.errors import SettingsError
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import ImageModel

ENGINES: Mapping[str, Known] = {comfyui.ENGINE: COMFY, webui.ENGINE: WEB_UI, swarm.ENGINE: SWARM}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine as it was written down."""

    name: str
    base_url: str
    models: tuple[ImageModel, ...]


def engine_from_settings(name: str, table: Mapping[str, Json], client: HttpClient, clock: Clock) -> Engine:
    """Raises SettingsError for a table that is none, or that names no model."""
    kind = table.get("engine")
    if kind == comfyui.ENGINE:
        comfy = comfyui.comfy_table(name, table)
        made = Engine(comfy.name, comfy.base_url, comfyui.comfy_models(name, table, client, clock))
    elif kind == webui.ENGINE:
        ui, models = webui.web_ui_models(name, table, client, clock)
        made = Engine(ui.name, ui.base_url, models)
    elif kind == swarm.ENGINE:
        table_of, drawing = swarm.swarm_models(name, table, client, clock)
        made = Engine(table_of.name, table_of.base_url, drawing)
    else:
        raise SettingsError(
            f"[endpoints.{name}] has the engine {kind!r}; there are {', '.join(ENGINES)}.", param="engine"
        )
    if not made.models:
        raise SettingsError(f"[endpoints.{name}] names no model.", param="models")
    return made


def engine_of(known: Known) -> str | None:
    """The engine that a program of this machine is; None for one that speaks OpenAI's Images API, or that nothing draws with."""
    return next((name for name, one in ENGINES.items() if one.name == known.name), None)


async def offered(known: Known, client: HttpClient, clock: Clock) -> dict[str, list[Json]]:
    """What an engine has, by the field of its table: `models`, and `upscalers` where it has such. Raises TriptychError."""
    if known.name == COMFY.name:
        checkpoints, upscalers = await comfyui.Comfy(known.url, client, client, clock).models()
        return {"models": [*checkpoints], "upscalers": [*upscalers]}
    if known.name == SWARM.name:
        return {"models": [*await swarm.Swarm(known.url, client, clock).models()]}
    return {"models": [one.name for one in await webui.WebUi(known.url, client, clock).models()]}


def engine_table(
    known: Known, has: Mapping[str, list[Json]], chosen: list[str], kept: Mapping[str, Json]
) -> JsonObject:
    """The table of an engine of this machine with the chosen models; workflows that it had stay."""
    workflows: dict[str, Json] = {"workflows": kept["workflows"]} if "workflows" in kept else {}
    listed: dict[str, Json] = {field: [one for one in chosen if one in names] for field, names in has.items()}
    return {"engine": engine_of(known), "base_url": known.url, **listed, **workflows}
