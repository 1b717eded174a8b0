"""Alembic's entry: runs the revisions on a given connection, within its transaction."""

from alembic import context

from service.storage import left_schema, preset_schema, tenant_schema  # noqa: F401 - so that their tables are known
from service.storage.schema import Base
from service.storage.typed_json import Typed

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=lambda kind, item, _: "sa.JSON()" if kind == "type" and isinstance(item, Typed) else False,
    transactional_ddl=True,  # SQLite's too: the connection begins its transactions by itself
)
with context.begin_transaction():
    context.run_migrations()
