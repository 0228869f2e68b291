"""ComfyUI as an engine of a node: its checkpoints, by the same models as the studio's.

What a card states of it: `/system_stats` has its version and the flags that it was started with, `/internal/folder_paths` where its files lie,
which are read for their hash where that is this machine (`server.py` and `api_server/routes/internal/internal_routes.py` at commit
0076783, read on 2026-11-22). Only two flags fix one precision for all; without them it chooses for each card, which nobody can tell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog

from triptych.http.transport import Sockets, Transport
from triptych.network.card import CardModel
from triptych.network.compare import UNKNOWN
from triptych.node.backends.image_model import ModelBackend, Offer, Sampling
from triptych.node.hashes import Hashes
from triptych.provider_kit.upstream import as_list, as_object, as_text
from triptych.providers.comfyui import SAMPLER, SCHEDULER, STEPS, Comfy, ComfyModel, checkpoint_card
from triptych.spec.clock import Clock
from triptych.spec.errors import NotConfiguredError, TriptychError
from triptych.spec.json import JsonObject

ENGINE = "comfyui"
MOST_MODELS, STEPS_MAX = 64, 150
_PRECISIONS = {"--force-fp32": "fp32", "--force-fp16": "fp16"}
_OTHERWISE = ("-unet", "-vae", "-text-enc")  # flags that take a part out of it
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_log = structlog.get_logger("triptych.node")
_SAMPLING = Sampling(
    steps=STEPS, sampler=f"{SAMPLER}/{SCHEDULER}", options={"steps": "steps", "guidance": "cfg", "strength": "denoise"}
)


async def comfy_backend(url: str, client: Transport, clock: Clock) -> ModelBackend:
    """The ComfyUI at an address, which may be at home, with every checkpoint that it has. Raises NotConfiguredError for one that has none,
    TriptychError where nothing answers."""
    server = Comfy(url.rstrip("/"), client, client if isinstance(client, Sockets) else None, clock)
    files = (await server.models())[0]
    if not files:
        raise NotConfiguredError(f"The ComfyUI at {url} has no checkpoint.", hint="Put one into models/checkpoints.")
    offers: dict[str, Offer] = {}
    for card in (checkpoint_card(ENGINE, file) for file in files if len(file) <= 120):
        rule = card.capabilities.size_rule
        shown = CardModel(id=card.provider_model_id, family=card.family, engine=ENGINE, precision=UNKNOWN, steps_max=STEPS_MAX,
                          max_px=rule.max_pixels if rule is not None else 0, caps=("t2i", "i2i", "inpaint"))  # fmt: skip
        if len(offers) < MOST_MODELS:
            offers.setdefault(shown.id, Offer(shown, ComfyModel(card, server, clock), _SAMPLING))

    async def weigh(found: Sequence[Offer], hashes: Hashes) -> Iterable[Offer]:
        return await _weighed(found, server, hashes)

    return ModelBackend(f"the ComfyUI at {url}", tuple(offers.values()), clock, weigh)


async def _weighed(offers: Sequence[Offer], server: Comfy, hashes: Hashes) -> Sequence[Offer]:
    """With its version, and what it says of precision; with the hashes of the files that lie on this machine."""
    try:
        about = as_object((await server.about()).get("system"))
        folders = await server.folders("checkpoints") if urlsplit(server.url).hostname in _HERE else ()
    except TriptychError as error:
        _log.warning("ComfyUI does not say what could be compared", reason=error.message)
        return offers
    version = as_text(about.get("comfyui_version"))
    engine = f"{ENGINE}/{version[:40]}" if version and version.isprintable() else ENGINE
    made = []
    for one in offers:
        file = _file(folders, one.stated.id)
        digest = None if file is None else await hashes.of(file)
        stated = msgspec.structs.replace(one.stated, engine=engine, precision=_precision(about), digest=digest)
        made.append(replace(one, stated=stated))
    return made


def _precision(about: JsonObject) -> str:
    flags = [one for one in as_list(about.get("argv")) if isinstance(one, str)]
    told = {_PRECISIONS[one] for one in flags if one in _PRECISIONS}
    mixed = any(one.startswith("--") and one.endswith(_OTHERWISE) for one in flags)
    return told.pop() if len(told) == 1 and not mixed else UNKNOWN


def _file(folders: Sequence[str], name: str) -> Path | None:
    """The file of a checkpoint, within one of its folders."""
    for folder in folders:
        place = Path(folder)
        file = place / name
        if place.is_absolute() and ".." not in file.parts and file.is_file():
            return file
    return None
