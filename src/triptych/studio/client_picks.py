"""What a client said of the pictures of a row, taken into the user's own ranking: only when asked for, under its own source,
and taken back whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triptych.spec.errors import ConflictError, NotFoundError
from triptych.spec.json import JsonObject
from triptych.spec.kit import BallotRecord, Said, SheetRecord
from triptych.spec.records import PickRecord, Question
from triptych.store.kits import KitStore
from triptych.studio.picks import Picks, Wanted

_FORMATS = "This sheet showed formats: their shapes differ, so they say nothing of the models."
_NOTHING = "Nothing was put before something else."


@dataclass(frozen=True, slots=True)
class Choice:
    """Letters that were weighed against each other: either one was put before the others, or some were refused."""

    letters: tuple[str, ...]
    winner: str | None = None
    rejected: tuple[str, ...] = ()


def choices(said: Sequence[Said]) -> Sequence[Choice]:
    """An order of two or more counts place by place (Plackett 1975): the first was taken out of all that have a place, the
    second out of the rest, and so on. Without one, or with two on one place, every No stands behind every Yes; a Maybe says
    neither. Never both: the same taste would count twice."""
    ranks = [each.rank for each in said if each.rank is not None]
    order = [each.letter for each in sorted((s for s in said if s.rank is not None), key=lambda s: s.rank or 0)]
    if len(order) > 1 and len(set(ranks)) == len(ranks):
        return [Choice(tuple(sorted(order[at:])), winner=order[at]) for at in range(len(order) - 1)]
    yes, no = ([each.letter for each in said if each.vote == vote] for vote in ("yes", "no"))
    return [Choice(tuple(sorted(yes + no)), rejected=tuple(sorted(no)))] if yes and no else []


class ClientPicks:
    """One per process. Every method may raise StorageError, and NotFoundError for what is not there."""

    def __init__(self, store: KitStore, picks: Picks) -> None:
        self._store, self._picks = store, picks

    async def take(self, kit_id: str, ballot_id: str, question: Question) -> Sequence[PickRecord]:
        """Keeps a client's answers as picks with the source `client`, in place of those taken before from the same copy of
        the sheet. Raises ConflictError where they say nothing of models."""
        ballot, sheet = await self._found(kit_id, ballot_id)
        wanted, why = _wanted(ballot, sheet)
        if why is not None:
            raise ConflictError(
                why, hint=None if why == _NOTHING else "Make a sheet of all of the row.", param="ballot"
            )
        return await self._picks.take(wanted, ballot=_copy(ballot), question=question, blind=sheet.blind)

    async def give_back(self, kit_id: str, ballot_id: str) -> int:
        """Forgets the picks that were taken from a client's answers. Returns how many those were."""
        ballot, _ = await self._found(kit_id, ballot_id)
        return await self._picks.forget_taken([_copy(ballot)])

    async def forget_kit(self, kit_id: str) -> int:
        """Forgets the picks that were taken from any client's answers about a kit."""
        return await self._picks.forget_taken([_copy(ballot) for ballot in await self._store.ballots(kit_id)])

    async def offers(self, kit_id: str) -> Mapping[str, JsonObject]:
        """By ballot, how many `picks` its answers make, how many are `taken`, and `why` there are none."""
        sheets = {sheet.id: sheet for sheet in await self._store.sheets(kit_id)}
        taken = await self._picks.taken()
        found: dict[str, JsonObject] = {}
        for ballot in await self._store.ballots(kit_id):
            wanted, why = _wanted(ballot, sheets[ballot.sheet_id])
            found[ballot.id] = {"picks": len(wanted), "taken": taken.get(_copy(ballot), 0), "why": why}
        return found

    async def _found(self, kit_id: str, ballot_id: str) -> tuple[BallotRecord, SheetRecord]:
        ballot = next((each for each in await self._store.ballots(kit_id) if each.id == ballot_id), None)
        sheet = await self._store.sheet(ballot.sheet_id) if ballot is not None else None
        if ballot is None or sheet is None:
            raise NotFoundError("There are no such votes.", param="ballot")
        return ballot, sheet


def _copy(ballot: BallotRecord) -> str:
    """The client's copy of the sheet: what comes from it later takes the place of this."""
    return f"{ballot.sheet_id}/{ballot.ballot}"


def _wanted(ballot: BallotRecord, sheet: SheetRecord) -> tuple[Sequence[Wanted], str | None]:
    if any(shown.format is not None for shown in sheet.shown):
        return [], _FORMATS
    pictures = {shown.letter: shown.picture for shown in sheet.shown}
    made = [
        Wanted(
            pictures=tuple(pictures[letter] for letter in choice.letters),
            winner=None if choice.winner is None else choice.letters.index(choice.winner),
            rejected=tuple(choice.letters.index(letter) for letter in choice.rejected),
        )
        for choice in choices(ballot.said)
    ]
    return made, None if made else _NOTHING
