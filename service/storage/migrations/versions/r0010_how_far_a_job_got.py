"""How far a job got at most, so that only deaths without progress count."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("reached", sa.Integer(), server_default="0", nullable=False))
