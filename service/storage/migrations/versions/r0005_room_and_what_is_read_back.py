"""What files take and who stored them; folders left on purpose; the store's id; the models of workers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("jobs_by_size", "jobs", ["owner", "bytes"])
    with op.batch_alter_table("presets") as presets:
        presets.add_column(sa.Column("thumbnail", sa.String()))
        presets.add_column(sa.Column("owner", sa.String(), nullable=False, server_default=""))
        presets.add_column(sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("presets_by_owner", "presets", ["owner", "bytes"])
    with op.batch_alter_table("marks") as marks:
        marks.add_column(sa.Column("value", sa.String()))
    with op.batch_alter_table("roll") as roll:
        roll.add_column(sa.Column("model", sa.String()))
    op.create_table(
        "left_folders",
        sa.Column("folder", sa.String(), primary_key=True),
        sa.Column("left_at", sa.Double(), nullable=False),
    )
