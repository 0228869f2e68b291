"""Fetches open models of the list: exactly the files of one revision that drawing needs, on from where it broke off, each by its hash."""

import asyncio
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from triptych.app.weights import Client, append, begun, part_of
from triptych.catalog.open_models import OpenEntry
from triptych.http.message import HttpRequest
from triptych.imaging.diffusion.folder import INDEX, TOLD, Part
from triptych.imaging.diffusion.memory import Machine, Placement, place
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError, NotConfiguredError, StorageError

HUB = "https://huggingface.co"
PART_BYTES = 16 << 20
_LIST_S, _MOST_LIST, _MOST_SMALL = 60.0, 4 << 20, 64 << 20
_SPARE = 1 << 30  # bytes that stay free on the disk
_PATH = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
Tell = Callable[[int, int], None]
"""Hears how many bytes of how many are here."""


class _Lfs(msgspec.Struct, frozen=True):
    oid: str


class RemoteFile(msgspec.Struct, frozen=True):
    """A file as its repository lists it: by its SHA-256 where it is large (`lfs`), else by Git's own hash, `oid`."""

    type: str
    path: str
    oid: str
    size: int = 0
    lfs: _Lfs | None = None


@dataclass(frozen=True, slots=True)
class OpenFetch:
    """Fetches into the folder where models are looked for."""

    place: Path
    client: Client
    clock: Clock

    async def get(self, entry: OpenEntry, tell: Tell) -> Path:
        """The folder of the model, once every file is here under its hash. What came of one that broke off is gone on with. Raises
        StorageError, HostileContentError for a file that is another one, NotConfiguredError, and what the client raises."""
        folder = self.place / entry.id
        if (folder / INDEX).is_file():
            return folder
        coming = self.place / f".{entry.id}.coming"
        listed = await self._listed(entry)
        await self._file(entry, listed[INDEX], coming, lambda _: None)
        files = chosen(listed, await asyncio.to_thread(_parts, coming / INDEX))
        total = sum(one.size for one in files)
        await asyncio.to_thread(self._room, coming, total)
        before = 0
        for one in files:
            await self._file(entry, one, coming, lambda here, before=before: tell(before + here, total))  # type: ignore[misc]
            before += one.size
            tell(before, total)
        await asyncio.to_thread(_finish, coming, folder, entry, files)
        return folder

    async def _listed(self, entry: OpenEntry) -> Mapping[str, RemoteFile]:
        url = f"{HUB}/api/models/{entry.repository}/tree/{entry.revision}?recursive=true"
        request = HttpRequest(method="GET", url=url, headers={"Accept": "application/json"}, step="check")
        answer = await self.client.send(request, deadline=self.clock.monotonic() + _LIST_S, max_bytes=_MOST_LIST)
        if answer.status != 200:
            raise NotConfiguredError(f"The files of {entry.repository} are not listed (status {answer.status}).",
                                     hint="Try again later; it may have been moved, or want an account now.")  # fmt: skip
        try:
            found = msgspec.json.decode(answer.body, type=list[RemoteFile])
        except msgspec.DecodeError as error:
            raise HostileContentError("The list of files cannot be read.", hint="Try again later.") from error
        listed = {one.path: one for one in found if one.type == "file" and _PATH.fullmatch(one.path)}
        if INDEX not in listed:
            raise HostileContentError(f"{entry.repository} has no {INDEX} at this revision.")
        return listed

    async def _file(self, entry: OpenEntry, one: RemoteFile, coming: Path, tell: Callable[[int], None]) -> None:
        """Brings one file; one that is here stays."""
        path = coming / one.path
        if path.is_file():
            return
        part = path.with_name(f"{path.name}.part")
        here = await asyncio.to_thread(begun, part)
        url = f"{HUB}/{entry.repository}/resolve/{entry.revision}/{one.path}"
        while here < one.size:
            tell(here)
            most = max(PART_BYTES, min(one.size, _MOST_SMALL)) + 1
            data, total = await part_of(self.client, self.clock, url, here, PART_BYTES, most)
            whole = len(data) == total
            if total != one.size or not data:
                raise HostileContentError(
                    f"{one.path} has {total} bytes; {one.size} were listed.", hint="Try again later."
                )
            await asyncio.to_thread(append, part, data, anew=whole)
            here = len(data) if whole else here + len(data)
        if not one.size:
            await asyncio.to_thread(append, part, b"", anew=True)
        await asyncio.to_thread(_take, part, path, one)

    @staticmethod
    def _room(coming: Path, total: int) -> None:
        here = sum(one.stat().st_size for one in coming.rglob("*") if one.is_file())
        free = shutil.disk_usage(coming).free
        if free - _SPARE < total - here:
            raise StorageError(f"There is no room: {(total - here) / 1e9:.1f} GB are to come, {free / 1e9:.1f} GB are free.",
                               hint="Make room, or name another folder: local_models in triptych.toml.")  # fmt: skip


def chosen(listed: Mapping[str, RemoteFile], parts: frozenset[str]) -> tuple[RemoteFile, ...]:
    """The files that drawing needs: of each part its settings and its safetensors, those with 16 bits where there are both."""
    kept = [listed[INDEX]]
    for part in sorted(parts):
        own = [one for path, one in sorted(listed.items()) if path.startswith(f"{part}/")]
        kept += [one for one in own if one.path.endswith((".json", ".txt", ".model", ".jinja"))]
        heavy = [one for one in own if one.path.endswith(".safetensors") and "non_ema" not in one.path]
        kept += [one for one in heavy if ".fp16" in one.path] or heavy
    return tuple(kept)


def needs(entry: OpenEntry) -> tuple[Part, ...]:
    """The networks of a model of the list."""
    return tuple(Part(name=name, numbers=int(billions * 1e9), bits=16) for name, billions in entry.billions.items())


def fits(entry: OpenEntry, here: Machine) -> Placement | None:
    """How it would be held on this machine, for one picture of its own size; None where it does not fit."""
    return place(needs(entry), here, entry.side * entry.side, 1)


def _parts(index: Path) -> frozenset[str]:
    try:
        read: Any = json.loads(index.read_text("utf-8"))
        return frozenset(
            name
            for name, part in read.items()
            if isinstance(part, list) and part[0] is not None and _PATH.fullmatch(name)
        )
    except (OSError, ValueError, AttributeError, LookupError) as error:
        raise HostileContentError(f"{INDEX} cannot be read.") from error


def _take(part: Path, path: Path, one: RemoteFile) -> None:
    """The file takes its name once its hash is right; one with another is thrown away."""
    try:
        with part.open("rb") as file:
            if one.lfs is not None:
                right = hashlib.file_digest(file, "sha256").hexdigest() == one.lfs.oid
            else:
                git = hashlib.sha1(b"blob %d\0" % one.size, usedforsecurity=False)
                git.update(file.read())
                right = git.hexdigest() == one.oid
        if right:
            part.replace(path)
        else:
            part.unlink()
    except OSError as error:
        raise StorageError(f"{one.path} cannot be kept: {error.strerror}.") from error
    if not right:
        raise HostileContentError(f"{one.path} is not the file that was listed: its hash is another one.",
                                  hint="It was thrown away. Try again.")  # fmt: skip


def _finish(coming: Path, folder: Path, entry: OpenEntry, files: tuple[RemoteFile, ...]) -> None:
    told = {"name": entry.name, "maker": entry.maker, "license": entry.license, "repository": entry.repository, "revision": entry.revision,
            "steps": entry.steps, "guidance": entry.guidance, "files": {one.path: one.lfs.oid if one.lfs else one.oid for one in files}}  # fmt: skip
    try:
        (coming / TOLD).write_text(
            json.dumps({name: value for name, value in told.items() if value is not None}, indent=1), "utf-8"
        )
        coming.rename(folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}.") from error
