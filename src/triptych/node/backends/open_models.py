"""Open models of this machine as an engine of a node: drawn with by a process of the node itself, no server beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import msgspec
import structlog

from triptych.imaging.diffusion.folder import drawn_with
from triptych.imaging.diffusion.job import DrawError
from triptych.imaging.diffusion.memory import Machine, place
from triptych.network.card import CardModel
from triptych.network.compare import UNKNOWN
from triptych.node.backends.image_model import ModelBackend, Offer, Sampling
from triptych.node.hashes import Hashes
from triptych.providers.local import ENGINE, MOST_SIDE, STEPS_MAX, LocalModel, sampling
from triptych.spec.clock import Clock
from triptych.spec.errors import NotConfiguredError

_OPTIONS = {"steps": "steps", "guidance": "guidance", "strength": "strength"}
_MOST_MODELS = 64
_SIDES = (MOST_SIDE, 1536, 1024, 768, 512)
_log = structlog.get_logger("triptych.node")


def open_backend(models: Sequence[LocalModel], clock: Clock) -> ModelBackend:
    """All of these models. Raises NotConfiguredError where there is none."""
    if not models:
        raise NotConfiguredError("There is no open model on this machine.", hint="Get one: triptych models get NAME.")
    return ModelBackend("the open models here", [_offer(one) for one in models[:_MOST_MODELS]], clock, _weighed)


def _offer(one: LocalModel) -> Offer:
    kind = one.model.kind
    caps: list[Literal["t2i", "i2i", "inpaint"]] = ["t2i"]
    if kind.edits:
        caps.append("i2i")
    if kind.masks:
        caps.append("inpaint")
    shown = CardModel(id=one.card.provider_model_id, family=one.card.family, engine=_engine(), precision=UNKNOWN, max_px=MOST_SIDE * MOST_SIDE,
                      steps_max=STEPS_MAX, caps=tuple(caps))  # fmt: skip
    return Offer(shown, one, Sampling(steps=sampling(one.model).steps, sampler=one.model.scheduler, options=_OPTIONS))


def _engine() -> str:
    try:
        return f"{ENGINE}/{version('diffusers')}"
    except PackageNotFoundError:
        return ENGINE


async def _weighed(offers: Iterable[Offer], hashes: Hashes) -> Sequence[Offer]:
    """With the hash of their weights, and the precision in which they are drawn with from now on: a picture that would only fit in another
    one is not drawn. What this machine does not tell stays unstated."""
    found = list(offers)
    first = next(one.model for one in found if isinstance(one.model, LocalModel))
    try:
        here = await first.easel.look()
    except DrawError as error:
        _log.warning("in which precision open models draw here is not known", reason=error.message)
        return found
    return [await _stated(one, one.model, here, hashes) for one in found if isinstance(one.model, LocalModel)]


async def _stated(offer: Offer, local: LocalModel, here: Machine, hashes: Hashes) -> Offer:
    placed = place(local.model.parts, here, local.model.side * local.model.side, 1)
    if placed is None:  # the trial says that it does not fit
        return offer
    digest = await hashes.of_all(drawn_with(local.model))
    fits = [one * one for one in _SIDES if place(local.model.parts, here, one * one, 1, placed.exact) is not None]
    stated = msgspec.structs.replace(offer.stated, digest=digest, precision=placed.exact,
                                     max_px=max(fits, default=local.model.side * local.model.side))  # fmt: skip
    return replace(offer, stated=stated, model=replace(local, exact=placed.exact))
