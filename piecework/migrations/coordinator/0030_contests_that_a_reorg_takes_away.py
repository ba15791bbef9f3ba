"""Contests that a reorg takes away."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0030", "0029"
branch_labels = depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('job_consensus', schema=None) as batch_op:
        batch_op.add_column(sa.Column('disputed', sa.BigInteger(), nullable=True))
        batch_op.create_index('job_consensus_disputed', ['disputed'], unique=False, sqlite_where=sa.text('disputed IS NOT NULL'), postgresql_where=sa.text('disputed IS NOT NULL'))
