"""Nothing."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(78), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table('account_preference', schema=None) as batch_op:
        batch_op.alter_column('account',
               existing_type=sa.VARCHAR(length=43),
               type_=sa.String(42),
               existing_nullable=False)

    with op.batch_alter_table('account_session', schema=None) as batch_op:
        batch_op.alter_column('account',
               existing_type=sa.VARCHAR(length=43),
               type_=sa.String(42),
               existing_nullable=False)
