"""Who works how and with what qualification."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('answer_draft',
        sa.Column('assignment', sa.String(34), nullable=False),
        sa.Column('draft', sa.Text(), nullable=False),
        sa.Column('saved_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('assignment')
    )
    op.create_table('job_listing',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('template', sa.String(64), nullable=False),
        sa.Column('ai_policy', sa.String(16), nullable=False),
        sa.Column('reward', UINT256, nullable=False),
        sa.Column('estimated_hourly', UINT256, nullable=True),
        sa.PrimaryKeyConstraint('posting')
    )
    with op.batch_alter_table('job_listing', schema=None) as batch_op:
        batch_op.create_index('job_listing_estimated', ['estimated_hourly', 'posting'], unique=False)
        batch_op.create_index('job_listing_reward', ['reward', 'posting'], unique=False)

    op.create_table('job_pace',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('answers', sa.Integer(), nullable=False),
        sa.Column('median_seconds', sa.Integer(), nullable=False),
        sa.Column('hourly', UINT256, nullable=False),
        sa.Column('measured_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('posting')
    )
    with op.batch_alter_table('job_pace', schema=None) as batch_op:
        batch_op.create_index('job_pace_hourly', ['hourly', 'posting'], unique=False)

    op.create_table('job_word',
        sa.Column('word', sa.String(64), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('word', 'posting')
    )
    op.create_table('job_worker',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('cursor', sa.BigInteger(), nullable=False),
        sa.Column('held', sa.BigInteger(), nullable=False),
        sa.Column('returned', sa.BigInteger(), nullable=False),
        sa.Column('abandoned', sa.BigInteger(), nullable=False),
        sa.Column('lost_seconds', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('posting', 'worker')
    )
    with op.batch_alter_table('job_worker', schema=None) as batch_op:
        batch_op.create_index('job_worker_worker', ['worker', 'posting'], unique=False)

    op.create_table('qualification',
        sa.Column('id', sa.String(34), nullable=False),
        sa.Column('owner', sa.String(42), nullable=False),
        sa.Column('name', sa.String(200), nullable=False),
        sa.Column('description', sa.Text(), nullable=False),
        sa.Column('keywords', sa.Text(), nullable=False),
        sa.Column('active', sa.Boolean(), nullable=False),
        sa.Column('requestable', sa.Boolean(), nullable=False),
        sa.Column('auto_value', sa.Integer(), nullable=True),
        sa.Column('retry_seconds', sa.BigInteger(), nullable=True),
        sa.Column('test', sa.Text(), nullable=True),
        sa.Column('answer_key', sa.Text(), nullable=True),
        sa.Column('test_seconds', sa.BigInteger(), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('retired_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('qualification', schema=None) as batch_op:
        batch_op.create_index('qualification_name_once', ['owner', 'name'], unique=True, sqlite_where=sa.text('retired_at IS NULL'), postgresql_where=sa.text('retired_at IS NULL'))
        batch_op.create_index('qualification_owner', ['owner', 'id'], unique=False)

    op.create_table('qualification_grant',
        sa.Column('qualification', sa.String(34), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('value', sa.Integer(), nullable=True),
        sa.Column('locale', sa.String(16), nullable=True),
        sa.Column('granted_at', INSTANT, nullable=False),
        sa.Column('revoked_at', INSTANT, nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('qualification', 'account')
    )
    with op.batch_alter_table('qualification_grant', schema=None) as batch_op:
        batch_op.create_index('qualification_grant_account', ['account', 'qualification'], unique=False)

    op.create_table('qualification_request',
        sa.Column('id', sa.String(34), nullable=False),
        sa.Column('qualification', sa.String(34), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('answer', sa.Text(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('refused_at', INSTANT, nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('qualification', 'account')
    )
    with op.batch_alter_table('qualification_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_qualification_request_account'), ['account'], unique=False)
        batch_op.create_index('qualification_request_waiting', ['qualification', 'id'], unique=False, sqlite_where=sa.text('refused_at IS NULL'), postgresql_where=sa.text('refused_at IS NULL'))

    with op.batch_alter_table('assignment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('ended_at', INSTANT, nullable=True))

    with op.batch_alter_table('unit', schema=None) as batch_op:
        batch_op.create_index('unit_again', ['posting', 'position'], unique=False, sqlite_where=sa.text('free > 0 AND handed = slots'), postgresql_where=sa.text('free > 0 AND handed = slots'))

    # What was returned or abandoned before is counted; how long it had been reserved nobody noted.
    op.execute("""
        INSERT INTO job_worker (posting, worker, cursor, held, returned, abandoned, lost_seconds)
        SELECT posting, worker, max(unit), sum(CASE WHEN state IN ('returned', 'expired') THEN 0 ELSE 1 END),
               sum(CASE WHEN state = 'returned' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'expired' THEN 1 ELSE 0 END), 0
          FROM assignment GROUP BY posting, worker""")
