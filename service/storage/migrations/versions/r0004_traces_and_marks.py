"""The trace that a job belongs to; what is done once in a database's life."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("trace", sa.String()))
    op.create_table(
        "marks", sa.Column("name", sa.String(), primary_key=True), sa.Column("made_at", sa.Double(), nullable=False)
    )
