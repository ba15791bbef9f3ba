"""API keys, and what opened a session."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0009", "0008"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('api_key',
        sa.Column('id', sa.String(34), nullable=False),
        sa.Column('token_hash', sa.String(66), nullable=False),
        sa.Column('account', sa.String(42), nullable=False),
        sa.Column('name', sa.String(100), nullable=False),
        sa.Column('scopes', sa.String(400), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('expires_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('token_hash')
    )
    with op.batch_alter_table('api_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_key_account'), ['account'], unique=False)

    with op.batch_alter_table('account_session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('user_agent', sa.String(200), nullable=True))
