"""The recipe of a picture: what its file says of how it was made, so that it can be made again."""

from typing import Any

from triptych.spec.records import PictureRecord, TileRecord

_LEFT_OUT = frozenset({"images", "mask", "turns", "options", "user", "previews"})


def recipe_of(tile: TileRecord, picture: PictureRecord, *, way: str | None = None) -> dict[str, Any]:
    """Prompt, settings, seed and model, and nothing of keys, money, people or other pictures. `way`: how a format of a kit
    was made of its key visual."""
    asked = {name: value for name, value in tile.request.items() if name not in _LEFT_OUT}
    said: dict[str, Any] = {
        "triptych": "recipe/1",
        "model": tile.endpoint or tile.model,
        "request": asked,
        "seed": picture.seed,
    }
    return {**said, **({} if way is None else {"way": way}), "picture_sha256": picture.sha256}
