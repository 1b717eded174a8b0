"""What files count whose rows are gone: they stay on the disk for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    with op.batch_alter_table("left_folders") as left:
        left.add_column(sa.Column("tenant", sa.String()))
        left.add_column(sa.Column("owner", sa.String(), server_default="", nullable=False))
        left.add_column(sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False))
    counted = sa.text("bytes > 0")
    for column in ("tenant", "owner"):
        columns = [column, "bytes"]
        op.create_index(f"left_by_{column}", "left_folders", columns, sqlite_where=counted, postgresql_where=counted)
