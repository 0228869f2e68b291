"""What a day's fees come to is looked up without reading all that was charged on it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_FEES = sa.text("fee_of IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_ledger_fees_day", "ledger", ["day"], sqlite_where=_FEES, postgresql_where=_FEES)
