"""Where the pictures of jobs are delivered to, and their deliveries beside the webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("deliver", sa.JSON()))
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(sa.Column("variant", sa.Integer()))
        deliveries.add_column(sa.Column("headers", sa.JSON()))
