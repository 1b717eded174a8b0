"""An index of what tells the speed of a lane: many jobs of another lane or kind hide none of it."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    painted = sa.text("status = 'succeeded' AND kind IN ('transfer', 'score')")
    op.create_index("jobs_painted", "jobs", ["lane", "number"], sqlite_where=painted, postgresql_where=painted)
