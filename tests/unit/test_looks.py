"""Looks out of picks: what was answered of the same pictures counts once, and each question for itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.unit.test_ranking import pick, row

from triptych.spec.records import PickRecord
from triptych.studio.looks import looks, says_again
from triptych.studio.ranking import rank


def again(old: PickRecord, at: int, **more: Any) -> PickRecord:
    """Another answer about the same pictures, `at` picks later."""
    return replace(old, id=f"{old.id}_{at}", created_ms=old.created_ms + at, **more)


def told(picks: Sequence[PickRecord]) -> list[tuple[list[str], int | None, tuple[int, ...]]]:
    return [([each.family for each in p.shown], p.winner, p.rejected) for p in looks(picks)]


def test_of_several_winners_of_one_look_the_last_counts_whatever_their_order() -> None:
    first = pick("ash", "birch", "cedar")
    shuffled = again(first, 1, shown=tuple(reversed(first.shown)), winner=2)  # the same one, shown in another place
    last = again(first, 2, winner=1)
    assert looks([last, shuffled, first]) == [last]
    assert looks([first, shuffled]) == [shuffled]


def test_questions_and_clients_are_looks_of_their_own() -> None:
    first = pick("ash", "birch")
    others = [again(first, 1, question="closer"), again(first, 2, source="client", ballot="a/1"),
              again(first, 3, source="client", ballot="a/2")]  # fmt: skip
    assert looks([first, *others]) == [first, *others]
    assert not any(says_again(other, first) for other in others)
    assert says_again(again(first, 4, winner=1), first)
    assert not says_again(again(first, 5, winner=None, rejected=(0,)), first)
    assert not says_again(first, first)


def test_what_was_rejected_beside_a_winner_lost_to_the_rest_and_to_the_winner_once() -> None:
    seen = pick("ash", "birch", "cedar", "dogwood", winner=None, rejected=(1,))
    more = again(seen, 1, rejected=(2,))
    assert told([seen, more]) == [(["ash", "birch", "cedar", "dogwood"], None, (1, 2))]
    won = again(seen, 2, winner=3, rejected=())
    assert told([won, seen, more]) == [
        (["ash", "birch", "cedar", "dogwood"], 3, ()), (["ash", "birch", "cedar"], None, (1, 2))
    ]  # fmt: skip
    assert told([seen, again(seen, 1, winner=1, rejected=())]) == [(["ash", "birch", "cedar", "dogwood"], 1, ())]
    pair = pick("ash", "birch", winner=None, rejected=(1,))
    assert told([pair, again(pair, 1, winner=0, rejected=())]) == [(["ash", "birch"], 0, ())]


def test_five_looks_of_one_mind_lean_however_often_each_is_answered() -> None:
    """What 5 looks say for both questions, and each twice, is no more than what 5 looks say."""
    first = [pick("ash", "birch") for _ in range(5)]
    every = [*first, *(again(each, 1) for each in first), *(again(each, 2, question="closer") for each in first)]
    assert rank("generate", first).verdict == "leaning"
    assert rank("generate", every).verdict == "separated"  # as if they were twenty
    prettier = rank("generate", looks(each for each in every if each.question == "prettier"))
    assert (prettier.verdict, prettier.picks) == ("leaning", 5)
    assert row(prettier, "ash") == row(rank("generate", first), "ash")
