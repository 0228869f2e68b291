"""The list of open models that can be fetched: where each is, under which licence, how large, and what it is drawn with."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Annotated

import msgspec

from triptych.spec.errors import NotFoundError

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class OpenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model of the list. `revision` is a commit of its repository; `billions` are the numbers of each network, `about_gb` is the download
    in gigabytes, `side` the pixels of a square that it was made for."""

    id: Name
    name: str
    maker: str
    license: str
    repository: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$")]
    about_gb: float
    billions: Mapping[str, float]
    side: int
    source: str
    as_of: str
    steps: int | None = None
    guidance: float | None = None
    note: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[OpenEntry, ...]


def open_entries() -> tuple[OpenEntry, ...]:
    """The whole list, from small to large."""
    text = (resources.files("triptych.catalog") / "open_models.toml").read_text("utf-8")
    found = msgspec.convert(tomllib.loads(text), _File).model
    return tuple(sorted(found, key=lambda one: one.about_gb))


def open_entry(name: str) -> OpenEntry:
    """Raises NotFoundError with the names there are."""
    entries = {one.id: one for one in open_entries()}
    if name not in entries:
        raise NotFoundError(
            f"No open model of the list is named {name!r}.", hint=f"There are {', '.join(entries)}.", param="name"
        )
    return entries[name]
