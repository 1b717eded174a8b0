"""The hosts of webhooks, so that one that hangs delays only its own."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(sa.Column("host", sa.String(), server_default="", nullable=False))
