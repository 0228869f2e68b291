"""A folder with a model in it, as diffusers writes them: what kind it is and how large, read without loading it.

A model that somebody made is a stranger's file: weights are read from safetensors alone, because the older formats can run code, and its
parts may come from diffusers and transformers alone, because the index could name any module of this machine.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triptych.imaging.diffusion.job import DrawError
from triptych.imaging.diffusion.kinds import KINDS, Kind

INDEX, TOLD = "model_index.json", "triptych.json"
_MOST_JSON, _MOST_HEADER = 1 << 20, 64 << 20
DENOISERS = ("transformer", "unet")
"""The large network, by the names that it has in the index."""
_LIBRARIES = frozenset({"diffusers", "transformers", None})
_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "I8": 8, "U8": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One network of a model: how many numbers it has, and with how many bits most of them are kept."""

    name: str
    numbers: int
    bits: int

    @property
    def half(self) -> int:
        """Its bytes in memory at 16 bits a number."""
        return self.numbers * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenModel:
    """A model as it lies in a folder. `told` is what was kept beside it when it was fetched; `variant` the word in the names of its files
    where only a variant is there. `side` and `grid` are pixels; `denoisers` are
    its large networks with their classes; `glimpses` is whether it can be seen while it comes about, `distilled` whether guidance is
    a number that it was taught rather than a second look with the negative prompt."""

    folder: Path
    pipeline: str
    scheduler: str
    denoisers: Mapping[str, str]
    kind: Kind
    parts: tuple[Part, ...]
    side: int
    grid: int
    variant: str | None
    glimpses: bool
    distilled: bool
    told: Mapping[str, Any]

    def reads_negative(self, guidance: float) -> bool:
        """Whether it reads a negative prompt when it is drawn with so much guidance."""
        above = self.kind.negative_above
        return above is not None and not self.distilled and guidance > above


def read_folder(folder: Path) -> OpenModel:
    """Raises DrawError for a folder that holds no model that can be used."""
    index = _object(folder / INDEX)
    pipeline = str(index.get("_class_name"))
    if pipeline not in KINDS:
        raise DrawError(f"{folder.name} is a {pipeline}, which is no kind that can be used here.")
    named = {name: part for name, part in index.items() if isinstance(part, list) and len(part) == 2}
    if any(part[0] not in _LIBRARIES for part in named.values()):
        raise DrawError(f"{folder.name} names parts that are not of diffusers or transformers; it was not opened.")
    parts, variants = [], set[str | None]()
    for name in (name for name, part in named.items() if part[0] is not None and _holds_weights(folder / name)):
        part, variant = _part(folder, name)
        parts.append(part)
        variants.add(variant)
    if not parts:
        raise DrawError(f"{folder.name} has no weights.")
    kind = KINDS[pipeline]
    cell = _cell(folder)
    return OpenModel(
        folder=folder, pipeline=pipeline, scheduler=str(named.get("scheduler", [None, "unknown"])[1])[:60], kind=kind,
        denoisers={name: str(part[1]) for name, part in named.items() if name in DENOISERS and part[0] == "diffusers"}, parts=tuple(parts), side=_side(folder, cell) or kind.side,
        grid=max(8, cell * kind.patch), variant=next((one for one in variants if one is not None), None),
        glimpses=named.get("vae", [None, None])[1] == "AutoencoderKL",
        distilled=index.get("is_distilled") is True or _taught(folder / "unet" / "config.json"),
        told=_object(folder / TOLD) if (folder / TOLD).is_file() else {},
    )  # fmt: skip


def drawn_with(model: OpenModel) -> tuple[tuple[str, Path], ...]:
    """The files that decide what it draws, each by its name within the folder: the weights that are loaded, and the settings of its parts."""
    index = _object(model.folder / INDEX)
    found = [model.folder / INDEX]
    for name in (name for name, part in index.items() if isinstance(part, list) and (model.folder / name).is_dir()):
        files = [one for one in sorted((model.folder / name).iterdir()) if one.is_file()]
        found += [one for one in files if one.suffix in {".json", ".txt", ".model"}]
        weights = [one for one in files if one.suffix == ".safetensors" and ".non_ema" not in one.name]
        halved = [one for one in weights if ".fp16" in one.name] if model.variant is not None else []
        found += halved or [one for one in weights if ".fp16" not in one.name]
    return tuple((one.relative_to(model.folder).as_posix(), one) for one in found)


def find_models(place: Path) -> tuple[tuple[OpenModel, ...], tuple[str, ...]]:
    """The models in the folders of a place, and why others are left out. A place that is not there is empty."""
    found, left = [], []
    try:
        folders = sorted(one for one in place.iterdir() if one.name[0] != "." and (one / INDEX).is_file())
    except OSError:
        return (), ()
    for folder in folders:
        try:
            found.append(read_folder(folder))
        except DrawError as error:
            left.append(error.message)
    return tuple(found), tuple(left)


def _object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_JSON:
            raise DrawError(f"{path.name} in {path.parent.name} is too large.")
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DrawError(f"{path.name} in {path.parent.name} cannot be read.") from error
    if not isinstance(read, dict):
        raise DrawError(f"{path.name} in {path.parent.name} is not what it should be.")
    return read


def _holds_weights(folder: Path) -> bool:
    """Schedulers and tokenizers hold none."""
    return folder.is_dir() and any(
        one.suffix in {".safetensors", ".bin", ".ckpt", ".pt"} for one in folder.iterdir() if one.is_file()
    )


def _part(folder: Path, name: str) -> tuple[Part, str | None]:
    files = sorted((folder / name).glob("*.safetensors"))
    if not files:
        raise DrawError(f"{folder.name}/{name} has no safetensors; other formats can run code and are not opened.")
    plain = [one for one in files if ".fp16" not in one.name]
    numbers, bits = 0, dict[int, int]()
    for file in plain or files:
        for width, count in _numbers(file):
            numbers += count
            bits[width] = bits.get(width, 0) + count
    return Part(name=name, numbers=numbers, bits=max(bits, key=bits.__getitem__, default=16)), None if plain else "fp16"


def _numbers(file: Path) -> list[tuple[int, int]]:
    """Bits and count of each tensor of a file, from its header alone."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > _MOST_HEADER:
                raise DrawError(f"{file.name} in {file.parent.name} is no safetensors file.")
            header = json.loads(opened.read(length))
        return [(_BITS.get(one["dtype"], 16), math.prod(one["shape"]))
                for name, one in header.items() if name != "__metadata__"]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise DrawError(f"{file.name} in {file.parent.name} cannot be read.") from error


def _cell(folder: Path) -> int:
    """How many pixels a side of a latent's cell has."""
    config = _object(folder / "vae" / "config.json") if (folder / "vae" / "config.json").is_file() else {}
    blocks = config.get("block_out_channels") or config.get("encoder_block_out_channels")
    return 1 << (len(blocks) - 1) if isinstance(blocks, list) and 0 < len(blocks) < 8 else 8


def _taught(unet: Path) -> bool:
    """Whether a large network takes its guidance as a number."""
    return unet.is_file() and _object(unet).get("time_cond_proj_dim") is not None


def _side(folder: Path, cell: int) -> int | None:
    """Of the squares that the model was made for, where it says so."""
    for name in ("unet", "transformer"):
        path = folder / name / "config.json"
        if path.is_file() and isinstance(cells := _object(path).get("sample_size"), int) and 0 < cells * cell <= 2048:
            return max(64, cells * cell)
    return None
