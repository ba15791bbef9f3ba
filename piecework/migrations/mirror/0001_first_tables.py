"""First tables."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('mirror_appeal',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('appeal', sa.String(66), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('sponsor', sa.String(42), nullable=False),
        sa.Column('request', sa.String(66), nullable=False),
        sa.Column('slots', sa.Integer(), nullable=False),
        sa.Column('appealed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_appeal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_appeal_appeal'), ['appeal'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_appeal_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_appeal_worker'), ['worker'], unique=False)

    op.create_table('mirror_appeal_phase',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('appeal', sa.String(66), nullable=False),
        sa.Column('phase', sa.String(8), nullable=False),
        sa.Column('since_at', sa.BigInteger(), nullable=False),
        sa.Column('arbitrator', sa.String(42), nullable=True),
        sa.Column('dispute_id', UINT256, nullable=True),
        sa.Column('cost', UINT256, nullable=True),
        sa.Column('ruling', UINT256, nullable=True),
        sa.Column('winner', sa.String(9), nullable=True),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_appeal_phase', schema=None) as batch_op:
        batch_op.create_index('mirror_appeal_phase_dispute', ['arbitrator', 'dispute_id'], unique=False)
        batch_op.create_index('mirror_appeal_phase_newest', ['chain_id', 'appeal', 'block_number', 'log_index'], unique=False)

    op.create_table('mirror_appealed_opening',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('appeal', sa.String(66), nullable=False),
        sa.Column('opening', sa.String(66), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow', 'position')
    )
    with op.batch_alter_table('mirror_appealed_opening', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_appealed_opening_appeal'), ['appeal'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_appealed_opening_opening'), ['opening'], unique=False)

    op.create_table('mirror_batch',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('batch', sa.String(66), nullable=False),
        sa.Column('first_slot', sa.BigInteger(), nullable=False),
        sa.Column('worker_count', sa.Integer(), nullable=False),
        sa.Column('answer_root', sa.String(66), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_batch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_batch_batch'), ['batch'], unique=False)

    op.create_table('mirror_block',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('number', sa.BigInteger(), nullable=False),
        sa.Column('hash', sa.String(66), nullable=False),
        sa.Column('parent_hash', sa.String(66), nullable=False),
        sa.Column('timestamp_at', INSTANT, nullable=False),
        sa.Column('log_count', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'escrow', 'number')
    )
    op.create_table('mirror_bond_claim',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('coordinator', sa.String(42), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.Column('paid', UINT256, nullable=False),
        sa.Column('burnt', UINT256, nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_bond_claim', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_bond_claim_coordinator'), ['coordinator'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_bond_claim_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_bond_claim_worker'), ['worker'], unique=False)

    op.create_table('mirror_bond_entry',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('coordinator', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('reason', sa.String(9), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('credit', UINT256, nullable=False),
        sa.Column('debit', UINT256, nullable=False),
        sa.Column('bond', UINT256, nullable=False),
        sa.Column('locked_until', UINT256, nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_bond_entry', schema=None) as batch_op:
        batch_op.create_index('mirror_bond_entry_newest', ['chain_id', 'coordinator', 'token', 'block_number', 'log_index'], unique=False)

    op.create_table('mirror_close',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('slots_refunded', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_close', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_close_job'), ['job'], unique=False)

    op.create_table('mirror_concession',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('opening', sa.String(66), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.Column('slots', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_concession', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_concession_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_concession_opening'), ['opening'], unique=False)

    op.create_table('mirror_contest',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('opening', sa.String(66), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.Column('slots', sa.Integer(), nullable=False),
        sa.Column('contested_by', sa.String(42), nullable=False),
        sa.Column('reason', sa.String(66), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_contest', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_contest_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_contest_opening'), ['opening'], unique=False)

    op.create_table('mirror_deployment',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('genesis_hash', sa.String(66), nullable=False),
        sa.Column('start_block', sa.BigInteger(), nullable=False),
        sa.Column('next_block', sa.BigInteger(), nullable=False),
        sa.Column('head_number', sa.BigInteger(), nullable=False),
        sa.Column('head_hash', sa.String(66), nullable=False),
        sa.Column('head_timestamp_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'escrow')
    )
    op.create_table('mirror_event',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('name', sa.String(32), nullable=False),
        sa.Column('topics', sa.LargeBinary(), nullable=False),
        sa.Column('data', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow'),
    sqlite_with_rowid=False
    )
    op.create_table('mirror_evidence',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('appeal', sa.String(66), nullable=False),
        sa.Column('kind', sa.String(8), nullable=False),
        sa.Column('party', sa.String(42), nullable=True),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_evidence', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_evidence_appeal'), ['appeal'], unique=False)

    op.create_table('mirror_finalization',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('opening', sa.String(66), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.Column('slots', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_finalization', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_finalization_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_finalization_opening'), ['opening'], unique=False)

    op.create_table('mirror_funding',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('first_slot', sa.BigInteger(), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('content_hash', sa.String(66), nullable=False),
        sa.Column('source', sa.String(6), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_funding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_funding_job'), ['job'], unique=False)

    op.create_table('mirror_job',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
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
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_job', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_job_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_job_requester'), ['requester'], unique=False)

    op.create_table('mirror_job_word',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('funded', sa.BigInteger(), nullable=False),
        sa.Column('taken', sa.BigInteger(), nullable=False),
        sa.Column('resolved', sa.BigInteger(), nullable=False),
        sa.Column('closed', sa.Boolean(), nullable=False),
        sa.Column('locked', UINT256, nullable=False),
        sa.Column('paid_out', UINT256, nullable=False),
        sa.Column('fees', UINT256, nullable=False),
        sa.Column('refunded', UINT256, nullable=False),
        sa.Column('deposits', UINT256, nullable=False),
        sa.Column('stakes', UINT256, nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('requester_paid', sa.BigInteger(), nullable=False),
        sa.Column('requester_contested', sa.BigInteger(), nullable=False),
        sa.Column('requester_conceded', sa.BigInteger(), nullable=False),
        sa.Column('requester_appealed', sa.BigInteger(), nullable=False),
        sa.Column('requester_overturned', sa.BigInteger(), nullable=False),
        sa.Column('requester_upheld', sa.BigInteger(), nullable=False),
        sa.Column('requester_reclaimed', sa.BigInteger(), nullable=False),
        sa.Column('requester_timed', sa.BigInteger(), nullable=False),
        sa.Column('requester_seconds', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_job_word', schema=None) as batch_op:
        batch_op.create_index('mirror_job_word_newest', ['chain_id', 'job', 'block_number', 'log_index'], unique=False)
        batch_op.create_index('mirror_job_word_requester', ['requester', 'chain_id', 'block_number', 'log_index'], unique=False)

    op.create_table('mirror_ledger_entry',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('sequence', sa.Integer(), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('reason', sa.String(16), nullable=False),
        sa.Column('job', sa.String(66), nullable=True),
        sa.Column('credit', UINT256, nullable=False),
        sa.Column('debit', UINT256, nullable=False),
        sa.Column('balance', UINT256, nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow', 'sequence'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_ledger_entry', schema=None) as batch_op:
        batch_op.create_index('mirror_ledger_entry_account', ['chain_id', 'account', 'token', 'block_number', 'log_index', 'sequence'], unique=False)

    op.create_table('mirror_opening',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('opening', sa.String(66), nullable=False),
        sa.Column('batch', sa.String(66), nullable=False),
        sa.Column('first_slot', sa.BigInteger(), nullable=False),
        sa.Column('workers', sa.Text(), nullable=False),
        sa.Column('answer_root', sa.String(66), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.Column('slots', sa.Integer(), nullable=False),
        sa.Column('opened_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_opening', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_opening_batch'), ['batch'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_opening_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_opening_opening'), ['opening'], unique=False)

    op.create_table('mirror_operator_allowance',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('operator', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('spent', UINT256, nullable=False),
        sa.Column('allowance', UINT256, nullable=False),
        sa.Column('expires_at', UINT256, nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_operator_allowance', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_operator_allowance_operator'), ['operator'], unique=False)
        batch_op.create_index('mirror_operator_allowance_newest', ['chain_id', 'requester', 'operator', 'token', 'block_number', 'log_index'], unique=False)

    op.create_table('mirror_protocol_fee',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('fee_bps', sa.Integer(), nullable=False),
        sa.Column('treasury', sa.String(42), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    op.create_table('mirror_reclaim',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('opening', sa.String(66), nullable=False),
        sa.Column('places', sa.LargeBinary(), nullable=False),
        sa.Column('slots', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow')
    )
    with op.batch_alter_table('mirror_reclaim', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_reclaim_job'), ['job'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_reclaim_opening'), ['opening'], unique=False)

    op.create_table('mirror_slot',
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('place', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('job', 'slot'),
    sqlite_with_rowid=False
    )
    op.create_table('mirror_slot_step',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('opening', sa.String(66), nullable=False),
        sa.Column('state', sa.String(9), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow', 'slot'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_slot_step', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_slot_step_opening'), ['opening'], unique=False)
        batch_op.create_index(batch_op.f('ix_mirror_slot_step_worker'), ['worker'], unique=False)
        batch_op.create_index('mirror_slot_step_job_slot', ['job', 'slot', 'block_number', 'log_index'], unique=False)

    op.create_table('mirror_tip',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('sender', sa.String(42), nullable=False),
        sa.Column('receiver', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('note', sa.String(66), nullable=False),
        sa.Column('sent_count', sa.BigInteger(), nullable=False),
        sa.Column('sent_total', UINT256, nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow', 'position')
    )
    with op.batch_alter_table('mirror_tip', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_tip_receiver'), ['receiver'], unique=False)
        batch_op.create_index('mirror_tip_newest', ['sender', 'token', 'chain_id', 'block_number', 'log_index', 'position'], unique=False)

    op.create_table('mirror_withdrawal',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('transaction_hash', sa.String(66), nullable=False),
        sa.Column('owner', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('receiver', sa.String(42), nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('relayer', sa.String(42), nullable=False),
        sa.Column('relay_fee', UINT256, nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_withdrawal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mirror_withdrawal_owner'), ['owner'], unique=False)
        batch_op.create_index('mirror_withdrawal_transaction', ['transaction_hash'], unique=False)

    op.create_table('mirror_worker_grievance',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('contested', sa.BigInteger(), nullable=False),
        sa.Column('conceded', sa.BigInteger(), nullable=False),
        sa.Column('reclaimed', sa.BigInteger(), nullable=False),
        sa.Column('appealed', sa.BigInteger(), nullable=False),
        sa.Column('won', sa.BigInteger(), nullable=False),
        sa.Column('lost', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow', 'worker'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_worker_grievance', schema=None) as batch_op:
        batch_op.create_index('mirror_worker_grievance_newest', ['worker', 'chain_id', 'block_number', 'log_index'], unique=False)

    op.create_table('mirror_worker_patron',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow', 'worker'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_worker_patron', schema=None) as batch_op:
        batch_op.create_index('mirror_worker_patron_worker', ['worker', 'token', 'chain_id'], unique=False)

    op.create_table('mirror_worker_payment',
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('place', sa.Integer(), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('slot_amount', UINT256, nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('outcome', sa.String(9), nullable=False),
        sa.Column('first_slot', sa.BigInteger(), nullable=False),
        sa.Column('last_slot', sa.BigInteger(), nullable=False),
        sa.Column('slots_total', sa.BigInteger(), nullable=False),
        sa.Column('amount_total', UINT256, nullable=False),
        sa.Column('jobs_total', sa.BigInteger(), nullable=False),
        sa.Column('requesters_total', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('chain_id', 'block_number', 'log_index', 'escrow', 'place'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('mirror_worker_payment', schema=None) as batch_op:
        batch_op.create_index('mirror_worker_payment_newest', ['worker', 'token', 'chain_id', 'block_number', 'log_index', 'place'], unique=False)

    op.execute(
        "CREATE VIEW mirror_slot_payment AS SELECT s.job, s.slot, s.chain_id, p.escrow, s.block_number, s.log_index, "
        "e.transaction_hash, p.worker, p.slot_amount AS amount, p.outcome FROM mirror_slot s JOIN mirror_worker_payment p ON "
        "p.chain_id = s.chain_id AND p.block_number = s.block_number AND p.log_index = s.log_index AND p.place = s.place AND "
        "p.job = s.job AND s.slot BETWEEN p.first_slot AND p.last_slot JOIN mirror_event e ON e.chain_id = s.chain_id AND "
        "e.block_number = s.block_number AND e.log_index = s.log_index AND e.escrow = p.escrow"
    )
