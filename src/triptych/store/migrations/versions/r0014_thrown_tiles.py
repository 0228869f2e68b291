"""Tiles without a picture that were thrown away, and the pictures of a few rows without reading the others."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_FAILED = sa.text("state IN ('blocked', 'failed', 'lost') AND trashed_ms IS NULL")
_THROWN = sa.text("trashed_ms IS NOT NULL")


def upgrade() -> None:
    op.add_column("tiles", sa.Column("trashed_ms", sa.BigInteger))
    op.drop_index("ix_tiles_failed", "tiles")
    op.create_index("ix_tiles_failed", "tiles", ["run_id"], sqlite_where=_FAILED, postgresql_where=_FAILED)
    op.create_index("ix_tiles_thrown", "tiles", ["trashed_ms"], sqlite_where=_THROWN, postgresql_where=_THROWN)
    op.create_index("ix_gallery_run", "gallery", ["run_id", "seq", "trashed_ms", "blind"])
