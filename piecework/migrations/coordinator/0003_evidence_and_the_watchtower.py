"""Evidence and the watchtower."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('evidence',
        sa.Column('hash', sa.String(66), nullable=False),
        sa.Column('author', sa.String(42), nullable=False),
        sa.Column('document', sa.Text(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('hash')
    )
    with op.batch_alter_table('evidence', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_evidence_author'), ['author'], unique=False)

    op.create_table('watch_note',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(10), nullable=False),
        sa.Column('subject', sa.String(80), nullable=False),
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('amount', UINT256, nullable=False),
        sa.Column('gas', sa.BigInteger(), nullable=False),
        sa.Column('said', sa.Text(), nullable=False),
        sa.Column('outbox', sa.Integer(), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('watch_note', schema=None) as batch_op:
        batch_op.create_index('watch_note_left_once', ['kind', 'subject'], unique=True, sqlite_where=sa.text('outbox IS NULL'), postgresql_where=sa.text('outbox IS NULL'))
        batch_op.create_index('watch_note_outbox', ['outbox'], unique=False)

    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.add_column(sa.Column('lane', sa.String(11), server_default='relayer', nullable=False))
        batch_op.drop_index(batch_op.f('outbox_nonce_once'), sqlite_where=sa.text("state IN ('signed', 'confirmed')"))
        batch_op.create_index('outbox_nonce_once', ['lane', 'nonce'], unique=True, sqlite_where=sa.text("state IN ('signed', 'confirmed')"), postgresql_where=sa.text("state IN ('signed', 'confirmed')"))
