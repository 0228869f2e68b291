"""Looks out of picks: what was answered of the same pictures for the same question is one look, and counts once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from triptych.spec.records import PickRecord, Question, ShownPicture

Look = tuple[str | None, Question, frozenset[str]]
"""Whose answers, for which question, about which pictures."""


def look_of(pick: PickRecord) -> Look:
    return pick.ballot, pick.question, pictures_of(pick)


def pictures_of(pick: PickRecord) -> frozenset[str]:
    """The ids of the pictures that were shown."""
    return frozenset(shown.picture_id for shown in pick.shown)


def winner_of(pick: PickRecord) -> str | None:
    """The id of the picture that was preferred to all others."""
    return None if pick.winner is None else pick.shown[pick.winner].picture_id


def rejected_of(pick: PickRecord) -> frozenset[str]:
    """The ids of the pictures that were put behind the others."""
    return frozenset(pick.shown[at].picture_id for at in pick.rejected)


def says_again(new: PickRecord, old: PickRecord) -> bool:
    """Whether a pick stands in the place of an earlier one of the same look: a winner in that of a winner, and a rejection in
    that of the same one."""
    same = new.source == old.source and look_of(new) == look_of(old) and new.id != old.id
    return same and (new.winner is None) == (old.winner is None) and rejected_of(new) == rejected_of(old)


def looks(picks: Iterable[PickRecord]) -> list[PickRecord]:
    """One choice for each look with a winner, the last that was told, and one for its rejections: those lost to the pictures that
    were neither rejected nor picked, because that they lost to the winner is said by the winner already."""
    groups: dict[Look, list[PickRecord]] = {}
    for pick in sorted(picks, key=lambda each: (each.created_ms, each.id)):
        groups.setdefault(look_of(pick), []).append(pick)
    return [choice for group in groups.values() for choice in _choices(group)]


def _choices(group: Sequence[PickRecord]) -> Iterator[PickRecord]:
    won = [pick for pick in group if pick.winner is not None]
    lost = [pick for pick in group if pick.winner is None]
    if won:
        yield won[-1]
    if lost:
        first = winner_of(won[-1]) if won else None
        shown = tuple(each for each in lost[-1].shown if each.picture_id != first)
        rejected = _places(shown, frozenset[str]().union(*map(rejected_of, lost)))
        if 0 < len(rejected) < len(shown):
            yield replace(lost[-1], shown=shown, rejected=rejected)


def without(pick: PickRecord, pictures: frozenset[str]) -> PickRecord:
    """A rejection without these pictures among those that it rejects."""
    return replace(pick, rejected=_places(pick.shown, rejected_of(pick) - pictures))


def _places(shown: Sequence[ShownPicture], pictures: frozenset[str]) -> tuple[int, ...]:
    return tuple(at for at, each in enumerate(shown) if each.picture_id in pictures)
