"""Lists of transfers go by their times: the numbers of jobs tell how many all tenants submit."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.drop_index("jobs_listed", "jobs")
    alone, columns = sa.text("batch IS NULL"), ["tenant", "kind", "created_at", "id", "status"]
    op.create_index("jobs_listed", "jobs", columns, sqlite_where=alone, postgresql_where=alone)
