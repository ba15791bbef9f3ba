"""Answers by the time at which they were revealed, so that requesters are told of new ones at a price that doesn't grow with the old."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0019", "0018"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_index(
        "assignment_revealed", "assignment", ["revealed_at"], unique=False,
        postgresql_where=sa.text("revealed_at IS NOT NULL"), sqlite_where=sa.text("revealed_at IS NOT NULL"),
    )
