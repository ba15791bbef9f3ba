"""Money for jobs that requesters authorize."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0017", "0016"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('signed_funding',
        sa.Column('id', sa.String(66), nullable=False),
        sa.Column('valid_before', sa.BigInteger(), nullable=False),
        sa.Column('signature', sa.String(132), nullable=False),
        sa.Column('outbox', sa.Integer(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('signed_funding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_signed_funding_outbox'), ['outbox'], unique=False)
