"""Predictions and routing."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0018", "0017"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('job_routing',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('seed', sa.BigInteger(), nullable=False),
        sa.Column('target_bps', sa.Integer(), nullable=False),
        sa.Column('audit', sa.Integer(), nullable=False),
        sa.Column('routed', sa.Boolean(), nullable=False),
        sa.Column('threshold', sa.Float(), nullable=True),
        sa.Column('changed_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('posting')
    )
    op.create_table('routed_unit',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('role', sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint('posting', 'unit')
    )
    with op.batch_alter_table('routed_unit', schema=None) as batch_op:
        batch_op.create_index('routed_unit_role', ['posting', 'role', 'unit'], unique=False)
