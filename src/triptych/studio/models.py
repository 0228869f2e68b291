"""Names of models as people write them, and what the registry knows by them."""

import difflib
import re
from collections.abc import Mapping, Sequence

from triptych.router.refusal import ended_error
from triptych.router.registry import Endpoint, Registry
from triptych.spec.errors import UnknownModelError
from triptych.spec.model import ModelCard
from triptych.studio.variation import repeats_itself

AUTO = "auto"
_ALIKE = 0.6  # names less alike than this are no guess worth making
_SHOWN = 4
_CUTS = re.compile(r"[/:._-]+")


class Names:
    """The models of one moment, by name."""

    def __init__(self, registry: Registry) -> None:
        self.endpoints: Mapping[str, Endpoint] = registry.endpoints()
        self.cards: dict[str, ModelCard] = {name: found.model.card for name, found in self.endpoints.items()}
        self._drawing = [name for name, card in self.cards.items() if card.draws]
        self.families = frozenset(self.cards[name].family for name in self._drawing)
        self._served: dict[str, tuple[ModelCard, ...]] = {}
        self._exact = {known.lower(): known for known in (AUTO, *self.families, *self.cards)}

    def mentions(self) -> frozenset[str]:
        """Every name, in lower case, that may stand after an `@`."""
        words = {word for name in self._drawing for word in (*self._pieces(name), name.lower())}
        return frozenset(word for word in words | {family.lower() for family in self.families} if len(word) > 1)

    def resolve(self, name: str, *, see: str = "") -> str:
        """`auto`, a family or an endpoint for a name as typed. `see` is where all names are, for a caller without pages.

        Raises UnknownModelError with the near names, with what came after a model that ended, or with the candidates when the name could mean several.
        """
        wanted = name.strip().lower()
        exact = self._exact
        if wanted in exact:
            return exact[wanted]
        # What has ended may be how the names of others begin, which is no reason to take one of those.
        named = any(known.endswith(f"/{wanted}") for known in exact)
        if not named and (ended := ended_error(name, self.endpoints, "models")) is not None:
            raise ended
        found = self._matching(wanted)
        ready = [endpoint for endpoint in found if self.endpoints[endpoint].ready and self.endpoints[endpoint].enabled]
        if len(found) == 1 or len(ready) == 1:
            return (ready or found)[0]
        if found:
            raise UnknownModelError(
                f"{name!r} could mean {_listed(found)}.", hint="Write the whole name of one of them.", param="models"
            )
        meant = self._near(wanted[:80], exact)
        hint = f"Did you mean {_listed(meant)}?" if meant else self._ready_names(see)
        raise UnknownModelError(f"There is no model named {name[:80]!r}.", hint=hint, param="models")

    def _near(self, wanted: str, exact: Mapping[str, str]) -> list[str]:
        """Up to three names that are written nearly so. A family and its only endpoint are one."""
        near = difflib.get_close_matches(wanted, [*exact, *self.mentions()], n=6, cutoff=_ALIKE)
        meant: dict[tuple[str, ...], str] = {}
        for word in near:
            name = exact[word] if word in exact else next(iter(self._matching(word)), word)
            served = tuple(sorted(card.id for card in self.cards.values() if name in {card.id, card.family}))
            meant[served or (name,)] = served[0] if len(served) == 1 else name
        return list(meant.values())[:3]

    def _ready_names(self, see: str) -> str:
        ready = ", ".join([name for name in self._drawing if self._usable(name)][:_SHOWN])
        if see:
            return f"See {see}; ready now: {ready}." if ready else f"See {see}."
        return f"Ready now: {ready}." if ready else "See the Models page."

    def meant(self, name: str, model: str) -> bool:
        """Whether a name as typed after `@` fits a model that was resolved already."""
        wanted = name.lower()
        if wanted == model.lower():
            return True
        return any(self.cards[endpoint].family == model or endpoint == model for endpoint in self._matching(wanted))

    def repeats_itself(self, model: str) -> bool:
        """Whether what a resolved model may run on now makes the same picture each time unless there is a seed."""
        cards = self.served_by(model)
        return repeats_itself([card for card in cards if self._usable(card.id)] or cards)

    def served_by(self, model: str) -> tuple[ModelCard, ...]:
        """The cards that a resolved name may run on, those that can be used now first. `auto` takes what is no AI model
        only when nothing else can be used."""
        if (known := self._served.get(model)) is not None:
            return known
        cards = [
            card for name, card in self.cards.items() if model in {name, card.family} or (model == AUTO and card.draws)
        ]
        if model == AUTO and any(card.is_ai and self._usable(card.id) for card in cards):
            cards = [card for card in cards if card.is_ai]
        self._served[model] = served = tuple(sorted(cards, key=lambda card: not self._usable(card.id)))
        return served

    def _usable(self, endpoint: str) -> bool:
        return self.endpoints[endpoint].ready and self.endpoints[endpoint].enabled

    def _pieces(self, name: str) -> list[str]:
        """What a name is made of. Where it has an address behind its first word, letters by chance, that is one piece: cut at its hyphens, it
        would make a model of any `@me` or `@it`."""
        head, _, rest = name.lower().partition("/")
        address = self.cards[name].provider.lower().removeprefix(f"{head}-")
        if address and rest.startswith(f"{address}/"):
            return [head, address, *_CUTS.split(rest.removeprefix(f"{address}/"))]
        return _CUTS.split(name.lower())

    def _matching(self, wanted: str) -> list[str]:
        """Endpoints that have the name as a piece of theirs, or begin a piece with it."""
        pieces = {name: self._pieces(name) for name in self._drawing}
        whole = [name for name in self._drawing if wanted in pieces[name] or name.lower().endswith(f"/{wanted}")]
        begun = [name for name in self._drawing if len(wanted) > 1 and f"/{wanted}" in f"/{name.lower()}"]
        return whole or begun


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:4], f"{len(names) - 4} more"] if len(names) > 5 else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
