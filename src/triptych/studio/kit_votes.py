"""What comes back from a client: read with suspicion, kept apart from the user's own picks, and counted."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from triptych.spec.errors import BadRequestError
from triptych.spec.json import Json, JsonObject
from triptych.spec.kit import BallotRecord, Said, SheetRecord, Shown, Vote

MOST_BYTES = 256 << 10
MARK = '"triptych"'
_Text = Annotated[str, msgspec.Meta(max_length=2000)]
_Long = Annotated[str, msgspec.Meta(max_length=4000)]
_Name = Annotated[str, msgspec.Meta(max_length=80)]
_Letter = Annotated[str, msgspec.Meta(pattern="^[A-Z]{1,2}$")]
_Id = Annotated[str, msgspec.Meta(max_length=64)]
_Copy = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """About one picture."""

    letter: _Letter
    vote: Vote | None = None
    rank: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    comment: _Text = ""


class Votes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that a sheet saves."""

    triptych: Literal["votes/1"]
    sheet: _Id
    ballot: _Copy
    pictures: Annotated[list[Answer], msgspec.Meta(max_length=100)]
    client: _Name = ""
    comment: _Long = ""


def read_votes(data: bytes) -> Votes:
    """A saved file, or a text with its contents in it. Raises BadRequestError for anything else."""
    if len(data) > MOST_BYTES:
        raise _wrong(f"It is larger than {MOST_BYTES >> 10} KB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("It is no text") from None
    place = text.find(MARK)
    start = text.rfind("{", 0, place) if place >= 0 else -1
    if start < 0:
        raise _wrong("It holds no answers of a sheet")
    try:
        value: Any = json.JSONDecoder(strict=False).raw_decode(text, start)[0]
        votes = msgspec.convert(value, Votes)
    except (ValueError, RecursionError) as error:
        raise _wrong(str(error)[:200] or "It is nested too deeply") from None
    letters = [answer.letter for answer in votes.pictures]
    if len(set(letters)) < len(letters):
        raise _wrong("A letter stands in it twice")
    return votes


def _wrong(why: str) -> BadRequestError:
    return BadRequestError(f"These are no votes that can be read. {why.rstrip('.')}.", param="body",
                           hint="Take the file ending in .votes.json as the client saved it, or the whole text.")  # fmt: skip


def ballot_of(votes: Votes, sheet: SheetRecord, *, id_: str, now_ms: int) -> BallotRecord:
    """What is kept of votes on a sheet. Raises BadRequestError for a letter that is not on it."""
    known = {shown.letter for shown in sheet.shown}
    if strange := next((answer.letter for answer in votes.pictures if answer.letter not in known), None):
        raise _wrong(f"There is no picture {strange} on that sheet")
    said = [
        Said(letter=answer.letter, vote=answer.vote, rank=answer.rank, comment=_plain(answer.comment))
        for answer in votes.pictures
    ]
    return BallotRecord(id=id_, kit_id=sheet.kit_id, sheet_id=sheet.id, ballot=votes.ballot, received_ms=now_ms,
                        client=" ".join(_plain(votes.client).split()), comment=_plain(votes.comment), said=tuple(said))  # fmt: skip


def _plain(text: str) -> str:
    """Without control characters and those that turn the direction of what stands around them; a joiner of emoji stays."""
    return "".join(char for char in text if char.isprintable() or char in "\n\u200d").strip()


def votes_json(sheets: Sequence[SheetRecord], ballots: Sequence[BallotRecord]) -> JsonObject:
    """The clients' votes by picture, and who sent them. The user's own picks have no part in it."""
    by_sheet = {sheet.id: {shown.letter: shown for shown in sheet.shown} for sheet in sheets}
    told: dict[tuple[str, str | None, str | None], dict[str, Any]] = {}
    for ballot in ballots:
        for said in ballot.said:
            shown = by_sheet.get(ballot.sheet_id, {}).get(said.letter)
            if shown is not None:
                _count(told.setdefault((shown.picture, shown.format, shown.take), _nothing(shown)), said, ballot)
    return {
        "sheets": [_sheet_json(sheet, ballots) for sheet in sheets],
        "ballots": [_ballot_json(ballot) for ballot in ballots],
        "pictures": [{**each, "place": _mean(each["ranks"])} for each in told.values()],
    }  # fmt: skip


def _nothing(shown: Shown) -> dict[str, Any]:
    return {"picture": shown.picture, "format": shown.format, "take": shown.take, "yes": 0, "maybe": 0, "no": 0, "ranks": [],
            "said": []}  # fmt: skip


def _count(into: dict[str, Any], said: Said, ballot: BallotRecord) -> None:
    if said.vote is not None:
        into[said.vote] += 1
    if said.rank is not None:
        into["ranks"].append(said.rank)
    if said.vote or said.rank or said.comment:
        into["said"].append({"ballot": ballot.id, "client": ballot.client, "letter": said.letter, "vote": said.vote,
                             "rank": said.rank, "comment": said.comment})  # fmt: skip


def _mean(ranks: Sequence[int]) -> float | None:
    return round(sum(ranks) / len(ranks), 1) if ranks else None


def _sheet_json(sheet: SheetRecord, ballots: Sequence[BallotRecord]) -> Mapping[str, Json]:
    return {"id": sheet.id, "created_ms": sheet.created_ms, "blind": sheet.blind, "options": dict(sheet.options),
            "pictures": len(sheet.shown), "answers": sum(ballot.sheet_id == sheet.id for ballot in ballots),
            "url": f"/api/sheets/{sheet.id}"}  # fmt: skip


def _ballot_json(ballot: BallotRecord) -> Mapping[str, Json]:
    return {"id": ballot.id, "sheet": ballot.sheet_id, "received_ms": ballot.received_ms, "client": ballot.client,
            "comment": ballot.comment, "answers": sum(bool(s.vote or s.rank or s.comment) for s in ballot.said)}  # fmt: skip
