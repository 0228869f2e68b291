"""Full-text search over the words of runs: FTS5 on SQLite, a GIN index on PostgreSQL."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The words are made by `triptych.store.codec.search_words`, so the tokenizer only has to split at spaces. The prefix
# indexes make a search-as-you-type walk the newest matches instead of merging the lists of all words that fit.
_INDEX = """CREATE VIRTUAL TABLE run_words USING fts5 (
    words, content='runs', content_rowid='seq', prefix='1 2 3', tokenize='unicode61 remove_diacritics 0'
)"""
_INSERTED = """CREATE TRIGGER run_words_insert AFTER INSERT ON runs BEGIN
    INSERT INTO run_words (rowid, words) VALUES (new.seq, new.words);
END"""
_UPDATED = """CREATE TRIGGER run_words_update AFTER UPDATE ON runs WHEN old.words <> new.words BEGIN
    INSERT INTO run_words (run_words, rowid, words) VALUES ('delete', old.seq, old.words);
    INSERT INTO run_words (rowid, words) VALUES (new.seq, new.words);
END"""
_DELETED = """CREATE TRIGGER run_words_delete AFTER DELETE ON runs BEGIN
    INSERT INTO run_words (run_words, rowid, words) VALUES ('delete', old.seq, old.words);
END"""
_SQLITE = (_INDEX, _INSERTED, _UPDATED, _DELETED, "INSERT INTO run_words (run_words) VALUES ('rebuild')")
# A stored column: where the planner walks the runs from the newest on, it compares and does not parse each text.
_POSTGRES = (
    "ALTER TABLE runs ADD COLUMN word_vector tsvector GENERATED ALWAYS AS (to_tsvector('simple', words)) STORED",
    "CREATE INDEX ix_runs_words ON runs USING gin (word_vector)",
)


def upgrade() -> None:
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(statement)
