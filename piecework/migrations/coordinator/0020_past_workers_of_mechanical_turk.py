"""Past workers of Mechanical Turk."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0020", "0019"
branch_labels = depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('mturk_past_worker',
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('old_id', sa.String(64), nullable=False),
        sa.Column('assignments', sa.Text(), nullable=False),
        sa.Column('block', sa.Text(), nullable=True),
        sa.Column('grants', sa.Text(), nullable=False),
        sa.Column('account', sa.String(42), nullable=True),
        sa.Column('claimed_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('requester', 'old_id'),
        sa.UniqueConstraint('requester', 'account', name='mturk_past_worker_once')
    )
    with op.batch_alter_table('mturk_past_worker', schema=None) as batch_op:
        batch_op.create_index('mturk_past_worker_id', ['old_id'], unique=False)
