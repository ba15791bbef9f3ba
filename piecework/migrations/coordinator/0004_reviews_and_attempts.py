"""Reviews and attempts."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('attempt',
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('outbox', sa.Integer(), nullable=False),
        sa.Column('raw', sa.Text(), nullable=False),
        sa.Column('max_fee', UINT256, nullable=False),
        sa.Column('max_tip', UINT256, nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('transaction_hash')
    )
    with op.batch_alter_table('attempt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_attempt_outbox'), ['outbox'], unique=False)

    op.create_table('lane_state',
        sa.Column('lane', sa.String(11), nullable=False),
        sa.Column('state', sa.String(8), nullable=False),
        sa.Column('detail', sa.Text(), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('balance', UINT256, nullable=True),
        sa.Column('holder', sa.String(36), nullable=False),
        sa.Column('updated_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('lane')
    )
    op.create_table('review',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('assignment', sa.String(34), nullable=False),
        sa.Column('before', sa.String(9), nullable=False),
        sa.Column('verdict', sa.String(9), nullable=False),
        sa.Column('code', sa.String(64), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('reviewer', sa.String(42), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('review', schema=None) as batch_op:
        batch_op.create_index('review_of_assignment', ['assignment', 'number'], unique=False)
        batch_op.create_index('review_of_posting', ['posting', 'number'], unique=False)

    with op.batch_alter_table('assignment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reason_code', sa.String(64), nullable=True))
        batch_op.add_column(sa.Column('overdue_at', INSTANT, nullable=True))
