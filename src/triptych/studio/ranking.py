"""The user's own ranking of models, from pictures picked side by side.

A pick of one picture among several is Luce's choice: each is taken with a chance in proportion to e^strength of its
model (Luce 1959). Of two pictures that is the model of Bradley and Terry (1952), P = 1 / (1 + e^(b - a)). Strengths are
where the log-likelihood plus the logarithm of a normal prior around 0 is greatest, found by Newton's method; standard
deviations come from the inverse of the Fisher information with the prior's part (Hunter 2004, section 6, has both
for models of this kind). The prior keeps a model that always won finite, and is what is believed of one never compared.

Strengths are whole milli-logits: 1000 is a chance of 73 in 100 against the next, 0 an even one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triptych.spec.records import PickRecord, ShownPicture

PRIOR_SD = 1000
"""Of a strength that nothing is known of, in milli-logits: worth about four even comparisons of a model."""
CERTAIN = 1.959963984540054
"""Standard deviations on each side of 95 % of a normal distribution."""
_SCALE = 1000.0
_STEP = 1e-11  # logits: far below what is rounded away
_MOST_STEPS = 200
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model's place. `strength` and its standard deviation `sd` are milli-logits around a mean of 0; `wins` of
    `comparisons` are pairs of a picture of it with one of another model. `separated`: the 95 % interval of its lead
    over the next model does not reach 0; until then it only leads by what chance may bring. None for the last of those
    compared, and for a model never compared."""

    model: str
    strength: int
    sd: int
    wins: int
    comparisons: int
    separated: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Every model that was compared in one kind of task, the strongest first, then every other one that there is.
    `picks` are those with something to learn from: of at least two models."""

    task: str
    picks: int
    models: tuple[Standing, ...]

    @property
    def verdict(self) -> Literal["none", "leaning", "separated"]:
        """Whether the first model is separated from the second; `none` where nothing was compared."""
        if not self.picks:
            return "none"
        return "separated" if self.models[0].separated else "leaning"


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of `models`, one entry for each picture shown, was taken; it counts `weight`."""

    taken: str
    models: tuple[str, ...]
    weight: Fraction


def rank(task: str, picks: Iterable[PickRecord], known: Iterable[str] = ()) -> Ranking:
    """The ranking of one kind of task. `known` are models that are listed even when they were never compared. The order
    of the picks makes no difference."""
    asked = [pick for pick in picks if pick.task == task]
    found = [choices for pick in asked if (choices := _choices(pick))]
    pairs, wins = _pairs(asked)
    names = sorted(pairs)
    others = [
        Standing(model=name, strength=0, sd=PRIOR_SD, wins=0, comparisons=0) for name in sorted(set(known) - set(names))
    ]
    standings: list[Standing] = []
    if names:
        strength, covariance = _fit(names, [choice for choices in found for choice in choices])
        values = [round(float(value) * _SCALE) for value in strength]
        order = sorted(range(len(names)), key=lambda at: (-values[at], names[at]))
        for place, at in enumerate(order):
            after = order[place + 1] if place + 1 < len(order) else None
            standings.append(Standing(
                model=names[at], strength=values[at], sd=round(float(np.sqrt(covariance[at, at])) * _SCALE),
                wins=wins[names[at]], comparisons=pairs[names[at]],
                separated=None if after is None else _apart(strength, covariance, at, after),
            ))  # fmt: skip
    return Ranking(task=task, picks=len(found), models=(*standings, *others))


def _apart(strength: _Floats, covariance: _Floats, first: int, second: int) -> bool:
    spread = covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]
    return bool(strength[first] - strength[second] > CERTAIN * np.sqrt(spread))


def _split(pick: PickRecord) -> tuple[list[ShownPicture], list[ShownPicture]]:
    """Those that were preferred, and those to which they were."""
    preferred = [
        at
        for at in range(len(pick.shown))
        if (at == pick.winner if pick.winner is not None else at not in pick.rejected)
    ]
    return [pick.shown[at] for at in preferred], [p for at, p in enumerate(pick.shown) if at not in preferred]


def _choices(pick: PickRecord) -> list[_Choice]:
    """What a pick says. A winner was taken out of all that were shown. A rejected one lost to each that was kept, and
    counts once, however many those are."""
    better, worse = _split(pick)
    if pick.winner is not None:
        models = tuple(sorted(picture.family for picture in pick.shown))
        return [_Choice(better[0].family, models, Fraction(1))] if len(set(models)) > 1 else []
    return [
        _Choice(kept.family, tuple(sorted((kept.family, rejected.family))), Fraction(1, len(better)))
        for rejected in worse
        for kept in better
        if kept.family != rejected.family
    ]


def _pairs(picks: Sequence[PickRecord]) -> tuple[Counter[str], Counter[str]]:
    """For each model, the pairs with another model that it was in, and those that it won."""
    pairs: Counter[str] = Counter()
    wins: Counter[str] = Counter()
    for pick in picks:
        better, worse = _split(pick)
        for winner in better:
            for loser in worse:
                if winner.family != loser.family:
                    pairs.update((winner.family, loser.family))
                    wins[winner.family] += 1
    return pairs, wins


def _fit(names: Sequence[str], choices: Iterable[_Choice]) -> tuple[_Floats, _Floats]:
    """Strengths in logits, and their covariance."""
    taken, sets = _summed(choices)
    place = {name: at for at, name in enumerate(names)}
    won: _Floats = np.array([float(taken.get(name, 0)) for name in names])
    many: _Floats = np.zeros((len(sets), len(names)))
    for row, models in enumerate(sets):
        for name, count in Counter(models).items():
            many[row, place[name]] = count
    weight: _Floats = np.array([float(each) for each in sets.values()])
    precision = (_SCALE / PRIOR_SD) ** 2
    strength: _Floats = np.zeros(len(names))
    for _ in range(_MOST_STEPS):
        share = _shares(many, strength)
        slope = won - weight @ share - precision * strength
        step = np.linalg.solve(_information(share, weight, precision), slope)
        size = float(np.max(np.abs(step)))
        strength = strength + np.asarray(step, np.float64) / max(
            1.0, size
        )  # at most one logit at a time, so that it never leaps past the top
        if size < _STEP:
            break
    information = _information(_shares(many, strength), weight, precision)
    covariance: _Floats = np.asarray(np.linalg.inv(information), np.float64)
    return strength, covariance


def _summed(choices: Iterable[_Choice]) -> tuple[Mapping[str, Fraction], Mapping[tuple[str, ...], Fraction]]:
    """How often each model was taken, and how often each set of models was shown. In exact fractions and in the order of
    the names, so that the sums do not depend on the order of the picks."""
    taken: dict[str, Fraction] = {}
    sets: dict[tuple[str, ...], Fraction] = {}
    for choice in choices:
        taken[choice.taken] = taken.get(choice.taken, Fraction(0)) + choice.weight
        sets[choice.models] = sets.get(choice.models, Fraction(0)) + choice.weight
    return taken, {models: sets[models] for models in sorted(sets)}


def _shares(many: _Floats, strength: _Floats) -> _Floats:
    """The chance of each model in each set."""
    raised = many * np.exp(strength - strength.max())
    shares: _Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _information(share: _Floats, weight: _Floats, precision: float) -> _Floats:
    """The Fisher information of all choices, with the prior's part."""
    weighted = share * weight[:, None]
    information: _Floats = np.diag(weighted.sum(axis=0) + precision) - share.T @ weighted
    return information
