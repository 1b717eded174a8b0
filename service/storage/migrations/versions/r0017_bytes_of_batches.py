"""What the files take that the jobs of a batch share."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    with op.batch_alter_table("batches") as batches:
        batches.add_column(sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False))
