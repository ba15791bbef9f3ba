"""First tables."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(78), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('account_preference',
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('payout', sa.String(6), nullable=False),
        sa.PrimaryKeyConstraint('account')
    )
    op.create_table('account_session',
        sa.Column('token_hash', sa.String(66), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('expires_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('token_hash')
    )
    with op.batch_alter_table('account_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_account_session_account'), ['account'], unique=False)
        batch_op.create_index(batch_op.f('ix_account_session_expires_at'), ['expires_at'], unique=False)

    op.create_table('assignment',
        sa.Column('id', sa.String(34), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('state', sa.String(9), nullable=False),
        sa.Column('commitment', sa.String(66), nullable=True),
        sa.Column('receipt', sa.String(132), nullable=True),
        sa.Column('answer', sa.Text(), nullable=True),
        sa.Column('salt', sa.String(66), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('batch', sa.String(66), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('expires_at', INSTANT, nullable=False),
        sa.Column('committed_at', INSTANT, nullable=True),
        sa.Column('revealed_at', INSTANT, nullable=True),
        sa.Column('reviewed_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('assignment', schema=None) as batch_op:
        batch_op.create_index('assignment_by_state', ['posting', 'state', 'id'], unique=False)
        batch_op.create_index('assignment_due', ['expires_at'], unique=False, sqlite_where=sa.text("state = 'reserved'"), postgresql_where=sa.text("state = 'reserved'"))
        batch_op.create_index('assignment_of_worker', ['posting', 'worker', 'unit'], unique=False)
        batch_op.create_index('assignment_own', ['worker', 'id'], unique=False)
        batch_op.create_index('assignment_slot_once', ['posting', 'slot'], unique=True, sqlite_where=sa.text("state NOT IN ('returned', 'expired')"), postgresql_where=sa.text("state NOT IN ('returned', 'expired')"))

    op.create_table('batch',
        sa.Column('digest', sa.String(66), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('roster', sa.Integer(), nullable=False),
        sa.Column('first_slot', sa.BigInteger(), nullable=False),
        sa.Column('workers', sa.Text(), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.Column('answer_root', sa.String(66), nullable=False),
        sa.Column('signature', sa.String(132), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('approval', sa.Text(), nullable=True),
        sa.Column('outbox', sa.Integer(), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('approved_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('digest'),
        sa.UniqueConstraint('posting', 'number')
    )
    with op.batch_alter_table('batch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_batch_outbox'), ['outbox'], unique=False)

    op.create_table('coordinator_home',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('genesis_hash', sa.String(66), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_table('lease',
        sa.Column('name', sa.String(16), nullable=False),
        sa.Column('holder', sa.String(36), nullable=False),
        sa.Column('expires_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('name')
    )
    op.create_table('outbox',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(10), nullable=False),
        sa.Column('subject', sa.String(80), nullable=False),
        sa.Column('state', sa.String(9), nullable=False),
        sa.Column('nonce', sa.BigInteger(), nullable=True),
        sa.Column('raw', sa.Text(), nullable=True),
        sa.Column('transaction_hash', sa.String(66), nullable=True),
        sa.Column('block_number', sa.BigInteger(), nullable=True),
        sa.Column('gas_used', sa.BigInteger(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('signed_at', INSTANT, nullable=True),
        sa.Column('confirmed_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index('outbox_by_state', ['state', 'id'], unique=False)
        batch_op.create_index('outbox_nonce_once', ['nonce'], unique=True, sqlite_where=sa.text("state IN ('signed', 'confirmed')"), postgresql_where=sa.text("state IN ('signed', 'confirmed')"))
        batch_op.create_index('outbox_one_queued', ['kind', 'subject'], unique=True, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))

    op.create_table('posting',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('operator', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('reward', UINT256, nullable=False),
        sa.Column('fee', UINT256, nullable=False),
        sa.Column('coordinator', sa.String(42), nullable=False),
        sa.Column('arbitrator', sa.String(42), nullable=False),
        sa.Column('arbitrator_extra_data', sa.String(), nullable=False),
        sa.Column('contest_deposit', UINT256, nullable=False),
        sa.Column('appeal_stake', UINT256, nullable=False),
        sa.Column('closes_at', sa.BigInteger(), nullable=False),
        sa.Column('review_window', sa.BigInteger(), nullable=False),
        sa.Column('appeal_window', sa.BigInteger(), nullable=False),
        sa.Column('content_hash', sa.String(66), nullable=False),
        sa.Column('salt', sa.String(66), nullable=False),
        sa.Column('manifest_length', sa.Integer(), nullable=False),
        sa.Column('units', sa.Integer(), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('answers_per_worker', sa.Integer(), nullable=False),
        sa.Column('assignment_seconds', sa.Integer(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('job')
    )
    with op.batch_alter_table('posting', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_posting_requester'), ['requester'], unique=False)

    op.create_table('siwe_nonce',
        sa.Column('nonce', sa.String(32), nullable=False),
        sa.Column('expires_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('nonce')
    )
    with op.batch_alter_table('siwe_nonce', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_siwe_nonce_expires_at'), ['expires_at'], unique=False)

    op.create_table('unit',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('first_slot', sa.BigInteger(), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('leaf', sa.String(66), nullable=False),
        sa.Column('content_offset', sa.BigInteger(), nullable=False),
        sa.Column('content_length', sa.Integer(), nullable=False),
        sa.Column('handed', sa.BigInteger(), nullable=False),
        sa.Column('free', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('posting', 'position')
    )
    with op.batch_alter_table('unit', schema=None) as batch_op:
        batch_op.create_index('unit_free', ['posting', 'position'], unique=False, sqlite_where=sa.text('free > 0'), postgresql_where=sa.text('free > 0'))

    op.create_table('withdrawal',
        sa.Column('id', sa.String(66), nullable=False),
        sa.Column('owner', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('receiver', sa.String(42), nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('max_fee', UINT256, nullable=False),
        sa.Column('nonce', UINT256, nullable=False),
        sa.Column('deadline', UINT256, nullable=False),
        sa.Column('signature', sa.Text(), nullable=False),
        sa.Column('outbox', sa.Integer(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('withdrawal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_withdrawal_outbox'), ['outbox'], unique=False)
        batch_op.create_index('withdrawal_nonce', ['owner', 'token', 'nonce'], unique=False)
