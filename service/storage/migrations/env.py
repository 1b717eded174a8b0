"""Alembic's entry: runs the revisions on a given connection, within its transaction."""

from alembic import context

from service.storage.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,  # SQLite's too: the connection begins its transactions by itself
)
with context.begin_transaction():
    context.run_migrations()
