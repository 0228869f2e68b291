"""Runs, tiles, pictures, attempts, decisions, the ledger with its balances, idempotency keys, settings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNFINISHED = sa.text("state NOT IN ('blocked', 'cancelled', 'done', 'failed', 'lost')")
_RESERVES = sa.text("kind = 'reserve'")
_CLOSES = sa.text("kind <> 'reserve'")


def upgrade() -> None:
    _runs_and_tiles()
    _what_tiles_hold()
    _money()
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("body_sha256", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("response", sa.Text),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
    )


def _runs_and_tiles() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_runs_seq", "runs", ["seq"])
    op.create_index("ix_runs_list", "runs", ["deleted", "seq", "id"])
    op.create_index("ix_runs_source", "runs", ["deleted", "source", "seq", "id"])
    op.create_table(
        "tiles",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_tiles_run", "tiles", ["run_id", "position"])
    op.create_index(
        "ix_tiles_unfinished", "tiles", ["created_ms"], sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED
    )


def _what_tiles_hold() -> None:
    op.create_table(
        "pictures",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tile_id", sa.String, sa.ForeignKey("tiles.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_pictures_tile", "pictures", ["tile_id", "position"])
    op.create_index("ix_pictures_sha256", "pictures", ["sha256"])
    op.create_table(
        "attempts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tile_id", sa.String, sa.ForeignKey("tiles.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_attempts_tile", "attempts", ["tile_id", "number"])
    op.create_index("ix_attempts_endpoint", "attempts", ["endpoint", "ended_ms"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tile_id", sa.String, sa.ForeignKey("tiles.id"), nullable=False),
        sa.Column("taken_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_decisions_tile", "decisions", ["tile_id", "taken_ms"])


def _money() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("reservation", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("amount_micro_usd", sa.BigInteger, nullable=False),
        sa.Column("known", sa.Boolean, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("day", sa.String, nullable=False),
        sa.Column("run_id", sa.String),
        sa.Column("tile_id", sa.String),
        sa.Column("api_key", sa.String),
        sa.Column("endpoint", sa.String),
    )
    op.create_index(
        "ux_ledger_reserve", "ledger", ["reservation"], unique=True, sqlite_where=_RESERVES, postgresql_where=_RESERVES
    )
    op.create_index(
        "ux_ledger_close", "ledger", ["reservation"], unique=True, sqlite_where=_CLOSES, postgresql_where=_CLOSES
    )
    op.create_index("ix_ledger_run", "ledger", ["run_id"])
    op.create_index("ix_ledger_tile", "ledger", ["tile_id"])
    op.create_index("ix_ledger_day", "ledger", ["day"])
    op.create_index("ix_ledger_key", "ledger", ["api_key"])
    op.create_table(
        "balances",
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("amount_micro_usd", sa.BigInteger, nullable=False),
        sa.Column("unknown", sa.BigInteger, nullable=False),
    )
