"""Reports of broken tasks and screen-outs."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0023", "0022"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table('answer_report',
        sa.Column('assignment', sa.String(34), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('kind', sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint('assignment')
    )
    with op.batch_alter_table('answer_report', schema=None) as batch_op:
        batch_op.create_index('answer_report_of_unit', ['posting', 'unit'], unique=False)
        batch_op.create_index('answer_report_of_worker', ['posting', 'worker'], unique=False)
