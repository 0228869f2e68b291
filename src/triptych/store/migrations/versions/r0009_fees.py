"""What the router takes for itself has entries of its own in the ledger: each names the reservation of its call."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_FEES = sa.text("fee_of IS NOT NULL")


def upgrade() -> None:
    op.add_column("ledger", sa.Column("fee_of", sa.String))
    op.create_index("ix_ledger_fees", "ledger", ["fee_of"], sqlite_where=_FEES, postgresql_where=_FEES)
