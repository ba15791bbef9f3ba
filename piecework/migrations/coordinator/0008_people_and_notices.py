"""People and notices."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0008", "0007"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('block',
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('requester', 'worker')
    )
    with op.batch_alter_table('block', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_block_worker'), ['worker'], unique=False)

    op.create_table('bonus',
        sa.Column('note', sa.String(66), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('assignment', sa.String(34), nullable=False),
        sa.Column('token', sa.String(42), nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('note')
    )
    with op.batch_alter_table('bonus', schema=None) as batch_op:
        batch_op.create_index('bonus_of_requester', ['requester', 'note'], unique=False)
        batch_op.create_index('bonus_of_worker', ['worker', 'note'], unique=False)

    op.create_table('delivery',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('webhook', sa.String(34), nullable=False),
        sa.Column('message', sa.String(40), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('state', sa.String(9), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('said', sa.Text(), nullable=True),
        sa.Column('next_at', INSTANT, nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.create_index('delivery_due', ['next_at'], unique=False, sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))
        batch_op.create_index('delivery_of_webhook', ['webhook', 'id'], unique=False)

    op.create_table('message',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('thread', sa.String(34), nullable=False),
        sa.Column('sender', sa.String(42), nullable=False),
        sa.Column('assignment', sa.String(34), nullable=True),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.create_index('message_of_sender', ['sender', 'created_at'], unique=False)
        batch_op.create_index('message_of_thread', ['thread', 'number'], unique=False)

    op.create_table('message_thread',
        sa.Column('id', sa.String(34), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('requester_read', sa.Integer(), nullable=False),
        sa.Column('worker_read', sa.Integer(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('message_thread', schema=None) as batch_op:
        batch_op.create_index('message_thread_once', ['posting', 'worker'], unique=True)
        batch_op.create_index('message_thread_requester', ['requester', 'id'], unique=False)
        batch_op.create_index('message_thread_worker', ['worker', 'id'], unique=False)

    op.create_table('mute',
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('worker', 'requester')
    )
    op.create_table('notice',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('number', sa.BigInteger(), nullable=True),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('kind', sa.String(24), nullable=False),
        sa.Column('subject', sa.Text(), nullable=False),
        sa.Column('fact', sa.String(200), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('fact'),
        sa.UniqueConstraint('number')
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index('notice_of_account', ['account', 'number'], unique=False)
        batch_op.create_index('notice_unnumbered', ['id'], unique=False, sqlite_where=sa.text('number IS NULL'), postgresql_where=sa.text('number IS NULL'))

    op.create_table('notice_cursor',
        sa.Column('name', sa.String(16), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('name')
    )
    op.create_table('webhook',
        sa.Column('id', sa.String(34), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('secret', sa.String(64), nullable=False),
        sa.Column('kinds', sa.Text(), nullable=False),
        sa.Column('disabled', sa.Text(), nullable=True),
        sa.Column('failing_since', INSTANT, nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('webhook', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_webhook_account'), ['account'], unique=False)
