"""How many units a consensus has, as a number."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0025", "0024"
branch_labels = depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('job_consensus', schema=None) as batch_op:
        batch_op.add_column(sa.Column('units', sa.Integer(), server_default='0', nullable=False))

    op.execute("UPDATE job_consensus SET units = (SELECT count(*) FROM unit_consensus AS u WHERE u.posting = job_consensus.posting)")
