"""The schema's history, as Alembic's revisions; `upgrade` brings a database to the last one."""
