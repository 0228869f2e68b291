"""What Alembic runs: the scripts, on the connection and in the transaction that the caller has opened."""

from alembic import context

from triptych.store.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
