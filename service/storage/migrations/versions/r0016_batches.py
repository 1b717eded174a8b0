"""Batches, the jobs that belong to them, and an index that counts waiting jobs without those."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("callback_url", sa.String()),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double()),
    )
    op.create_index("batches_by_tenant", "batches", ["tenant", "finished_at"])
    op.create_index("batches_by_owner", "batches", ["owner", "finished_at"])
    op.create_index("batches_by_end", "batches", ["finished_at"])
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("batch", sa.String()))
        jobs.add_column(sa.Column("batch_index", sa.Integer()))
    op.create_index("jobs_by_batch", "jobs", ["batch", "batch_index"])
    op.drop_index("jobs_by_amounts", "jobs")
    op.create_index("jobs_by_amounts", "jobs", ["tenant", "status", "kind", "batch", "cost", "bytes"])
