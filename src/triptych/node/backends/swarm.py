"""SwarmUI as an engine of a node: its checkpoints, by the same models as the studio's."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec
import structlog

from triptych.http.transport import Transport
from triptych.network.card import CardModel
from triptych.network.compare import UNKNOWN
from triptych.node.backends.image_model import ModelBackend, Offer, Sampling
from triptych.node.hashes import Hashes
from triptych.providers.swarm import ENGINE, MAX_PX, STEPS, Swarm, SwarmModel, swarm_card
from triptych.spec.clock import Clock
from triptych.spec.errors import TriptychError

STEPS_MAX = 150
HASH_S = 120.0  # for a checkpoint that the server has not read for its hash before
_log = structlog.get_logger("triptych.node")
_SAMPLER, _SCHEDULER = "euler", "normal"
_SAMPLING = Sampling(
    steps=STEPS, sampler=f"{_SAMPLER}/{_SCHEDULER}", fixed={"sampler": _SAMPLER, "scheduler": _SCHEDULER},
    options={"steps": "steps", "guidance": "cfgscale", "strength": "initimagecreativity"},
)  # fmt: skip


async def swarm_backend(url: str, client: Transport, clock: Clock) -> ModelBackend:
    """The SwarmUI at an address, which may be at home, with every checkpoint that it has. Raises NotConfiguredError for one that has none,
    TriptychError where nothing answers."""
    server = Swarm(url.rstrip("/"), client, clock)
    offers = [
        Offer(
            CardModel(id=name, family=card.family, engine=ENGINE, precision=UNKNOWN, max_px=MAX_PX, steps_max=STEPS_MAX,
                      caps=("t2i", "i2i", "inpaint")),
            SwarmModel(card, server),
            _SAMPLING,
        )
        for name, card in ((one, swarm_card(ENGINE, one)) for one in await server.models())
    ]  # fmt: skip

    async def weigh(found: Sequence[Offer], _: Hashes) -> Iterable[Offer]:
        return [await _weighed(one, server) for one in found]

    return ModelBackend(f"the SwarmUI at {server.url}", offers, clock, weigh)


async def _weighed(offer: Offer, server: Swarm) -> Offer:
    """With the hash of its weights by the server's own word. Neither the version of what draws behind it nor its precision are told."""
    try:
        digest = await server.digest(offer.stated.id, server.clock.monotonic() + HASH_S)
    except TriptychError as error:
        _log.warning("SwarmUI does not say the hash of a model", reason=error.message)
        return offer
    return replace(offer, stated=msgspec.structs.replace(offer.stated, digest=digest))
