"""Known units, rules and attesters."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0014", "0013"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('attester',
        sa.Column('qualification', sa.String(34), nullable=False),
        sa.Column('attester', sa.String(42), nullable=False),
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('eas', sa.String(42), nullable=False),
        sa.Column('version', sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint('qualification', 'attester')
    )
    op.create_table('gold_seen',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('posting', 'worker', 'unit')
    )
    op.create_table('gold_unit',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('label', sa.Text(), nullable=False),
        sa.Column('explanation', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('posting', 'unit')
    )
    op.create_table('job_rules',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('rules', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('posting')
    )
    op.create_table('nullifier',
        sa.Column('qualification', sa.String(34), nullable=False),
        sa.Column('nullifier', sa.String(66), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.PrimaryKeyConstraint('qualification', 'nullifier')
    )
    with op.batch_alter_table('posting', schema=None) as batch_op:
        batch_op.add_column(sa.Column('gold', sa.Text(), nullable=True))
