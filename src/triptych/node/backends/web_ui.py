"""AUTOMATIC1111's Stable Diffusion web UI and Forge as an engine of a node: its checkpoints, by the same models as the studio's."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec
import structlog

from triptych.http.transport import Transport
from triptych.network.card import CardModel
from triptych.network.compare import UNKNOWN
from triptych.node.backends.image_model import ModelBackend, Offer, Sampling
from triptych.node.hashes import Hashes
from triptych.providers.webui import MAX_PX, SAMPLER, STEPS, STEPS_MAX, WebUi, WebUiModel, web_ui_card
from triptych.spec.clock import Clock
from triptych.spec.errors import TriptychError

ENGINE = "sd-web-ui"
_log = structlog.get_logger("triptych.node")
_SAMPLING = Sampling(
    steps=STEPS, sampler=SAMPLER, options={"steps": "steps", "guidance": "cfg_scale", "strength": "denoising_strength"}
)


async def web_ui_backend(url: str, client: Transport, clock: Clock) -> ModelBackend:
    """The web UI at an address, which may be at home, with every checkpoint that it has. Raises NotConfiguredError where it lists none, or
    is started without its API; TriptychError where nothing answers."""
    server = WebUi(url.rstrip("/"), client, clock)
    offers = [
        Offer(
            CardModel(id=one.name, family=one.name, engine=ENGINE, precision=UNKNOWN, max_px=MAX_PX, steps_max=STEPS_MAX,
                      caps=("t2i", "i2i", "inpaint"), digest=one.digest),
            WebUiModel(web_ui_card(ENGINE, one.name), server, clock, one.title),
            _SAMPLING,
        )
        for one in await server.models()
    ]  # fmt: skip

    async def weigh(found: Sequence[Offer], _: Hashes) -> Iterable[Offer]:
        try:
            precision = await server.precision() or UNKNOWN
        except TriptychError as error:
            _log.warning("the web UI does not say how it reckons", reason=error.message)
            return found
        return [replace(one, stated=msgspec.structs.replace(one.stated, precision=precision)) for one in found]

    return ModelBackend(f"the web UI at {server.url}", offers, clock, weigh)
