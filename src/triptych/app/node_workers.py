"""Workers made for AI Horde as the hands of a node: it opens what was sealed for it, they draw, and it signs.

A worker is sent its jobs in plain text, over this machine or a network at home, and by a key that the node's owner gave out. What the card
says of its models is that they are drawn by such workers: who runs one can read the prompt as well.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from triptych.network.card import BRIDGED, CardModel
from triptych.node.backends.base import Backend
from triptych.node.backends.image_model import ModelBackend, Offer, Sampling
from triptych.node.horde.desk import Worker
from triptych.node.horde.house import House
from triptych.node.horde.model import SAMPLER, STEPS, WorkersModel, worker_card
from triptych.node.keys import FOLDER
from triptych.node.trial import SIZE, try_out
from triptych.provider_kit.upstream import as_object
from triptych.providers import aihorde
from triptych.spec.clock import Clock
from triptych.spec.errors import StorageError, TriptychError
from triptych.spec.model import ModelCard
from triptych.spec.secret import Secret
from triptych.store.durable import write_private
from triptych.store.faults import at

KEYS = "workers.json"
STEPS_MAX = 500
MOST_MODELS = 64
"""Of a whole card."""
_OPTIONS = {"steps": "steps", "guidance": "cfg_scale", "strength": "denoising_strength"}


class NodeHouse(House):
    """The workers of one node. `known` are cards of the same models elsewhere: their settings and families hold here. `size` is that of
    the three pictures which the first worker draws before any of their models is shown; None for none. `keys` are those of the environment,
    the owner's own for AI Horde among them. `drawn` hears how long one took,
    in milliseconds; `fault` is why their models are not shown, in a sentence."""

    def __init__(
        self, data: Path, clock: Clock, known: Iterable[ModelCard] = (), *, size: str | None = SIZE,
        keys: Mapping[str, Secret] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(clock)
        self._path, self._clock, self._size = data / FOLDER / KEYS, clock, size
        self._known = {card.provider_model_id: card for card in known}
        self._keys = keys or {}
        self._trial: asyncio.Task[None] | None = None
        self._tried = size is None
        self._there: tuple[CardModel, ...] = ()
        self.desk.changed = self._anew
        self.backend = ModelBackend("your workers", (), clock)
        self.drawn: Callable[[int], None] = lambda _: None
        self.fault: str | None = None

    def _anew(self) -> None:
        """Somebody came, went, or offers something else: what failed may be tried again."""
        self.fault = None
        self._bell.set()

    # Keys.

    async def _kept(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._read)

    def _read(self) -> dict[str, str]:
        with at(f"The file {self._path}"):
            try:
                data = self._path.read_bytes()
            except FileNotFoundError:
                return {}
        try:
            return msgspec.json.decode(data, type=dict[str, str])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise StorageError(
                f"{self._path} cannot be read.", hint="Restore it, or take it away: then no key of a worker counts."
            ) from None

    async def _keep_keys(self, kept: Mapping[str, str]) -> None:
        await asyncio.to_thread(self._write, dict(kept))

    def _write(self, kept: dict[str, str]) -> None:
        with at(f"The file {self._path}"):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path, msgspec.json.encode(kept), replace=True)

    def _own_key(self) -> str | None:
        found = next((self._keys[name] for name in aihorde.ADAPTER.auth.env if name in self._keys), None)
        return None if found is None else found.value

    # Their models.

    @property
    def models(self) -> tuple[CardModel, ...]:
        """What workers that are here now draw with; nothing before a trial has gone well."""
        return self._there if self._tried else ()

    @property
    def why(self) -> tuple[str, ...]:
        """How it stands with the workers, while nothing of theirs is offered."""
        if self.fault is not None:
            return (self.fault,)
        if self._trial is not None:
            return ("A worker draws three pictures, to see whether it works.",)
        here = any(self.desk.here(one) for one in self.desk.workers())
        return () if here or self.address is None else (f"No worker is connected. They join at {self.address}",)

    async def keep(self) -> None:
        """See `House.keep`."""
        try:
            await super().keep()
        finally:
            if self._trial is not None:
                self._trial.cancel()
                with suppress(asyncio.CancelledError):
                    await self._trial

    async def refresh(self) -> None:
        """Takes over what the workers that are here can do now."""
        by_model: dict[str, list[Worker]] = {}
        for worker in self.desk.workers():
            for name in worker.said.models if self.desk.here(worker) and not worker.maintenance else ():
                if name.isprintable() and len(name) <= 120:
                    by_model.setdefault(name, []).append(worker)
        offers = [self._offer(name, by_model[name]) for name in sorted(by_model)[:MOST_MODELS]]
        self.backend.take_in(offers)
        self._there = tuple(one.shown for one in offers)
        if self._there and not self._tried and self._trial is None and self.fault is None:
            self._trial = asyncio.create_task(self._try(self._there[0].id))

    async def _try(self, model: str) -> None:
        try:
            self.drawn(await try_out(self.backend, model, self._clock, size=self._size or SIZE))
            self._tried = True
        except TriptychError as error:
            self.fault = f"A trial of {model} on your workers failed: {error.message}"
        finally:
            self._trial = None

    def _offer(self, name: str, workers: list[Worker]) -> Offer:
        known = self._known.get(name)
        card = worker_card(name, workers, known)
        params = as_object(card.extra.get("params"))
        steps, sampler = params.get("steps"), params.get("sampler_name")
        does, rule = card.capabilities, card.capabilities.size_rule
        shown = CardModel(
            id=name, family=card.family, engine=BRIDGED, precision="unknown", max_px=0 if rule is None else rule.max_pixels, steps_max=STEPS_MAX,
            caps=("t2i", *(("i2i",) if "edit" in does.operations else ()), *(("inpaint",) if does.mask else ())),
        )  # fmt: skip
        sampling = Sampling(
            steps=steps if isinstance(steps, int) else STEPS, sampler=str(sampler or SAMPLER), options=_OPTIONS
        )
        return Offer(shown, WorkersModel(card, self.desk, self._clock), sampling)


class Offered(Mapping[str, tuple[CardModel, Backend]]):
    """Every model of a node by its name and who draws with it: those of its engines, which stay, and those of workers, which come and go.
    Of two with one name the engine's; so many as a card has room for."""

    def __init__(self, engines: Mapping[str, tuple[CardModel, Backend]], workers: NodeHouse | None) -> None:
        self._engines, self._workers = engines, workers

    def _now(self) -> dict[str, tuple[CardModel, Backend]]:
        found = dict(self._engines)
        if self._workers is not None:
            for one in self._workers.models[: max(0, MOST_MODELS - len(found))]:
                found.setdefault(one.id, (one, self._workers.backend))
        return found

    def __getitem__(self, name: str) -> tuple[CardModel, Backend]:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())
