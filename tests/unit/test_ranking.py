"""The ranking from picks: laws of the fit, an optimiser that knows nothing of it, and strengths that are known."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.spec.records import PickRecord, ShownPicture
from triptych.studio.ranking import CERTAIN, PRIOR_SD, Ranking, Standing, rank

MODELS = ("ash", "birch", "cedar", "dogwood", "elm")
ids = itertools.count()


def pick(*models: str, winner: int | None = 0, **more: Any) -> PickRecord:
    number = next(ids)
    values: dict[str, Any] = {"task": "generate", "question": "prettier", "blind": True, "run_id": None}
    shown = tuple(
        ShownPicture(endpoint=f"maker/{model}", family=model, tile_id=f"t{number}_{n}", picture_id=f"p{number}_{n}")
        for n, model in enumerate(models)
    )
    return PickRecord(id=f"pick_{number}", created_ms=number, shown=shown, winner=winner, **(values | more))


def row(found: Ranking, model: str) -> Standing:
    return next(each for each in found.models if each.model == model)


@st.composite
def picks_of(draw: Callable[..., Any]) -> PickRecord:
    models = draw(st.lists(st.sampled_from(MODELS), min_size=2, max_size=5))
    places = st.integers(0, len(models) - 1)
    if draw(st.booleans()):
        return pick(*models, winner=draw(places))
    return pick(*models, winner=None, rejected=tuple(draw(st.sets(places))))


many_picks = st.lists(picks_of(), max_size=25)


@given(many_picks, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_picks_makes_no_difference(picks: list[PickRecord], chance: random.Random) -> None:
    mixed = list(picks)
    chance.shuffle(mixed)
    assert rank("generate", mixed, MODELS) == rank("generate", picks, MODELS)


@given(many_picks)
@settings(deadline=None)
def test_every_model_is_listed_finite_and_around_zero(picks: list[PickRecord]) -> None:
    found = rank("generate", picks, MODELS)
    assert sorted(each.model for each in found.models) == sorted(MODELS)
    assert abs(sum(each.strength for each in found.models)) <= len(MODELS)
    assert sum(each.wins for each in found.models) * 2 == sum(each.comparisons for each in found.models)
    for each in found.models:
        assert 0 < each.sd <= PRIOR_SD
        assert each.wins <= each.comparisons
        assert abs(each.strength) < 10_000
        if not each.comparisons:
            assert (each.strength, each.sd, each.separated) == (0, PRIOR_SD, None)
    compared = [each for each in found.models if each.comparisons]
    assert [each.strength for each in compared] == sorted((each.strength for each in compared), reverse=True)
    assert list(found.models[: len(compared)]) == compared


@given(many_picks, st.permutations(MODELS))
@settings(deadline=None)
def test_models_are_told_apart_by_their_picks_alone(picks: list[PickRecord], names: list[str]) -> None:
    other = dict(zip(MODELS, names, strict=True))
    renamed = [pick(*(other[s.family] for s in p.shown), winner=p.winner, rejected=p.rejected) for p in picks]
    before, after = rank("generate", picks, MODELS), rank("generate", renamed, MODELS)
    for name in MODELS:
        old, new = row(before, name), row(after, other[name])
        assert (new.wins, new.comparisons) == (old.wins, old.comparisons)
        assert abs(new.strength - old.strength) <= 1
        assert abs(new.sd - old.sd) <= 1


def test_symmetric_picks_make_equal_strengths() -> None:
    for size in (2, 3, 4):
        shown = MODELS[:size]
        found = rank("generate", [pick(*shown, winner=n) for n in range(size) for _ in range(7)])
        assert {each.strength for each in found.models} == {0}
        assert len({each.sd for each in found.models}) == 1
        assert found.verdict == "leaning"
    circle = [pick("ash", "birch"), pick("birch", "cedar"), pick("cedar", "ash")]
    assert {each.strength for each in rank("generate", circle).models} == {0}


def test_a_model_that_always_won_stays_finite_and_is_separated_in_time() -> None:
    once = rank("generate", [pick("ash", "birch")])
    assert row(once, "ash").strength == -row(once, "birch").strength > 0
    assert (row(once, "ash").separated, row(once, "birch").separated) == (False, None)
    assert once.verdict == "leaning"
    often = rank("generate", [pick("ash", "birch") for _ in range(30)])
    assert 1000 < row(often, "ash").strength < 4000
    assert row(often, "ash").separated is True
    assert often.verdict == "separated"
    assert row(often, "ash").sd < row(once, "ash").sd


def test_what_is_no_comparison_teaches_nothing() -> None:
    nothing = [pick("ash", "ash"), pick("ash", "birch", winner=None),
               pick("ash", "birch", winner=None, rejected=(0, 1)), pick("ash", "birch", task="edit")]  # fmt: skip
    found = rank("generate", nothing, ["ash"])
    assert found == Ranking(
        task="generate", picks=0, models=(Standing(model="ash", strength=0, sd=1000, wins=0, comparisons=0),)
    )
    assert found.verdict == "none"
    assert rank("edit", nothing).models[0].model == "ash"


def test_a_rejected_picture_counts_once_however_many_were_kept() -> None:
    rejected = rank("generate", [pick("ash", "birch", winner=None, rejected=(1,))])
    assert rejected.models == rank("generate", [pick("ash", "birch")]).models
    three = rank("generate", [pick("ash", "birch", "cedar", winner=None, rejected=(2,))])
    assert row(three, "ash").strength == row(three, "birch").strength > 0 > row(three, "cedar").strength
    assert (row(three, "cedar").wins, row(three, "cedar").comparisons, row(three, "ash").comparisons) == (0, 2, 1)


def test_more_pictures_of_a_model_are_no_merit_of_it() -> None:
    """Four pictures of one against one of another: by chance alone it wins four of five."""
    even = [pick(*["ash"] * 4, "birch", winner=0 if n < 8 else 4) for n in range(10)]
    assert [each.strength for each in rank("generate", even).models] == [0, 0]


def brute_force(picks: Sequence[PickRecord], names: Sequence[str]) -> list[float]:
    """The top of the same mountain, by feeling about with ever shorter steps: one model at a time, no derivatives."""

    def height(strength: dict[str, float]) -> float:
        sum_ = -sum(value**2 for value in strength.values()) / 2
        for p in picks:
            models = [shown.family for shown in p.shown]
            assert p.winner is not None
            sum_ += strength[models[p.winner]] - math.log(sum(math.exp(strength[m]) for m in models))
        return sum_

    here, step = dict.fromkeys(names, 0.0), 1.0
    while step > 1e-7:
        better = False
        for name, sign in itertools.product(names, (1, -1)):
            tried = here | {name: here[name] + sign * step}
            if height(tried) > height(here):
                here, better = tried, True
        if not better:
            step /= 2
    return [here[name] for name in names]


@pytest.mark.parametrize("seed", range(4))
def test_another_optimiser_comes_to_the_same_strengths(seed: int) -> None:
    chance = random.Random(seed)
    picks = []
    for _ in range(30):
        shown = [chance.choice(MODELS) for _ in range(chance.randint(2, 5))]
        picks.append(pick(*shown, winner=chance.randrange(len(shown))))
    counted = [p for p in picks if len({s.family for s in p.shown}) > 1]
    found = rank("generate", picks)
    names = sorted(each.model for each in found.models)
    for name, strength in zip(names, brute_force(counted, names), strict=True):
        assert abs(row(found, name).strength - strength * 1000) < 0.6


def test_the_standard_deviation_is_that_of_the_fisher_information() -> None:
    """For two models by hand: along their difference the prior has the precision 1/2, an even pick 1/4."""
    found = rank("generate", [pick("ash", "birch", winner=n % 2) for n in range(40)])
    difference, middle = 1 / (1 / 2 + 40 / 4), 2.0
    expected = round(math.sqrt((difference + middle) / 4) * 1000)
    assert [each.sd for each in found.models] == [expected, expected]


def test_known_strengths_are_within_the_intervals_about_as_often_as_they_should() -> None:
    chance = random.Random(7)
    inside = separated = wrong = all_ = 0
    for _ in range(150):
        true = {model: chance.gauss(0, 1) for model in MODELS}
        picks = []
        for _ in range(60):
            shown = chance.sample(MODELS, chance.randint(2, 4))
            weights = [math.exp(true[model]) for model in shown]
            picks.append(pick(*shown, winner=chance.choices(range(len(shown)), weights)[0]))
        found = rank("generate", picks)
        for each, after in itertools.pairwise(found.models):
            if each.separated:
                separated += 1
                wrong += true[each.model] < true[after.model]
        for each in found.models:
            all_ += 1
            inside += abs(each.strength - true[each.model] * 1000) <= CERTAIN * each.sd
    assert 0.92 <= inside / all_ <= 0.98
    assert separated > 50
    assert wrong / separated < 0.05
