"""What a studio shares, as values: what was chosen, what came of it, and what draws here that could be shared."""

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from triptych.app.hub import hub_origin
from triptych.app.models import Models, ProviderState
from triptych.http.transport import Transport
from triptych.node.backends.base import Backend
from triptych.node.backends.find import engine_at, engines_here
from triptych.node.backends.image_model import painter_backend
from triptych.node.backends.open_models import open_backend
from triptych.node.jobs import Counts, Used
from triptych.provider_kit.local_servers import KNOWN
from triptych.providers.local import LocalModel
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, TriptychError

NAME = "A friend's models"
MOST_NAME = 60
_FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # for documentation: nobody is there


class Chosen(msgspec.Struct, frozen=True):
    """What was chosen, kept for the next time. No `engines` means all that are found; `public` is the address that invites name, in
    the place of the one that is found; `hubs` are others' that list the node as well, `strangers` whether it draws for anybody
    there."""

    name: str = NAME
    engines: tuple[str, ...] = ()
    public: str = ""
    hubs: tuple[str, ...] = ()
    strangers: bool = False
    hours: str = ""
    lan: bool = False


class Totals(msgspec.Struct, frozen=True):
    """What came of sharing since it was first begun, by the ends of jobs and by the names of guests."""

    served: int = 0
    refused: int = 0
    failed: int = 0
    guests: dict[str, tuple[int, int]] = {}  # by name: jobs that were drawn, and when the last was asked for

    def with_counts(self, counts: Counts, names: Mapping[str, str]) -> "Totals":
        """These and what a node has counted since its start; `names` are those of its guests by their words."""
        guests = dict(self.guests)
        for word, used in counts.guests.items():
            if (name := names.get(word)) is not None:
                guests[name] = _more(guests.get(name, (0, 0)), used)
        return Totals(self.served + counts.served, self.refused + counts.refused, self.failed + counts.failed, guests)


def _more(before: tuple[int, int], used: Used) -> tuple[int, int]:
    return before[0] + used.served, max(before[1], used.last_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Something of this machine that draws. `painters` are no models of AI; they are shared where nothing else is, or by name."""

    backend: Backend
    models: tuple[str, ...]
    painters: bool = False

    @property
    def name(self) -> str:
        return self.backend.name


async def engines_of(models: Models, client: Transport, clock: Clock) -> tuple[Engine, ...]:
    """What could be shared: what answers at the usual ports, servers of one's own that were added, and the painters.

    Nothing for which a key is kept is ever among them: what it draws is paid for by whoever's key it is.
    """
    found = list(await engines_here(client, clock))
    usual = {one.url for one in KNOWN}
    for state in models.providers():
        if (url := _own_server(state)) is None or url.removesuffix("/v1") in usual:
            continue
        with suppress(TriptychError):  # it is not there now
            found.append(await engine_at(url, client, clock))
    if here := [
        one.model
        for one in models.endpoints().values()
        if isinstance(one.model, LocalModel) and one.ready and one.enabled
    ]:
        found.append(open_backend(here, clock))
    made = []
    for one in found:
        with suppress(TriptychError):
            made.append(Engine(backend=one, models=tuple(model.id for model in await one.models())))
    painters = painter_backend(clock)
    shown = tuple(model.id for model in await painters.models())
    return (*made, Engine(backend=painters, models=shown, painters=True))


def _own_server(state: ProviderState) -> str | None:
    """The address of a server of one's own that needs no key and costs nothing."""
    free = state.enabled and state.adapter is not None and state.key is None
    return state.base_url if free and all(card.lane == "local" for card in state.cards) else None


def unshared(models: Models) -> tuple[str, ...]:
    """The names of providers whose pictures somebody here pays for, or whose terms are between them and whoever has the key."""
    return tuple(sorted({state.name for state in models.providers() if state.enabled and state.key is not None}))


def chosen_engines(found: Sequence[Engine], wanted: Sequence[str], models: Models) -> tuple[Engine, ...]:
    """The engines that are shared: those that are named, or all but the painters, or the painters where there is nothing else. Raises
    BadRequestError for a name that is none, and for a provider that is paid."""
    if not wanted:
        return tuple(one for one in found if not one.painters) or tuple(found)
    by_name = {one.name: one for one in found}
    for name in wanted:
        if name in by_name:
            continue
        paid = next((one for one in models.providers() if name in {one.id, one.name}), None)
        if paid is not None and paid.adapter is not None:
            raise BadRequestError(
                f"{paid.name} is not shared: what it draws for others would be paid for with your key.",
                hint="Share what draws on this machine.", param="engines",
            )  # fmt: skip
        raise BadRequestError(f"{name[:80]!r} does not draw on this machine now.",
                              hint=f"There is: {', '.join(by_name)}.", param="engines")  # fmt: skip
    return tuple(by_name[name] for name in dict.fromkeys(wanted))


def read_name(value: str, param: str) -> str:
    """A name as it stands in an invite. Raises BadRequestError."""
    name = " ".join(value.split())
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise BadRequestError(f"A name has 1 to {MOST_NAME} letters.", param=param)
    return name


def address_here() -> str | None:
    """The address that this machine has in its network, by the way out that it would take; nothing is sent. None without a network."""
    for family, far in _FAR:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((far, 9))
            found = str(asked.getsockname()[0])
            if not ipaddress.ip_address(found).is_unspecified:
                return found
    return None


def address_of(host: str, port: int) -> str:
    """`http://192.168.1.20:8750`."""
    return hub_origin(f"http://{f'[{host}]' if ':' in host else host}:{port}")
