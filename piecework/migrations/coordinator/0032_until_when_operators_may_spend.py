"""Until when operators may spend; known of each from the next change of its allowance or of its account's ledger on."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0032", "0031"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
_HERE = sa.text("ends_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("operator_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ends_at", UINT256, nullable=True))
    op.create_index("operator_key_ends", "operator_key", ["ends_at"], sqlite_where=_HERE, postgresql_where=_HERE)
