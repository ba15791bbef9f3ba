"""Policies are looked at once."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0011", "0010"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table('mturk_hit', schema=None) as batch_op:
        batch_op.add_column(sa.Column('scored', sa.Integer(), server_default='0', nullable=False))
        batch_op.create_index('mturk_hit_policies', ['number'], unique=False, sqlite_where=sa.text('policies IS NOT NULL AND disposed_at IS NULL'), postgresql_where=sa.text('policies IS NOT NULL AND disposed_at IS NULL'))
