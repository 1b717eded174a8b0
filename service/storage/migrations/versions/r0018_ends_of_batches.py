"""The status of a batch, what its jobs were together when it ended, and an index for lists of batches."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    with op.batch_alter_table("batches") as batches:
        batches.add_column(sa.Column("status", sa.String(), nullable=False, server_default="queued"))
        batches.add_column(sa.Column("sums", sa.JSON()))
    op.create_index("batches_by_age", "batches", ["tenant", "created_at", "id"])
    op.execute(
        "UPDATE batches SET status = CASE "
        "WHEN finished_at IS NULL THEN CASE WHEN EXISTS "
        "(SELECT 1 FROM jobs WHERE jobs.batch = batches.id AND jobs.started_at IS NOT NULL) "
        "THEN 'running' ELSE 'queued' END "
        "WHEN cancel_requested THEN 'canceled' "
        "WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.batch = batches.id AND jobs.status = 'succeeded') "
        "THEN 'succeeded' ELSE 'failed' END"
    )
