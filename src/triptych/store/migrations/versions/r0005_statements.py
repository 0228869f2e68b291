"""What is signed besides receipts, picks among pictures, and the project that money is spent for."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_UNLOGGED = sa.text("log_index IS NULL")


def upgrade() -> None:
    op.create_table(
        "statements",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("signer", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("log_origin", sa.String),
        sa.Column("log_index", sa.BigInteger),
    )
    op.create_index("ix_statements_kind", "statements", ["kind", "created_ms"])
    op.create_index("ix_statements_log", "statements", ["log_origin", "log_index"])
    op.create_index(
        "ix_statements_unlogged", "statements", ["created_ms"], sqlite_where=_UNLOGGED, postgresql_where=_UNLOGGED
    )
    op.create_table(
        "picks",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("run_id", sa.String),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_picks_task", "picks", ["task", "created_ms"])
    op.create_index("ix_picks_run", "picks", ["run_id"])
    op.add_column("ledger", sa.Column("project", sa.String))
    op.create_index("ix_ledger_project", "ledger", ["project"])
