"""Units that are loaded."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0015", "0014"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table('unit_load', schema=None) as batch_op:
        batch_op.add_column(sa.Column('template', sa.String(64), server_default='', nullable=False))
        batch_op.drop_index(batch_op.f('ix_unit_load_moved_at'))
        batch_op.create_index('unit_load_moving', ['moved_at'], unique=False, sqlite_where=sa.text("state IN ('loading', 'dropped')"), postgresql_where=sa.text("state IN ('loading', 'dropped')"))
