"""Key-visual kits, the sheets made of them, and what clients said."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kits",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_kits_updated", "kits", ["updated_ms", "id"])
    op.create_table(
        "kit_sheets",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kit_id", sa.String, sa.ForeignKey("kits.id"), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_kit_sheets_kit", "kit_sheets", ["kit_id", "created_ms"])
    op.create_table(
        "kit_ballots",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kit_id", sa.String, sa.ForeignKey("kits.id"), nullable=False),
        sa.Column("copy", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_kit_ballots_kit", "kit_ballots", ["kit_id", "created_ms"])
    op.create_index("ux_kit_ballots_copy", "kit_ballots", ["kit_id", "copy"], unique=True)
