"""The gallery in other orders than by time."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_FILTERS = ("seq", "blind", "run_id", "cost_micro_usd", "width", "height", "project")


def upgrade() -> None:
    op.create_index("ix_gallery_stars", "gallery", ["trashed_ms", "stars", *_FILTERS])
    op.create_index("ix_gallery_cost", "gallery", ["trashed_ms", sa.text("coalesce(cost_micro_usd, -1)"), *_FILTERS])
