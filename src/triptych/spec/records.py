"""What is kept: runs, tiles, pictures, attempts, ledger entries. Times are wall milliseconds, money micro-dollars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from triptych.spec.image import Adjustment, Billed, Cost, Operation, Usage
from triptych.spec.json import Json
from triptych.spec.model import JobHandle, Lane, WireRecord
from triptych.spec.routing import Sign

TileState = Literal["queued", "sent", "working", "waiting", "receiving",
                    "done", "blocked", "failed", "cancelled", "lost"]  # fmt: skip
"""`queued` priced and reserved, nothing sent · `sent` the request is out · `working` the provider reports progress ·
`waiting` a retry is due · `receiving` results are being fetched · `lost` in flight when the server stopped, may have
been billed."""
FINAL_STATES: frozenset[TileState] = frozenset({"done", "blocked", "failed", "cancelled", "lost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One prompt to a set of models: a row. `text` is what was typed, grammar and all."""

    id: str
    created_ms: int
    text: str
    source: Literal["studio", "api", "cli"]
    settings: Mapping[str, Json] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TileError:
    """Why a tile has no picture: what happened, whether it was billed, and what to do next."""

    code: str
    failure: str
    message: str
    hint: str | None
    billed: Billed
    provider: str | None = None
    status: int | None = None
    upstream: str | None = None
    retry_after_s: float | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The picture that a tile was made from, by the ids of its tile and of itself."""

    tile: str
    picture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRecord:
    """One model's place in a run. `request` is the request as JSON with pictures by hash; `ratio` (width / height)
    is the shape reserved for it before any bytes arrive."""

    id: str
    run_id: str
    position: int
    model: str  # as asked: auto, a family or provider/model
    state: TileState
    created_ms: int
    updated_ms: int
    ratio: float
    request: Mapping[str, Json]
    endpoint: str | None = None
    model_served: str | None = None
    lane: Lane | None = None
    estimate: Cost | None = None
    cost: Cost | None = None
    billed: Billed = "no"
    usage: Usage | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    adjustments: tuple[Adjustment, ...] = ()
    error: TileError | None = None
    job: JobHandle | None = None
    decision_id: str | None = None
    retry_of: str | None = None
    nonce: str | None = None  # for the router's draws about this tile, where its caller gave one
    owner: str | None = None  # the server process that holds it
    hidden: bool = False
    trashed_ms: int | None = None  # when it was thrown away; one with pictures is not, they are
    parent: Parent | None = None
    draft: Mapping[str, str] | None = None  # what was set to draw it cheaply; None: it is no draft
    imported: Mapping[str, Json] | None = None  # made elsewhere: what its file says of its maker, which nobody checked
    final: bool = False  # made from the draft in `parent`, as what was asked for there
    fee_estimate_micro_usd: int = 0  # the router's own fee, not in `estimate` and `cost`
    fee_micro_usd: int = 0
    doubt: Mapping[str, Json] | None = None  # what another node's drawing of the same job says against its picture
    coming: "tuple[PictureRecord, ...]" = ()  # here, and written down before their bytes are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCredentials:
    """Content credentials (C2PA) that a provider's file came with. `valid`: all of it holds and its signer is believed
    here; `untrusted`: all of it holds, the signer is not known here; `broken`: something in it is false; `unread`: nothing
    here can read it. `issuer` and `generator` are what it says itself. `carried`: the kept file still has it."""

    state: Literal["valid", "untrusted", "broken", "unread"]
    carried: bool
    issuer: str | None = None
    generator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The file as it came, where another one was made of it and kept in its place."""

    sha256: str
    bytes: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of the outside of the mask of an edit by a model that takes none.

    `state`: `restored` outside of the mask the source's pixels were put back into `file`, and the model's own answer stands
    in the picture's `received`; `reframed` the model moved or scaled the picture, so that nothing was put back; `failed`
    for the `reason`. `changed_permille` of the pixels outside of the mask had been changed, None where they cannot be
    compared; `heat_sha256` names a small PNG of where. `shift_px`: how far, right and down, the picture had moved.
    `source` and `mask` are the hashes of what was given. `unrestored`: the user chose the model's own answer.
    """

    state: Literal["restored", "reframed", "failed"]
    source: str
    mask: str
    shift_px: tuple[int, int] = (0, 0)
    scale_permille: int = 1000
    changed_permille: int | None = None
    heat_sha256: str | None = None
    feather_px: int = 0
    reason: str | None = None
    file: Received | None = None
    unrestored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRecord:
    """One picture that was kept. `sha256` names its bytes in the blob store; `bare_sha256` is the hash of the same file
    without the content credentials it carries, None when it carries none. `context` is what only the endpoint
    `context_of` may see again, to go on from this picture: in no answer of ours, log or receipt."""

    id: str
    tile_id: str
    position: int
    sha256: str
    media_type: str
    width: int
    height: int
    bytes: int
    created_ms: int
    revised_prompt: str | None = None
    seed: int | None = None
    cost: Cost | None = None
    bare_sha256: str | None = None
    received: Received | None = None
    credentials: UpstreamCredentials | None = None
    restored: Restored | None = None
    context: str | None = field(default=None, repr=False)
    context_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One try at one endpoint for a tile, with what was really sent. From `hedge` on as in `spec.routing.Attempt`."""

    id: str
    tile_id: str
    number: int
    endpoint: str
    started_ms: int
    ended_ms: int | None = None
    outcome: Literal["running", "done", "failed"] = "running"
    error: TileError | None = None
    wires: tuple[WireRecord, ...] = ()
    cost: Cost | None = None
    billed: Billed = "no"
    hedge: bool = False
    epoch: str = ""
    operation: Operation | None = None
    share: str = ""
    began: int = 0
    began_ms: int = 0
    ended: int | None = None
    sign: Sign | None = None
    took_ms: int | None = None
    retry_after_ms: int | None = None
    offset: int = 0
    count: int = 0
    reservation: str = ""
    fee_micro_usd: int = 0
    job: JobHandle | None = None  # that the provider accepted it as


Question = Literal["prettier", "closer"]
"""`prettier` which one looks better · `closer` which one is closer to what was asked for."""


PickSource = Literal["own", "client"]
"""`own` the user's choice · `client` what a client said on a sheet, taken in by the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """One of the pictures that a pick was made among: who made it (`provider/model` and the model's family), and its
    place."""

    endpoint: str
    family: str
    tile_id: str
    picture_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRecord:
    """One choice of the user's among pictures shown side by side. Indexes are into `shown`, in the order shown.

    Either `winner` is the one that was preferred to all others, or it is None and those in `rejected` were put behind
    the rest. `run_id` is None when the pictures are of several runs, and for what a client said, which opens no row.
    `blind`: the makers were hidden until then. `ballot` names the answers that a client's pick was taken from, and
    `statement` what is still to be stated of it in public.
    """

    id: str
    created_ms: int
    run_id: str | None
    task: str  # generate, edit, …
    question: Question
    blind: bool
    shown: tuple[ShownPicture, ...]
    winner: int | None = None
    rejected: tuple[int, ...] = ()
    source: PickSource = "own"
    ballot: str | None = None
    statement: str | None = None


LedgerKind = Literal["reserve", "settle", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One movement of money. A reservation is open until a `settle` or `release` with its id exists.

    `amount_micro_usd` of a reserve is the estimate held, of a settle the charge, of a release zero. `known` is False
    when the charge is not known: the estimate stands in for it against caps, and it is shown as unknown. `fee_of` names
    the reservation of the call whose fee this is; None for what a provider charges.
    """

    id: str
    reservation: str
    kind: LedgerKind
    amount_micro_usd: int
    known: bool
    created_ms: int
    day: str  # ISO date, UTC
    run_id: str | None = None
    tile_id: str | None = None
    api_key: str | None = None
    endpoint: str | None = None
    project: str | None = None
    fee_of: str | None = None
