"""Openings and pending appeals by their time, so that what is due is found without what was over long ago."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_index("mirror_opening_opened", "mirror_opening", ["opened_at"], unique=False)
    op.create_index(
        "mirror_appeal_phase_pending", "mirror_appeal_phase", ["since_at"], unique=False,
        postgresql_where=sa.text("phase = 'pending'"), sqlite_where=sa.text("phase = 'pending'"),
    )
