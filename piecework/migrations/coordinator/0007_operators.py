"""Operators."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0007", "0006"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('operator_grant',
        sa.Column('id', sa.String(66), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('operator', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('allowance', UINT256, nullable=False),
        sa.Column('expires_at', UINT256, nullable=False),
        sa.Column('nonce', UINT256, nullable=False),
        sa.Column('deadline', UINT256, nullable=False),
        sa.Column('signature', sa.Text(), nullable=False),
        sa.Column('outbox', sa.Integer(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('operator_grant', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_operator_grant_outbox'), ['outbox'], unique=False)
        batch_op.create_index(batch_op.f('ix_operator_grant_requester'), ['requester'], unique=False)

    op.create_table('operator_key',
        sa.Column('address', sa.String(42), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('name', sa.String(100), nullable=False),
        sa.Column('seed', sa.String(64), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('revoked_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('address')
    )
    with op.batch_alter_table('operator_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_operator_key_account'), ['account'], unique=False)

    op.create_table('operator_tip',
        sa.Column('id', sa.String(66), nullable=False),
        sa.Column('giver', sa.String(42), nullable=False),
        sa.Column('operator', sa.String(42), nullable=False),
        sa.Column('receiver', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('outbox', sa.Integer(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('operator_tip', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_operator_tip_giver'), ['giver'], unique=False)
        batch_op.create_index(batch_op.f('ix_operator_tip_outbox'), ['outbox'], unique=False)
        batch_op.create_index(batch_op.f('ix_operator_tip_receiver'), ['receiver'], unique=False)

    with op.batch_alter_table('assignment', schema=None) as batch_op:
        batch_op.create_index('assignment_approved', ['posting', 'reviewed_at'], unique=False, sqlite_where=sa.text("state = 'approved'"), postgresql_where=sa.text("state = 'approved'"))

    with op.batch_alter_table('lane_state', schema=None) as batch_op:
        batch_op.alter_column('lane',
               existing_type=sa.VARCHAR(length=11),
               type_=sa.String(42),
               existing_nullable=False)

    # PostgreSQL would write the partial index's condition anew, with other casts, if it stood on a column whose type changes.
    op.drop_index('outbox_nonce_once', 'outbox')
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.alter_column('lane',
               existing_type=sa.VARCHAR(length=11),
               type_=sa.String(42),
               existing_nullable=False)
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index('outbox_nonce_once', ['lane', 'nonce'], unique=True, sqlite_where=sa.text("state IN ('signed', 'confirmed')"), postgresql_where=sa.text("state IN ('signed', 'confirmed')"))
