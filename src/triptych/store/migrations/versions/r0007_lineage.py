"""What a tile comes from, as a column; what a person says of a branch; and the key visuals."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MADE_FROM = sa.text("comes_from IS NOT NULL")


def upgrade() -> None:
    op.add_column("tiles", sa.Column("comes_from", sa.String))
    _read_tiles()
    op.create_index(
        "ix_tiles_comes_from", "tiles", ["comes_from"], sqlite_where=_MADE_FROM, postgresql_where=_MADE_FROM
    )
    op.create_table(
        "tile_marks",
        sa.Column("tile_id", sa.String, primary_key=True),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("pruned", sa.Boolean, nullable=False),
    )
    op.create_table(
        "key_visuals",
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("tile_id", sa.String, nullable=False),
        sa.Column("picture_id", sa.String, nullable=False),
        sa.Column("chosen_ms", sa.BigInteger, nullable=False),
    )


def _read_tiles() -> None:
    """What the older tiles say themselves."""
    tiles = sa.table("tiles", sa.column("id"), sa.column("body"), sa.column("comes_from"))
    said = sa.or_(tiles.c.body.like('%"parent":{%'), tiles.c.body.like('%"retry_of":"%'))
    db = op.get_bind()
    for id_, body in db.execute(sa.select(tiles.c.id, tiles.c.body).where(said)).all():
        tile = json.loads(body)
        origin = (tile.get("parent") or {}).get("tile") or tile.get("retry_of")
        db.execute(tiles.update().where(tiles.c.id == id_).values(comes_from=origin))
