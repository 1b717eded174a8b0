"""What jobs have carried out of their planned cost: how long jobs take here follows from it."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("evaluated", sa.Double(), nullable=True))
