"""Policies look at HITs to which something happened."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0026", "0025"
branch_labels = depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('mturk_hit', schema=None) as batch_op:
        batch_op.drop_index('mturk_hit_policies', sqlite_where=sa.text('policies IS NOT NULL AND disposed_at IS NULL'), postgresql_where=sa.text('policies IS NOT NULL AND disposed_at IS NULL'))
        batch_op.add_column(sa.Column('policies_due', sa.Boolean(), server_default=sa.text('(false)'), nullable=False))
        batch_op.drop_column('scored')
    op.execute('UPDATE mturk_hit SET policies_due = true WHERE policies IS NOT NULL AND disposed_at IS NULL')
    with op.batch_alter_table('mturk_hit', schema=None) as batch_op:
        batch_op.create_index('mturk_hit_policies_due', ['number'], unique=False, sqlite_where=sa.text('policies_due'), postgresql_where=sa.text('policies_due'))
