"""An X/Y grid: up to three axes over models, settings, words of the prompt or its pictures; every cell read and priced
before anything is started, then all of them one batch.

A cell is a prompt of its own: the text with words replaced and parameters added, to one model. So whatever the grammar
knows can be an axis, and a cell that cannot be made says why in the words it would have alone.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import msgspec

from triptych.router.merge import total_cost
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, TriptychError, UnknownModelError
from triptych.spec.image import UNKNOWN_COST, Adjustment, Cost, ImageRequest
from triptych.spec.json import Json, JsonObject
from triptych.spec.routing import NO_FLOORS
from triptych.store.base import IdempotencyRecord
from triptych.studio.kept import settings_of
from triptych.studio.planning import MOST_TILES, Asked, Draft, Planner
from triptych.studio.prompt.parameters import BY_SPELLING, did_you_mean
from triptych.studio.service import Studio
from triptych.studio.terms import AT_ONCE, routing_settings
from triptych.studio.views import RunView

AxisKind = Literal["model", "parameter", "words", "pictures"]
MOST_AXES = 3
MOST_VALUES = 40
NO_PICTURES = "none"
_BAD_NOTES = frozenset({"error", "invalid", "unknown"})
_SWITCHES = {"on": True, "off": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis. `name` is the parameter's spelling without dashes, or the words that are replaced. The values of a
    `pictures` axis are `none` or numbers of pictures, counted from 1, with commas; those of a parameter without a value
    (`--tile`) are `on` and `off`, and an empty one leaves the parameter out."""

    kind: AxisKind
    values: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place of a grid: `at` is an index into the values of each axis. `made` is what would be started there, empty
    for the `reason` that it cannot be. `cost` is with the fee, `beyond` what is held above it, in micro-dollars."""

    at: tuple[int, ...]
    model: str
    text: str
    made: tuple[tuple[str, ImageRequest, Cost], ...]
    cost: Cost
    beyond: int
    adjustments: tuple[Adjustment, ...]
    reason: str | None
    seconds: tuple[int, int] | None

    @property
    def json(self) -> JsonObject:
        told = [*dict.fromkeys(note.detail for note in self.adjustments)]
        return {"at": list(self.at), "model": self.model, "text": self.text, "images": len(self.made),
                "ok": self.reason is None, "reason": self.reason, "cost": msgspec.to_builtins(self.cost),
                "adjusted": [*told]}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid that could be started; `problem` says why it cannot be."""

    axes: tuple[Axis, ...]
    labels: tuple[tuple[str, ...], ...]
    cells: tuple[Cell, ...]
    base: Draft
    total: Cost
    problem: TriptychError | None

    @property
    def json(self) -> JsonObject:
        good = [cell for cell in self.cells if cell.reason is None]
        known = [cell.cost.amount_micro_usd for cell in good if cell.cost.amount_micro_usd is not None]
        problem = self.problem
        return {
            "axes": self.axes_json(), "cells": [cell.json for cell in self.cells],
            "images": sum(len(cell.made) for cell in good), "total": msgspec.to_builtins(self.total),
            "known_micro_usd": sum(known), "unknown_count": len(good) - len(known), "seconds": _seconds(good),
            "allowed": problem is None,
            "reason": " ".join(filter(None, (problem.message, problem.hint))) if problem else None,
        }  # fmt: skip

    def axes_json(self) -> list[Json]:
        return [
            {"kind": axis.kind, "name": axis.name, "label": _label(axis), "values": list(axis.values),
             "labels": list(labels)}
            for axis, labels in zip(self.axes, self.labels, strict=True)
        ]  # fmt: skip


class Grids:
    """Grids over one studio. Both methods raise BadRequestError naming `axes` for axes that mean nothing, NotFoundError
    for a picture that is not there, and StorageError."""

    def __init__(self, studio: Studio, clock: Clock) -> None:
        self._studio = studio
        self._clock = clock

    async def plan(self, asked: Asked, axes: Sequence[Axis]) -> Grid:
        """Reads and prices every cell; nothing is started."""
        planner = self._studio.planner
        base = await planner.draft(asked)
        _check(asked, axes, base)
        models = _models(planner, axes, base)
        known = {note.message for note in base.notes}
        ranges = [range(len(axis.values)) for axis in axes]
        cells = [await self._cell(asked, axes, at, models, known) for at in itertools.product(*ranges)]
        good = [cell for cell in cells if cell.reason is None]
        total = total_cost(cell.cost for cell in good) if good else UNKNOWN_COST
        problem = _problem(cells) or await planner.over_caps(
            total, base.budget_micro_usd, asked.project, beyond=sum(cell.beyond for cell in good)
        )
        return Grid(axes=tuple(axes), labels=_labels(planner, axes, models), cells=tuple(cells), base=base, total=total,
                    problem=problem)  # fmt: skip

    async def start(
        self,
        asked: Asked,
        axes: Sequence[Axis],
        nonce: str | None = None,
        claim: IdempotencyRecord | None = None,
    ) -> RunView:
        """Starts what can be made of it, as one batch. Raises what stands in the way; nothing is sent then."""
        grid = await self.plan(asked, axes)
        if grid.problem is not None:
            raise grid.problem
        made: list[tuple[str, ImageRequest, Cost]] = []
        kept: list[Json] = []
        for cell in grid.cells:
            places = range(len(made), len(made) + len(cell.made)) if cell.reason is None else range(0)
            kept.append({"at": list(cell.at), "tiles": list(places), "reason": cell.reason})
            made += cell.made if cell.reason is None else ()
        settings: dict[str, Json] = {**settings_of(asked, grid.base), **routing_settings(NO_FLOORS, nonce)}
        models = [*dict.fromkeys(model for model, _, _ in made)]
        settings |= {"grammar": False, "batch": True, "models": [*models],
                     "grid": {"axes": grid.axes_json(), "cells": kept}}  # fmt: skip
        return await self._studio.begin(asked.text, made, settings, claim=claim)

    async def _cell(
        self, asked: Asked, axes: Sequence[Axis], at: tuple[int, ...], models: Mapping[str, str], known: set[str]
    ) -> Cell:
        chosen = [axis.values[place] for axis, place in zip(axes, at, strict=True)]
        text, images, model = asked.text, asked.images, next(iter(models.values()))
        for axis, value in zip(axes, chosen, strict=True):
            if axis.kind == "model":
                model = models[value]
            elif axis.kind == "words":
                text = text.replace(axis.name, value)
            elif axis.kind == "pictures":
                images = tuple(asked.images[int(number) - 1] for number in _numbers(value))
        for axis, value in zip(axes, chosen, strict=True):
            if axis.kind == "parameter":
                text = f"{text}{_written(axis.name, value)}"
        draft = await self._studio.planner.draft(replace(asked, text=text, images=images, only=model))
        return _read(at, model, text, draft, known)


def axis_of(body: Any) -> Axis:
    """One axis as a page asks for it. Raises BadRequestError."""
    if not isinstance(body, Mapping) or body.get("kind") not in get_args(AxisKind):
        raise BadRequestError(f"kind takes {', '.join(get_args(AxisKind))}.", param="axes")
    values, name = body.get("values"), body.get("name", "")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadRequestError("values must be a list of texts.", param="axes")
    if not isinstance(name, str):
        raise BadRequestError("name must be a text.", param="axes")
    trimmed = tuple(value if body["kind"] == "words" else value.strip() for value in values)
    return Axis(kind=body["kind"], values=trimmed, name=name if body["kind"] == "words" else name.strip().lstrip("-"))


def _read(at: tuple[int, ...], model: str, text: str, draft: Draft, known: set[str]) -> Cell:
    plan = draft.view.per_model.get(model)
    notes = [note.message for note in draft.notes if note.kind in _BAD_NOTES and note.message not in known]
    reason = notes[0] if notes else "There is no such model now." if plan is None else plan.reason
    if reason is None and draft.prompt.total != 1:
        reason = "Braces and --repeat make several prompts of one cell. Take them out, or make them an axis."
    if reason is None and draft.problem is not None and not draft.view.prompts:
        reason = draft.problem.message
    made = () if reason is not None else tuple(draft.tiles())
    return Cell(at=at, model=model, text=text, made=made, cost=plan.cost if plan else UNKNOWN_COST, reason=reason,
                beyond=draft.beyond_micro_usd, adjustments=plan.adjustments if plan else (), seconds=draft.view.seconds)  # fmt: skip


def _problem(cells: Sequence[Cell]) -> TriptychError | None:
    good = [cell for cell in cells if cell.reason is None]
    images = sum(len(cell.made) for cell in good)
    if not good:
        reasons = dict.fromkeys(cell.reason for cell in cells if cell.reason)
        return BadRequestError(" ".join([*reasons][:3]), param="axes")
    if images > MOST_TILES:
        return BadRequestError(f"{images:,} pictures: at most {MOST_TILES} are started at once.",
                               hint="Take out some values.", param="axes")  # fmt: skip
    return None


def _check(asked: Asked, axes: Sequence[Axis], base: Draft) -> None:
    """Raises BadRequestError for axes that mean nothing, before the first cell is read."""
    if not 1 <= len(axes) <= MOST_AXES:
        raise BadRequestError(f"A grid has 1 to {MOST_AXES} axes.", param="axes")
    seen: set[tuple[str, str]] = set()
    for axis in axes:
        _check_values(axis)
        own = (axis.kind, axis.name if axis.kind == "words" else "")
        if axis.kind == "parameter":
            own = (axis.kind, _parameter(axis))
        if own in seen:
            raise BadRequestError(f"Two axes are about {_label(axis)}.", hint="Take one out.", param="axes")
        seen.add(own)
        if axis.kind == "words" and (not axis.name.strip() or axis.name not in asked.text):
            raise BadRequestError(f"“{axis.name[:60]}” is not in the prompt.", hint="Write words that stand in it.",
                                  param="axes")  # fmt: skip
        if axis.kind == "pictures":
            _check_pictures(axis, len(asked.images))
    cells = math.prod(len(axis.values) for axis in axes)
    if cells > MOST_TILES:
        raise BadRequestError(f"{cells:,} cells: at most {MOST_TILES} fit in one grid.", hint="Take out some values.",
                              param="axes")  # fmt: skip
    if base.prompt.blind:
        raise BadRequestError("A grid says what each cell is, so it cannot be blind.", hint="Take --blind out.",
                              param="text")  # fmt: skip


def _check_values(axis: Axis) -> None:
    if not axis.values:
        raise BadRequestError(f"The axis {_label(axis)} has no values.", param="axes")
    if len(axis.values) > MOST_VALUES or len(set(axis.values)) != len(axis.values):
        raise BadRequestError(f"The axis {_label(axis)} takes up to {MOST_VALUES} different values.", param="axes")
    if axis.kind == "parameter" and any("--" in value or "\n" in value for value in axis.values):
        raise BadRequestError(f"A value of --{axis.name} holds another parameter.", param="axes")


def _parameter(axis: Axis) -> str:
    found = BY_SPELLING.get(axis.name.lower())
    if found is None:
        near = [f"--{name}" for name in did_you_mean(axis.name)]
        raise BadRequestError(f"There is no parameter --{axis.name[:40]}.",
                              hint=f"Did you mean {' or '.join(near)}?" if near else None, param="axes")  # fmt: skip
    if found.scope not in {"request", "knob"}:
        raise BadRequestError(f"--{axis.name} is about the whole run, so it can be no axis.", param="axes")
    return found.name


def _check_pictures(axis: Axis, count: int) -> None:
    for value in axis.values:
        if any(not 1 <= number <= count for number in _numbers(value)):
            raise BadRequestError(f"Pictures are {NO_PICTURES}, or numbers from 1 to {count}; {value!r} is not.",
                                  hint="Add the pictures to the prompt bar first.", param="axes")  # fmt: skip


def _numbers(value: str) -> list[int]:
    if value == NO_PICTURES:
        return []
    return [int(number) if number.strip().isdecimal() else 0 for number in value.split(",")]


def _written(name: str, value: str) -> str:
    if value in _SWITCHES and BY_SPELLING[name.lower()].read("").value is not None:
        return f" --{name}" if _SWITCHES[value] else ""
    return f" --{name} {value}" if value else ""


def _models(planner: Planner, axes: Sequence[Axis], base: Draft) -> dict[str, str]:
    """The resolved models by the names on the axis; without one, the single model that was chosen."""
    wanted = next((axis.values for axis in axes if axis.kind == "model"), None)
    if wanted is None:
        if len(base.models) != 1:
            raise BadRequestError("Which model? Choose one, or make the model an axis.", param="axes")
        return {base.models[0]: base.models[0]}
    try:
        return {name: planner.names().resolve(name) for name in wanted}
    except UnknownModelError as error:
        error.param = "axes"
        raise


def _label(axis: Axis) -> str:
    return {"model": "Model", "pictures": "Pictures", "words": f"“{axis.name}”"}.get(axis.kind, f"--{axis.name}")


def _labels(planner: Planner, axes: Sequence[Axis], models: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    cards = planner.names().cards

    def word(axis: Axis, value: str) -> str:
        if axis.kind == "model":
            name = models[value]
            return cards[name].name if name in cards else name
        if axis.kind == "pictures":
            return "no pictures" if value == NO_PICTURES else f"picture {value.replace(',', ' + ')}"
        return value or ("left out" if axis.kind == "words" else "not set")

    return tuple(tuple(word(axis, value) for value in axis.values) for axis in axes)


def _seconds(cells: Sequence[Cell]) -> Json:
    """p50 and p90 until all are done, when so many take turns; None when a model's times are not known."""
    times = [cell.seconds for cell in cells for _ in cell.made]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return None
    turns = min(AT_ONCE, len(known))
    return [max(math.ceil(sum(time[at] for time in known) / turns), *(time[at] for time in known), 0) for at in (0, 1)]
