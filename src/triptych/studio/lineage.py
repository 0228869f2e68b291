"""Where a picture comes from and what came of it: the tree from a brief to its key visual, whichever models drew it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from triptych.router.registry import Registry
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError
from triptych.spec.json import Json, JsonObject
from triptych.spec.lineage import Family, KeyVisual, Link
from triptych.spec.records import FINAL_STATES, PictureRecord, RunRecord, TileRecord
from triptych.store.base import Bus, RecordStore
from triptych.store.gallery import GalleryStore
from triptych.store.lineage import LineageStore
from triptych.studio.curtain import held_back
from triptych.studio.views import tile_view

MOST_TILES = 10_000
"""Tiles of one family that are counted."""
MOST_SHOWN = 300
"""Tiles of one family that one answer tells in full, those around the one that was asked for before the others."""
MOST_STEPS = 40
"""Of the way to one tile, the last ones."""
_TOLD = ("state", "model", "endpoint", "name", "maker", "lane", "prompt", "ratio", "cost", "billed")


@dataclass(slots=True)
class _Branch:
    """What a tile and all that comes from it add up to. Tiles of a blind row are left out of the money."""

    tiles: int = 1
    spent_micro_usd: int = 0
    unknown: int = 0
    veiled: int = 0


class Lineage:
    """One per process. Every method may raise StorageError."""

    def __init__(
        self,
        store: RecordStore,
        lineage: LineageStore,
        gallery: GalleryStore,
        registry: Registry,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._store, self._lineage, self._gallery = store, lineage, gallery
        self._registry, self._bus, self._clock = registry, bus, clock

    async def tree(self, tile_id: str, *, pruned: bool = False) -> JsonObject:
        """The family of a tile, see docs/reference/studio-api.md. With `pruned` the branches that were taken out of sight
        are in it. Raises NotFoundError."""
        family = await self._lineage.family(tile_id, MOST_TILES)
        if not family.links:
            raise NotFoundError("There is no such tile.", param="id")
        links = {link.tile: link for link in family.links}
        focus = tile_id if tile_id in links else family.links[0].tile
        children = _children(family)
        chosen = _chosen(links, children, focus, pruned=pruned)
        branches = _branches(family)
        nodes = await self._nodes([links[tile] for tile in chosen], children, branches, focus)
        return {
            "focus": focus, "nodes": nodes, "tiles": len(family.links), "whole": family.whole,
            "pruned": sum(1 for link in family.links if link.pruned),
        }  # fmt: skip

    async def way(self, tile_id: str) -> JsonObject:
        """How one tile came to be: the tiles that it comes from, the first one first and itself last, `before` that are not
        told, how many come `after` it, and the `scopes` that a picture of it is the key visual of. Raises NotFoundError."""
        family = await self._lineage.family(tile_id, MOST_TILES)
        links = {link.tile: link for link in family.links}
        if tile_id not in links:
            raise NotFoundError("There is no such tile.", param="id")
        ids = _way(links, tile_id)
        shown = ids[-MOST_STEPS:]
        tiles, pictures = await self._lineage.tiles(shown), await self._store.pictures_of(shown)
        runs = await self._lineage.runs([links[tile].run for tile in shown])
        held = await self._held([links[tile] for tile in shown])
        told = [self._told(tiles[tile], pictures[tile], links[tile], runs.get(links[tile].run), held) for tile in shown]
        scopes = [key.scope for key in await self._lineage.keys() if key.tile == tile_id]
        return {"steps": [*told], "before": len(ids) - len(shown), "after": _branches(family)[tile_id].tiles - 1,
                "scopes": [*scopes]}  # fmt: skip

    async def mark(self, tile_id: str, *, pinned: bool | None = None, pruned: bool | None = None) -> JsonObject:
        """Pins a branch, takes it out of sight, or takes either back. Returns what was said `before`. Raises
        NotFoundError."""
        await self._tile(tile_id)
        before = await self._lineage.mark(tile_id, pinned=pinned, pruned=pruned)
        self._bus.publish("lineage", {"tile": tile_id})
        return {"before": msgspec.to_builtins(before)}

    async def choose_key(self, picture_id: str) -> JsonObject:
        """Makes a picture the key visual of its project, or of its family where it is in none. Returns its scope and the
        picture that was it before. Raises NotFoundError."""
        picture = await self._picture(picture_id)
        key = KeyVisual(scope=await self._scope(picture), tile=picture.tile_id, picture=picture_id,
                        chosen_ms=self._clock.now_ms())  # fmt: skip
        before = await self._lineage.choose_key(key)
        self._tell(key.scope, picture_id)
        return {"scope": key.scope, "before": before.picture if before is not None else None}

    async def drop_key(self, picture_id: str) -> JsonObject:
        """Makes a picture no key visual any more. Returns what it was one of. Raises NotFoundError for a picture that is
        none."""
        scopes = [key.scope for key in await self._lineage.keys() if key.picture == picture_id]
        if not scopes:
            raise NotFoundError("This picture is no key visual.", param="id")
        for scope in scopes:
            await self._lineage.drop_key(scope)
            self._tell(scope, None)
        return {"scopes": list(scopes)}

    async def keys(self) -> JsonObject:
        """Every key visual, by scope: pictures by id."""
        return {"keys": {key.scope: key.picture for key in await self._lineage.keys()}}

    # Inside.

    def _tell(self, scope: str, picture: str | None) -> None:
        self._bus.publish("lineage", {"scope": scope, "picture": picture})

    async def _tile(self, tile_id: str) -> TileRecord:
        tile = await self._store.tile(tile_id)
        if tile is None:
            raise NotFoundError("There is no such tile.", param="id")
        return tile

    async def _picture(self, picture_id: str) -> PictureRecord:
        picture = await self._store.picture(picture_id)
        if picture is None:
            raise NotFoundError("There is no such picture.", param="id")
        return picture

    async def _scope(self, picture: PictureRecord) -> str:
        entries = await self._gallery.entries([picture.id])
        project = entries[0].marks.project if entries else None
        return f"project:{project}" if project else f"family:{await self._lineage.first(picture.tile_id)}"

    async def _nodes(
        self,
        links: Sequence[Link],
        children: Mapping[str, Sequence[Link]],
        branches: Mapping[str, _Branch],
        focus: str,
    ) -> list[Json]:
        ids = [link.tile for link in links]
        tiles = await self._lineage.tiles(ids)
        pictures = await self._store.pictures_of(ids)
        runs = await self._lineage.runs([link.run for link in links])
        keys = await self._lineage.keys_among(ids)
        held = await self._held(links)
        hashes = [str(image["sha256"]) for tile in tiles.values() for image in _images(tile)]
        made = await self._lineage.made(hashes) if hashes else {}
        shown = {
            link.tile for link in links
            if link.tile == focus or link.tile in held or children.get(link.tile) or _has_picture(tiles[link.tile], pictures[link.tile])
        }  # fmt: skip
        return [
            {
                **self._told(tiles[link.tile], pictures[link.tile], link, runs.get(link.run), held),
                "refs": _references(tiles[link.tile], made), "branch": msgspec.to_builtins(branches[link.tile]),
                "more": sum(1 for child in children.get(link.tile, ()) if child.tile not in shown),
                "key": any(picture.id in keys for picture in pictures[link.tile]),
            }
            for link in links if link.tile in shown
        ]  # fmt: skip

    async def _held(self, links: Sequence[Link]) -> frozenset[str]:
        """The tiles of the rows of these of which nothing is told yet."""
        rows = await self._store.tiles_of([*{link.run for link in links if link.veiled}])
        return frozenset[str]().union(*map(held_back, rows.values()))

    def _told(
        self,
        tile: TileRecord,
        pictures: Sequence[PictureRecord],
        link: Link,
        run: RunRecord | None,
        held: Collection[str],
    ) -> dict[str, Json]:
        known = self._registry.endpoints().get(tile.endpoint or tile.model)
        card = known.model.card if known is not None else None
        view = tile_view(tile, pictures, card=lambda: card, blind=link.veiled,
                         held="held" if tile.id in held else None).page  # fmt: skip
        first = pictures[0] if pictures and tile.id not in held else None
        return {
            "tile": tile.id, "run": tile.run_id, "origin": link.origin, **{name: view[name] for name in _TOLD},
            "picture": first.id if first else None, "images": view["images"],
            "how": _how(tile, link), "from": tile.parent.picture if tile.parent else None,
            "veiled": link.veiled, "pinned": link.pinned, "pruned": link.pruned,
            "row_hidden": run is None or run.deleted,
        }  # fmt: skip


def _children(family: Family) -> Mapping[str, Sequence[Link]]:
    """By tile, what comes from it: the pinned ones first, else in the order made."""
    found: dict[str, list[Link]] = {}
    for link in family.links:
        if link.origin is not None:
            found.setdefault(link.origin, []).append(link)
    return {origin: sorted(group, key=lambda link: not link.pinned) for origin, group in found.items()}


def _chosen(
    links: Mapping[str, Link], children: Mapping[str, Sequence[Link]], focus: str, *, pruned: bool
) -> Sequence[str]:
    """The tiles to tell: the way to the focus, what comes from it, then the rest from the first on; each after the one
    that it comes from, so that nothing hangs in the air."""
    way = _way(links, focus)
    seen = dict.fromkeys(way)
    for start in (focus, way[0]):
        queue = [start]
        for tile in queue:
            if len(seen) >= MOST_SHOWN:
                break
            after = [child.tile for child in children.get(tile, ()) if pruned or not child.pruned or child.tile in seen]
            queue += after
            seen.update(dict.fromkeys(after[: MOST_SHOWN - len(seen)]))
    return [tile for tile in _in_order(way[0], children) if tile in seen]


def _way(links: Mapping[str, Link], tile: str) -> list[str]:
    """The tiles that a tile comes from, the first one first, and itself last."""
    way = [tile]
    while (origin := links[way[-1]].origin) is not None:
        way.append(origin)
    return way[::-1]


def _in_order(first: str, children: Mapping[str, Sequence[Link]]) -> Sequence[str]:
    """Each tile, then what comes from it."""
    found, stack = [], [first]
    while stack:
        tile = stack.pop()
        found.append(tile)
        stack += [child.tile for child in reversed(children.get(tile, ()))]
    return found


def _branches(family: Family) -> Mapping[str, _Branch]:
    found = {
        link.tile: _Branch(veiled=1)
        if link.veiled
        else _Branch(spent_micro_usd=link.spent_micro_usd, unknown=link.unknown)
        for link in family.links
    }
    for link in reversed(family.links):  # what comes from a tile stands after it
        if link.origin is not None:
            mine, above = found[link.tile], found[link.origin]
            above.tiles += mine.tiles
            above.spent_micro_usd += mine.spent_micro_usd
            above.unknown += mine.unknown
            above.veiled += mine.veiled
    return found


def _images(tile: TileRecord) -> Sequence[Mapping[str, Json]]:
    images = tile.request.get("images")
    return [image for image in images if isinstance(image, Mapping)] if isinstance(images, Sequence) else []


def _has_picture(tile: TileRecord, pictures: Sequence[PictureRecord]) -> bool:
    return bool(pictures) or tile.state not in FINAL_STATES


def _how(tile: TileRecord, link: Link) -> str:
    """How a tile came of the one before it."""
    if link.origin is None:
        return "first"
    if tile.parent is None:
        return "again"
    if tile.final:
        return "promoted"
    if isinstance(task := tile.request.get("task"), str):
        return task
    return "edit" if any(image.get("role") == "edit" for image in _images(tile)) else "reference"


def _references(tile: TileRecord, made: Mapping[str, tuple[str, str]]) -> list[Json]:
    """The pictures that went along, but for the one it was made from; with the tile of each that was made here."""
    found: list[Json] = []
    for image in _images(tile):
        sha256 = str(image["sha256"])
        maker, picture = made.get(sha256, (None, None))
        if tile.parent is None or maker != tile.parent.tile:
            found.append({"role": image.get("role"), "sha256": sha256, "tile": maker, "picture": picture})
    return found
