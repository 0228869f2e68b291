"""Before a run: which model gets which of the pictures that go along, and which does not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triptych.spec.errors import BadRequestError
from triptych.spec.image import ImageRequest, Role
from triptych.spec.model import ModelCard
from triptych.spec.references import chosen_first
from triptych.studio.models import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFate:
    """One of the pictures that go along, as `@img{index}`. `place` is where it stands among those sent, from 1; None for
    one that this model does not get."""

    index: int
    role: Role
    place: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePlan:
    """What a model does with the pictures. `takes` is the most it takes at once. `undecided` says what there is to decide
    when it cannot take all and nobody has agreed to that."""

    takes: int = 0
    fates: tuple[ReferenceFate, ...] = ()
    undecided: str | None = None


NO_REFERENCES = ReferencePlan()


def reference_plan(
    names: Names, model: str, requests: Sequence[ImageRequest], fewer: tuple[str, ...] | None = None
) -> ReferencePlan:
    """For a resolved model, by the first of its requests. `fewer` are the models that may run with fewer pictures than
    are given; None for all."""
    request = next(iter(requests), None)
    card = _card(names, model) if request is not None and request.images else None
    if card is None or request is None:
        return NO_REFERENCES
    takes = card.capabilities.max_input_images
    sent, left = chosen_first(request.images, takes)
    places = {index: place for place, index in enumerate(sent, start=1)}
    fates = tuple(
        ReferenceFate(index=index + 1, role=image.role, place=places.get(index))
        for index, image in enumerate(request.images)
    )
    undecided = None
    if left and takes and fewer is not None and model not in fewer:
        without = _listed([f"@img{index + 1}" for index in left])
        undecided = (
            f"{card.name} takes {takes} {'picture' if takes == 1 else 'pictures'}, {len(fates)} go along: "
            f"run it without {without}, or take it out."
        )
    return ReferencePlan(takes=takes, fates=fates, undecided=undecided)


def reference_problem(plans: Iterable[ReferencePlan]) -> BadRequestError | None:
    """An error while something is to be decided."""
    said = [plan.undecided for plan in plans if plan.undecided]
    return BadRequestError(" ".join(said), param="images") if said else None


def _card(names: Names, model: str) -> ModelCard | None:
    """The card that the plan is about: of those that can be used the first that takes pictures."""
    served = names.served_by(model)
    usable = [card for card in served if names.endpoints[card.id].ready and names.endpoints[card.id].enabled]
    return next((card for card in usable or served if "edit" in card.capabilities.operations), None)


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
