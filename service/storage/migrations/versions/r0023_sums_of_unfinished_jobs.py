"""Indexes that have all of what a POST sums of unfinished jobs: those that wait in no batch, and results to come."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    waits, columns = sa.text("status = 'queued'"), ["status", "batch", "owner", "kind"]
    op.create_index("jobs_waiting", "jobs", columns, sqlite_where=waits, postgresql_where=waits)
    some = sa.text("reserved > 0")
    op.drop_index("jobs_by_reserved", "jobs")
    op.create_index("jobs_by_reserved", "jobs", ["reserved", "status"], sqlite_where=some, postgresql_where=some)
