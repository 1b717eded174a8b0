"""Callers and their turns, events, previews, checkpoints, idempotency keys, webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _extend_jobs()
    op.create_table(
        "turns",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("turn", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_index("idempotency_keys_by_job", "idempotency_keys", ["job_id"])
    _create_deliveries()
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.String(), nullable=False),
    )


def _extend_jobs() -> None:
    # The defaults stay: processes of the version before may still write rows for a while.
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("owner", sa.String(), nullable=False, server_default=""))
        jobs.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        jobs.add_column(sa.Column("deadline_at", sa.Double()))
        jobs.add_column(sa.Column("callback_url", sa.String()))
        jobs.add_column(sa.Column("events", sa.Integer(), nullable=False, server_default="0"))
        jobs.add_column(sa.Column("preview", sa.JSON()))
        jobs.add_column(sa.Column("checkpoint", sa.JSON()))
    op.create_index("jobs_by_owner", "jobs", ["owner", "status", "number"])
    op.create_index("jobs_by_end", "jobs", ["finished_at"])


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double()),
        sa.Column("delivered_at", sa.Double()),
        sa.Column("error", sa.String()),
    )
    op.create_index("deliveries_by_due", "deliveries", ["due_at"])
    op.create_index("deliveries_by_job", "deliveries", ["job_id"])
