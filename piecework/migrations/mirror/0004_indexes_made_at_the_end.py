"""Which indexes a first backfill does without until its end."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table('mirror_deferred_index',
        sa.Column('name', sa.String(63), nullable=False),
        sa.Column('ddl', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('name')
    )
