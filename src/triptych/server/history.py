"""A conversation as a client tells it anew with every call: what of it is a conversation that was held here.

A client's account is believed where it is the same as what is kept here: the same words, the same pictures. Then the maker of the
last picture gets the turns before, with what it left here to go on from. Of anything else the last picture is edited, and the
answer says that the words before were not sent.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from triptych.app.container import App
from triptych.server.pictures_in import at_most
from triptych.spec.errors import BadRequestError, ConflictError, NotFoundError
from triptych.spec.image import Adjustment, InputImage, Turn
from triptych.spec.records import Parent

Speaker = Literal["user", "model", "system"]
_SYSTEM = Adjustment("system", "unsupported", "models that draw take a prompt and nothing above it; it was not sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message. `marks` are what stands beside its pictures of ours, see `mark_of`; None for one without."""

    who: Speaker
    texts: tuple[str, ...] = ()
    images: tuple[InputImage, ...] = ()
    marks: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a conversation asks for now."""

    prompt: str
    images: tuple[InputImage, ...] = ()
    turns: tuple[Turn, ...] = ()
    parent: Parent | None = None
    notes: tuple[Adjustment, ...] = ()


@dataclass(slots=True)
class _Exchange:
    """What a user said in one go, and what came of it."""

    texts: list[str] = field(default_factory=list)
    images: list[InputImage] = field(default_factory=list)
    answers: list[InputImage] = field(default_factory=list)
    marks: list[str | None] = field(default_factory=list)
    answered: bool = False

    @property
    def prompt(self) -> str:
        return "\n".join(self.texts)

    def given(self, before: "_Exchange | None") -> list[InputImage]:
        """The pictures that go along: those of the answer before first, each once."""
        every = [*(before.answers if before is not None else ()), *self.images]
        return list({one.sha256: one for one in reversed(every)}.values())[::-1]


def mark_of(tile_id: str, picture_id: str) -> str:
    """The name of a picture of ours as base64, for a client that hands it back beside the picture."""
    return b64encode(f"{tile_id} {picture_id}".encode()).decode()


def _marked(mark: str | None) -> Parent | None:
    try:
        tile, _, picture = (
            b64decode((mark or "").replace("-", "+").replace("_", "/"), validate=True).decode().partition(" ")
        )
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Parent(tile=tile, picture=picture) if tile and picture else None


async def understand(app: App, said: Sequence[Said], name: str) -> Understood:
    """What the last message asks for, in the light of those before it; `name` is the field that they stand in.

    Raises BadRequestError when the last one is no user's, or when there are too many pictures.
    """
    exchanges = _exchanges(said)
    if not exchanges or exchanges[-1].answered:
        raise BadRequestError(
            f"The last of {name} is not a user's.", hint="Say there what the picture should show.", param=name
        )
    *before, now = exchanges
    last = next((place for place in reversed(range(len(before))) if before[place].answers), None)
    images = now.given(None if last is None else before[last])
    at_most(len(images), name)
    notes = [_SYSTEM] if any(one.who == "system" for one in said) else []
    if len(now.texts) > 1:
        notes.append(
            Adjustment(
                "prompt", "adjusted", f"{len(now.texts)} pieces of text were put together, each on a line of its own"
            )
        )
    parent, turns = None, tuple[Turn, ...]()
    if last is not None:
        parent, turns = await _gone_on(app, before[: last + 1], images)
        turns = turns if last == len(before) - 1 else ()
    if len(turns) < len(before):
        notes.append(_unsent(len(before) - len(turns), edited=last is not None))
    return Understood(prompt=now.prompt, images=tuple(images), turns=turns, parent=parent, notes=tuple(notes))


def _exchanges(said: Sequence[Said]) -> list[_Exchange]:
    found: list[_Exchange] = []
    for one in said:
        if one.who == "system":
            continue
        if not found or (one.who == "user" and found[-1].answered):
            found.append(_Exchange())
        if one.who == "user":
            found[-1].texts += one.texts
            found[-1].images += one.images
        else:
            found[-1].answered = True
            found[-1].answers += one.images
            found[-1].marks += one.marks
    return found


async def _gone_on(
    app: App, before: Sequence[_Exchange], images: Sequence[InputImage]
) -> tuple[Parent | None, tuple[Turn, ...]]:
    """The picture of ours that the conversation goes on from, and the turns that are as they were told, up to it."""
    last = before[-1]
    parent = await _known(app, last.answers[-1], last.marks[-1])
    if parent is None:
        return None, ()
    try:
        kept = await app.studio.planner.conversation.turns(parent, images)
    except (NotFoundError, ConflictError):
        return None, ()  # gone, or it is hidden who made it
    same = 0
    for turn, place in zip(reversed(kept), reversed(range(len(before))), strict=False):
        told = before[place]
        given = told.given(before[place - 1] if place else None)
        as_told = turn.prompt == told.prompt and turn.answer.sha256 in {one.sha256 for one in told.answers}
        if not as_told or {one.sha256 for one in turn.images} != {one.sha256 for one in given}:
            break
        same += 1
    return parent, kept[len(kept) - same :]


async def _known(app: App, image: InputImage, mark: str | None) -> Parent | None:
    """Which picture of ours has these bytes: the one that the mark names, else the first that was made."""
    marked = _marked(mark)
    if marked is not None:
        picture = await app.store.picture(marked.picture)
        if picture is not None and (picture.tile_id, picture.sha256) == (marked.tile, image.sha256):
            return marked
    found = (await app.store.lineage.made([image.sha256])).get(image.sha256)
    return None if found is None else Parent(tile=found[0], picture=found[1])


def _unsent(count: int, *, edited: bool) -> Adjustment:
    what = "1 earlier turn was" if count == 1 else f"{count} earlier turns were"
    more = "; the last picture in them is edited" if edited else ""
    return Adjustment(
        "turns", "unsupported", f"{what} not sent: only what was made here is gone on from, told as it was{more}"
    )
