"""What the watchtower looks at."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0027", "0026"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('lookout',
        sa.Column('kind', sa.String(10), nullable=False),
        sa.Column('subject', sa.String(66), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=False),
        sa.Column('look_at', sa.BigInteger(), nullable=True),
        sa.Column('looks', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('kind', 'subject')
    )
    with op.batch_alter_table('lookout', schema=None) as batch_op:
        batch_op.create_index('lookout_look_at', ['look_at'], unique=False)
