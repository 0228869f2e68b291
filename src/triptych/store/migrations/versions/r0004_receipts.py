"""Receipts, and where the log has them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UNLOGGED = sa.text("log_index IS NULL")


def upgrade() -> None:
    op.create_table(
        "receipts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tile_id", sa.String, sa.ForeignKey("tiles.id"), nullable=False),
        sa.Column("signer", sa.String, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("private", sa.Text, nullable=False),
        sa.Column("log_origin", sa.String),
        sa.Column("log_index", sa.BigInteger),
    )
    op.create_index("ux_receipts_tile", "receipts", ["tile_id"], unique=True)
    op.create_index("ux_receipts_seq", "receipts", ["signer", "seq"], unique=True)
    op.create_index("ix_receipts_log", "receipts", ["log_origin", "log_index"])
    op.create_index(
        "ix_receipts_unlogged", "receipts", ["created_ms"], sqlite_where=_UNLOGGED, postgresql_where=_UNLOGGED
    )
