"""The gallery: each picture with what is said about it, found by words; runs say their project and whether they are blind."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FAILED = sa.text("state IN ('blocked', 'failed', 'lost')")
_UNSEEN = sa.text("shape IS NULL")
# As with the words of runs: the tokenizer only has to split at spaces.
_INDEX = """CREATE VIRTUAL TABLE gallery_words USING fts5 (
    words, facts, notes, signs, content='gallery', content_rowid='seq', prefix='1 2 3',
    tokenize='unicode61 remove_diacritics 0'
)"""
_ADD = "INSERT INTO gallery_words (rowid, words, facts, notes, signs) VALUES (new.seq, new.words, new.facts, new.notes, new.signs);"
_DROP = """INSERT INTO gallery_words (gallery_words, rowid, words, facts, notes, signs)
    VALUES ('delete', old.seq, old.words, old.facts, old.notes, old.signs);"""
_CHANGED = "old.words <> new.words OR old.facts <> new.facts OR old.notes <> new.notes OR old.signs <> new.signs"
_SQLITE = (
    _INDEX,
    f"CREATE TRIGGER gallery_words_insert AFTER INSERT ON gallery BEGIN {_ADD} END",
    f"CREATE TRIGGER gallery_words_update AFTER UPDATE ON gallery WHEN {_CHANGED} BEGIN {_DROP} {_ADD} END",
    f"CREATE TRIGGER gallery_words_delete AFTER DELETE ON gallery BEGIN {_DROP} END",
)
_VECTOR = " || ".join(
    f"setweight(to_tsvector('simple', {name}), '{weight}')"
    for name, weight in zip(("words", "facts", "notes", "signs"), "ABCD", strict=True)
)
_POSTGRES = (
    f"ALTER TABLE gallery ADD COLUMN word_vector tsvector GENERATED ALWAYS AS ({_VECTOR}) STORED",
    "CREATE INDEX ix_gallery_words ON gallery USING gin (word_vector)",
)


def upgrade() -> None:
    op.add_column("runs", sa.Column("project", sa.String))
    op.add_column("runs", sa.Column("blind", sa.Boolean, nullable=False, server_default=sa.false()))
    _read_runs()
    op.create_index("ix_tiles_failed", "tiles", ["run_id"], sqlite_where=_FAILED, postgresql_where=_FAILED)
    op.create_table(
        "gallery",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("tile_id", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("width", sa.BigInteger, nullable=False),
        sa.Column("height", sa.BigInteger, nullable=False),
        sa.Column("cost_micro_usd", sa.BigInteger),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("project", sa.String),
        sa.Column("stars", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("trashed_ms", sa.BigInteger),
        sa.Column("shape", sa.String),
        sa.Column("tone", sa.String),
        sa.Column("colours", sa.String, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("signs", sa.Text, nullable=False),
    )
    listed = ["trashed_ms", "seq", "blind", "run_id", "cost_micro_usd", "width", "height", "project"]
    op.create_index("ix_gallery_list", "gallery", listed)
    op.create_index("ix_gallery_unseen", "gallery", ["seq"], sqlite_where=_UNSEEN, postgresql_where=_UNSEEN)
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(statement)


def _read_runs() -> None:
    """What the older runs say in their settings."""
    runs = sa.table("runs", sa.column("id"), sa.column("body"), sa.column("project"), sa.column("blind"))
    said = sa.or_(runs.c.body.like('%"project":"%'), runs.c.body.like('%"blind":true%'))
    db = op.get_bind()
    for id_, body in db.execute(sa.select(runs.c.id, runs.c.body).where(said)).all():
        settings = json.loads(body).get("settings", {})
        values = {"project": settings.get("project"), "blind": settings.get("blind") is True}
        db.execute(runs.update().where(runs.c.id == id_).values(**values))
