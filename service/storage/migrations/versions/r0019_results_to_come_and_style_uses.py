"""The bytes that results of unfinished jobs may take, and an index of those alone; style pictures of tenants."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False))
    some = sa.text("reserved > 0")
    op.create_index("jobs_by_reserved", "jobs", ["reserved"], sqlite_where=some, postgresql_where=some)
    op.create_table(
        "style_uses",
        sa.Column("tenant", sa.String(), primary_key=True),
        sa.Column("image", sa.String(), primary_key=True),
        sa.Column("gone_at", sa.Double(), nullable=False),
    )
