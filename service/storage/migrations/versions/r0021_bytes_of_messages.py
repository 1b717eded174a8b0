"""What webhooks and deliveries count for the limits of their caller: they may outlive their jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(sa.Column("owner", sa.String(), server_default="", nullable=False))
        deliveries.add_column(sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.drop_index("deliveries_by_tenant", "deliveries")
    op.create_index("deliveries_by_tenant", "deliveries", ["tenant", "bytes"])
    op.create_index("deliveries_by_owner", "deliveries", ["owner", "bytes"])
