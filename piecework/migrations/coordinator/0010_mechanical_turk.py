"""Mechanical turk."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0010", "0009"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('mturk_call',
        sa.Column('access_key_id', sa.String(20), nullable=False),
        sa.Column('mark', sa.String(64), nullable=False),
        sa.Column('body_hash', sa.String(64), nullable=False),
        sa.Column('answer', sa.Text(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('access_key_id', 'mark')
    )
    with op.batch_alter_table('mturk_call', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mturk_call_created_at'), ['created_at'], unique=False)

    op.create_table('mturk_event',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(24), nullable=False),
        sa.Column('notification', sa.Text(), nullable=False),
        sa.Column('hit_type', sa.String(30), nullable=False),
        sa.Column('hit', sa.String(30), nullable=False),
        sa.Column('assignment', sa.String(30), nullable=True),
        sa.Column('at', INSTANT, nullable=False),
        sa.Column('due_at', INSTANT, nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('mturk_event', schema=None) as batch_op:
        batch_op.create_index('mturk_event_due', ['due_at'], unique=False)

    op.create_table('mturk_hit',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('id', sa.String(30), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('access_key_id', sa.String(20), nullable=False),
        sa.Column('hit_type', sa.String(30), nullable=False),
        sa.Column('question', sa.Text(), nullable=False),
        sa.Column('layout', sa.String(64), nullable=True),
        sa.Column('annotation', sa.Text(), nullable=True),
        sa.Column('policies', sa.Text(), nullable=True),
        sa.Column('token', sa.String(64), nullable=True),
        sa.Column('most_assignments', sa.BigInteger(), nullable=False),
        sa.Column('reviewing', sa.Boolean(), nullable=False),
        sa.Column('offered', sa.Boolean(), nullable=False),
        sa.Column('reviewed', sa.Integer(), nullable=False),
        sa.Column('expires_at', INSTANT, nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('disposed_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('id')
    )
    with op.batch_alter_table('mturk_hit', schema=None) as batch_op:
        batch_op.create_index('mturk_hit_expiring', ['expires_at'], unique=False, sqlite_where=sa.text('offered'), postgresql_where=sa.text('offered'))
        batch_op.create_index('mturk_hit_of_requester', ['requester', 'number'], unique=False)
        batch_op.create_index('mturk_hit_of_type', ['hit_type', 'number'], unique=False)
        batch_op.create_index('mturk_hit_token', ['requester', 'token'], unique=False)

    op.create_table('mturk_hit_type',
        sa.Column('id', sa.String(30), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('description', sa.Text(), nullable=False),
        sa.Column('keywords', sa.Text(), nullable=False),
        sa.Column('reward_cents', sa.BigInteger(), nullable=False),
        sa.Column('assignment_seconds', sa.Integer(), nullable=False),
        sa.Column('auto_approval_seconds', sa.Integer(), nullable=False),
        sa.Column('qualifications', sa.Text(), nullable=False),
        sa.Column('notification', sa.Text(), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('mturk_hit_type', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mturk_hit_type_requester'), ['requester'], unique=False)

    op.create_table('mturk_key',
        sa.Column('access_key_id', sa.String(20), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('operator', sa.String(42), nullable=False),
        sa.Column('name', sa.String(100), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('expires_at', INSTANT, nullable=False),
        sa.Column('revoked_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('access_key_id')
    )
    with op.batch_alter_table('mturk_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mturk_key_account'), ['account'], unique=False)

    op.create_table('mturk_layout',
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('name', sa.String(100), nullable=False),
        sa.Column('html', sa.Text(), nullable=False),
        sa.Column('frame_height', sa.Integer(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('mturk_layout', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mturk_layout_requester'), ['requester'], unique=False)

    op.create_table('mturk_part',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('hit', sa.String(30), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('hit_type', sa.String(30), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('token', sa.String(64), nullable=True),
        sa.Column('operator', sa.String(42), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=True),
        sa.Column('position', sa.Integer(), nullable=True),
        sa.Column('settled', sa.Boolean(), nullable=False),
        sa.Column('withdrawn', sa.BigInteger(), nullable=False),
        sa.Column('cancelled', sa.BigInteger(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('mturk_part', schema=None) as batch_op:
        batch_op.create_index('mturk_part_of_hit', ['hit'], unique=False)
        batch_op.create_index('mturk_part_unit', ['posting', 'position'], unique=False)
        batch_op.create_index('mturk_part_unsettled', ['requester'], unique=False, sqlite_where=sa.text('NOT settled'), postgresql_where=sa.text('NOT settled'))
        batch_op.create_index('mturk_part_waiting', ['id'], unique=False, sqlite_where=sa.text('posting IS NULL'), postgresql_where=sa.text('posting IS NULL'))
        batch_op.create_index('mturk_part_withdrawn', ['id'], unique=False, sqlite_where=sa.text('withdrawn > 0'), postgresql_where=sa.text('withdrawn > 0'))

    op.create_table('mturk_review',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('hit', sa.String(30), nullable=False),
        sa.Column('level', sa.String(10), nullable=False),
        sa.Column('kind', sa.String(6), nullable=False),
        sa.Column('entry', sa.Text(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('mturk_review', schema=None) as batch_op:
        batch_op.create_index('mturk_review_of_hit', ['hit', 'number'], unique=False)
