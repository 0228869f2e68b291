"""The sidecar of a delivered kit, `kit.json`: every file with its hash, where it comes from and what it cost."""

from typing import Final, Literal

import msgspec

from triptych.spec.image import AdjustmentKind, Billed, CostSource
from triptych.spec.kit import Way
from triptych.spec.model import Lane
from triptych.studio.credentials import Embedded

SCHEMA: Final = "triptych-kit/1"
NAME: Final = "kit.json"


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """What a model could not take as asked."""

    feature: str
    kind: AdjustmentKind
    detail: str


class From(msgspec.Struct, frozen=True, kw_only=True):
    """The picture that something was made from: its tile, itself, and the hash of its file."""

    tile: str
    picture: str
    sha256: str | None = None


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """How a file was made of a signed original on this machine: the part `window` (left, top, right, bottom in pixels of the
    original, right and bottom outside) was brought to `scale_percent` of its size and written in another file."""

    original: str | None  # the file in `originals`, None where originals were left out
    original_sha256: str
    window: tuple[int, int, int, int]
    scale_percent: int


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of a picture: its id, the file it is in (None where originals were left out), and that file's hash."""

    id: str
    file: str | None
    sha256: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One delivered file. `signed` says that the receipt signs this very file (its content credentials, if it has some,
    taken out); otherwise `derived` says what it was made of, and the receipt is about that. Money is micro-dollars, None
    where nobody knows. `version` is the try at the format, from 1. `alt` says in words what is seen: a person's own, else how
    the prompt begins."""

    file: str
    sha256: str
    bytes: int
    media_type: str
    width: int
    height: int
    format: str
    ratio: str
    way: Way
    version: int
    signed: bool
    derived: Derived | None
    content_credentials: Embedded
    recipe_in_file: bool
    alt: str
    prompt: str
    model: str
    model_served: str | None
    lane: Lane | None
    seed: int | None
    cost_micro_usd: int | None
    cost_source: CostSource
    billed: Billed
    receipt: Paper | None
    adjustments: tuple[Fitted, ...]
    parent: From | None
    tile: str
    picture: str
    made_ms: int


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is kept, byte for byte: what a receipt signs."""

    file: str
    sha256: str
    bytes: int
    media_type: str
    width: int
    height: int
    tile: str
    picture: str
    receipt: Paper | None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A format that is not in this delivery, and why."""

    format: str
    width: int
    height: int
    why: str


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `kit.json`. Times are milliseconds since 1970."""

    schema: Literal["triptych-kit/1"]
    program: str
    kit: str
    name: str
    project: str | None
    made_ms: int
    key_visual: From
    files: tuple[Delivery, ...]
    originals: tuple[Original, ...]
    left_out: tuple[LeftOut, ...]


def json_schema() -> bytes:
    """The schema of the sidecar (JSON Schema 2020-12), as it goes into each delivery and into the documentation."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Sidecar)), indent=1)
