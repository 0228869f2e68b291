"""Finds what draws on this machine, and takes what the operator names."""

import asyncio
from collections.abc import Sequence

from triptych.http.transport import Transport
from triptych.node.backends.base import Backend
from triptych.node.backends.comfy import comfy_backend
from triptych.node.backends.image_model import images_backend, openai_backend
from triptych.node.backends.swarm import swarm_backend
from triptych.node.backends.web_ui import web_ui_backend
from triptych.provider_kit.local_servers import COMFY, KNOWN, SWARM, WEB_UI, Known, look
from triptych.spec.clock import Clock
from triptych.spec.errors import NotConfiguredError, TriptychError


async def engine_at(url: str, client: Transport, clock: Clock) -> Backend:
    """The engine at an address: a web UI, a ComfyUI, a SwarmUI, or a server that speaks OpenAI's Images API. Raises NotConfiguredError for neither."""
    said: list[str] = []
    for ways in (web_ui_backend, comfy_backend, swarm_backend, openai_backend):
        try:
            return await ways(url, client, clock)
        except TriptychError as error:
            said.append(error.message)
    raise NotConfiguredError(f"Nothing at {url} can be used as an engine. {' '.join(dict.fromkeys(said))}",
                             hint="Give the address of an OpenAI-compatible server, a ComfyUI, a SwarmUI, or a web UI that was started with --api.")  # fmt: skip


async def engines_here(client: Transport, clock: Clock, known: Sequence[Known] = KNOWN) -> list[Backend]:
    """What answers on this machine now and can be used as an engine."""
    usable = [one for one in known if one.models or one in {WEB_UI, COMFY, SWARM}]
    there = await asyncio.gather(*(look(one, client, clock) for one in usable))
    found: list[Backend] = []
    for one, models in zip(usable, there, strict=True):
        if models is None:
            continue
        try:
            found.append(await _as_engine(one, models, client, clock))
        except TriptychError:
            continue  # it has no model that draws
    return found


async def _as_engine(known: Known, models: Sequence[str], client: Transport, clock: Clock) -> Backend:
    if known is WEB_UI:
        return await web_ui_backend(known.url, client, clock)
    if known is COMFY:
        return await comfy_backend(known.url, client, clock)
    if known is SWARM:
        return await swarm_backend(known.url, client, clock)
    return images_backend(known.url + known.base, models, client, clock, like=known.like)
