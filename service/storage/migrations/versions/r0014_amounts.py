"""An index that counts a tenant's jobs, cost and bytes without a look at the rows; the callers of keys."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index("jobs_by_amounts", "jobs", ["tenant", "status", "kind", "cost", "bytes"])
    with op.batch_alter_table("api_keys") as changed:
        changed.add_column(sa.Column("owner", sa.String()))
