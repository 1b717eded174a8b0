"""An index of the jobs that are in no batch: lists of transfers don't go through those of batches."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    alone, columns = sa.text("batch IS NULL"), ["tenant", "kind", "number", "status"]
    op.create_index("jobs_listed", "jobs", columns, sqlite_where=alone, postgresql_where=alone)
