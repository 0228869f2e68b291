"""The tables. A record is kept whole as JSON in `body`; the other columns are what is searched, sorted and summed by.

So a field that is added to a record needs no migration, and every record comes back exactly as it was saved. Money is
the exception: the ledger and its balances are plain columns.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

from triptych.spec.records import FINAL_STATES

VERSION_TABLE = "triptych_version"
REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
    "0016",
)
"""Every schema this program knows, oldest first; the last one is the schema it works with. Held by a test against the
migration scripts, so that opening a database that is up to date does not have to load them."""

METADATA = MetaData()
_SERIAL = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only in a column typed INTEGER
_FAILED = text("state IN ('blocked', 'failed', 'lost') AND trashed_ms IS NULL")
_THROWN = text("trashed_ms IS NOT NULL")
_MADE_FROM = text("comes_from IS NOT NULL")
_UNFINISHED = text("state NOT IN (" + ", ".join(f"'{state}'" for state in sorted(FINAL_STATES)) + ")")

runs = Table(
    "runs",
    METADATA,
    Column("id", String, primary_key=True),
    # The order of the gallery: milliseconds * 2^20, plus a count within the millisecond. The full-text index uses it
    # as its row number, which is what makes "newest first" a walk and not a sort.
    Column("seq", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("source", String, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("words", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("project", String),
    Column("blind", Boolean, nullable=False, server_default=false()),
    Index("ix_runs_seq", "seq"),
    Index("ix_runs_list", "deleted", "seq", "id"),
    Index("ix_runs_source", "deleted", "source", "seq", "id"),
)

tiles = Table(
    "tiles",
    METADATA,
    Column("id", String, primary_key=True),
    Column("run_id", String, ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("owner", String),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("comes_from", String),  # the tile that it was made from, else the one that it tries again
    Column("trashed_ms", BigInteger),
    Index("ix_tiles_run", "run_id", "position"),
    Index("ix_tiles_comes_from", "comes_from", sqlite_where=_MADE_FROM, postgresql_where=_MADE_FROM),
    Index("ix_tiles_unfinished", "created_ms", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
    Index("ix_tiles_failed", "run_id", sqlite_where=_FAILED, postgresql_where=_FAILED),
    Index("ix_tiles_thrown", "trashed_ms", sqlite_where=_THROWN, postgresql_where=_THROWN),
)

pictures = Table(
    "pictures",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tile_id", String, ForeignKey("tiles.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_pictures_tile", "tile_id", "position"),
    Index("ix_pictures_sha256", "sha256"),
)

_UNSEEN = text("shape IS NULL")
gallery = Table(
    "gallery",
    METADATA,
    # As of runs: the order, and the row number of the full-text index.
    Column("seq", _SERIAL, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False, unique=True),  # of the picture
    Column("tile_id", String, nullable=False),
    Column("run_id", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("width", BigInteger, nullable=False),
    Column("height", BigInteger, nullable=False),
    Column("cost_micro_usd", BigInteger),
    Column("blind", Boolean, nullable=False),
    Column("project", String),
    Column("stars", Integer, nullable=False),
    Column("verdict", String, nullable=False),
    Column("trashed_ms", BigInteger),
    Column("shape", String),  # None: nobody has looked yet
    Column("tone", String),
    Column("colours", String, nullable=False),
    Column("tags", Text, nullable=False),
    Column("alt", Text),  # None: the prompt says what it shows
    # What is searched: `words` of the prompt and model, `facts` of the tile, `notes` of the tags, `signs` of the marks.
    Column("words", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("signs", Text, nullable=False),
    # Holds what a list is filtered by, so that a rare filter reads this index and not the rows.
    Index("ix_gallery_list", "trashed_ms", "seq", "blind", "run_id", "cost_micro_usd", "width", "height", "project"),
    # The same in other orders; a cost that is not known comes last.
    Index(
        "ix_gallery_stars",
        "trashed_ms",
        "stars",
        "seq",
        "blind",
        "run_id",
        "cost_micro_usd",
        "width",
        "height",
        "project",
    ),
    Index(
        "ix_gallery_cost",
        "trashed_ms",
        text("coalesce(cost_micro_usd, -1)"),
        "seq",
        "blind",
        "run_id",
        "cost_micro_usd",
        "width",
        "height",
        "project",
    ),
    # For the pictures of a few rows.
    Index("ix_gallery_run", "run_id", "seq", "trashed_ms", "blind"),
    Index("ix_gallery_unseen", "seq", sqlite_where=_UNSEEN, postgresql_where=_UNSEEN),
)

embeddings = Table(
    "embeddings",
    METADATA,
    Column("network", String, primary_key=True),  # the SHA-256 of its weights
    Column("sha256", String, primary_key=True),  # of a picture's bytes
    Column("vector", LargeBinary, nullable=False),  # a byte for each number, -127 to 127; empty: it cannot be seen
)

attempts = Table(
    "attempts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tile_id", String, ForeignKey("tiles.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("outcome", String, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_attempts_tile", "tile_id", "number"),
    Index("ix_attempts_endpoint", "endpoint", "ended_ms"),
)

decisions = Table(
    "decisions",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tile_id", String, ForeignKey("tiles.id"), nullable=False),
    Column("taken_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_decisions_tile", "tile_id", "taken_ms"),
)

policies = Table(
    "policies",
    METADATA,
    Column("id", String, primary_key=True),  # SHA-256 of the body, which is kept to the byte
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

policy_activations = Table(
    "policy_activations",
    METADATA,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("policy_id", String, ForeignKey("policies.id"), nullable=False),
    Column("active_ms", BigInteger, nullable=False),
)

snapshots = Table(
    "snapshots",
    METADATA,
    Column("id", String, primary_key=True),  # SHA-256 of the body, so the same snapshot is kept once
    Column("body", Text, nullable=False),
)

_UNLOGGED = text("log_index IS NULL")
receipts = Table(
    "receipts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tile_id", String, ForeignKey("tiles.id"), nullable=False),
    Column("signer", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # as it was signed, to the byte
    Column("private", Text, nullable=False),
    Column("log_origin", String),
    Column("log_index", BigInteger),
    Index("ux_receipts_tile", "tile_id", unique=True),  # a tile ends once
    Index("ux_receipts_seq", "signer", "seq", unique=True),
    Index("ix_receipts_log", "log_origin", "log_index"),
    Index("ix_receipts_unlogged", "created_ms", sqlite_where=_UNLOGGED, postgresql_where=_UNLOGGED),
)

statements = Table(
    "statements",
    METADATA,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("signer", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # as it was signed, to the byte
    Column("log_origin", String),
    Column("log_index", BigInteger),
    Index("ix_statements_kind", "kind", "created_ms"),
    Index("ix_statements_log", "log_origin", "log_index"),
    Index("ix_statements_unlogged", "created_ms", sqlite_where=_UNLOGGED, postgresql_where=_UNLOGGED),
)

picks = Table(
    "picks",
    METADATA,
    Column("id", String, primary_key=True),
    Column("run_id", String),  # no foreign key: a taste outlives the run that it was shown in
    Column("task", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_picks_task", "task", "created_ms"),
    Index("ix_picks_run", "run_id"),
)

kits = Table(
    "kits",
    METADATA,
    Column("id", String, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_kits_updated", "updated_ms", "id"),
)

kit_sheets = Table(
    "kit_sheets",
    METADATA,
    Column("id", String, primary_key=True),
    Column("kit_id", String, ForeignKey("kits.id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_kit_sheets_kit", "kit_id", "created_ms"),
)

kit_ballots = Table(
    "kit_ballots",
    METADATA,
    Column("id", String, primary_key=True),
    Column("kit_id", String, ForeignKey("kits.id"), nullable=False),
    Column("copy", String, nullable=False),  # the sheet and the client's copy of it
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_kit_ballots_kit", "kit_id", "created_ms"),
    Index("ux_kit_ballots_copy", "kit_id", "copy", unique=True),
)

_RESERVES = text("kind = 'reserve'")
_CLOSES = text("kind <> 'reserve'")
_FEES = text("fee_of IS NOT NULL")
ledger = Table(
    "ledger",
    METADATA,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("reservation", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("amount_micro_usd", BigInteger, nullable=False),
    Column("known", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("day", String, nullable=False),
    # No foreign keys: what was paid stays in the books whatever becomes of the run.
    Column("run_id", String),
    Column("tile_id", String),
    Column("api_key", String),
    Column("endpoint", String),
    Column("project", String),
    Column("fee_of", String),
    # A reservation is made once and closed once, whatever the program does.
    Index("ux_ledger_reserve", "reservation", unique=True, sqlite_where=_RESERVES, postgresql_where=_RESERVES),
    Index("ux_ledger_close", "reservation", unique=True, sqlite_where=_CLOSES, postgresql_where=_CLOSES),
    Index("ix_ledger_run", "run_id"),
    Index("ix_ledger_tile", "tile_id"),
    Index("ix_ledger_day", "day"),
    Index("ix_ledger_key", "api_key"),
    Index("ix_ledger_project", "project"),
    Index("ix_ledger_fees", "fee_of", sqlite_where=_FEES, postgresql_where=_FEES),
    Index("ix_ledger_fees_day", "day", sqlite_where=_FEES, postgresql_where=_FEES),
)

balances = Table(
    "balances",
    METADATA,
    # What the ledger adds up to for each run, day and key, and in all: written with the entry, so that looking at a
    # cap costs the same after a million entries.
    Column("scope", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("amount_micro_usd", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
)

tile_marks = Table(
    "tile_marks",
    METADATA,
    # No foreign key, and no part of the tile's own record: a tile at work is written by who makes it.
    Column("tile_id", String, primary_key=True),
    Column("pinned", Boolean, nullable=False),
    Column("pruned", Boolean, nullable=False),
)

key_visuals = Table(
    "key_visuals",
    METADATA,
    Column("scope", String, primary_key=True),  # `project:NAME`, or `family:` and the first tile
    Column("tile_id", String, nullable=False),
    Column("picture_id", String, nullable=False),
    Column("chosen_ms", BigInteger, nullable=False),
)

watches = Table(
    "watches",
    METADATA,
    Column("id", String, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

watch_checks = Table(
    "watch_checks",
    METADATA,
    Column("id", String, primary_key=True),
    Column("watch_id", String, ForeignKey("watches.id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_watch_checks_watch", "watch_id", "created_ms"),
)

network_memory = Table(
    "network_memory",
    METADATA,
    Column("scope", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("updated_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

idempotency = Table(
    "idempotency",
    METADATA,
    Column("scope", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body_sha256", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Column("response", Text),
)

settings = Table(
    "settings",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)
