"""What the style pictures of jobs and batches cost where nothing is cached, which the limit `daily_cost` plans."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.drop_index("jobs_by_amounts", "jobs")
    for table in ("jobs", "batches"):
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("style_cost", sa.Double(), nullable=False, server_default="0"))
    amounts = ["tenant", "status", "kind", "batch", "cost", "style_cost", "bytes"]
    op.create_index("jobs_by_amounts", "jobs", amounts)
