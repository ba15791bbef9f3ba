"""On SQLite an amount is its digits behind their count ("03700" is 700) instead of 78 digits with zeros in front."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None

AMOUNTS = {
    "posting": ("reward", "fee", "contest_deposit", "appeal_stake"),
    "batch": ("amount",),
    "withdrawal": ("amount", "max_fee", "nonce", "deadline"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, columns in AMOUNTS.items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.alter_column(column, type_=sa.String(80))
        for column in columns:
            op.execute(f"UPDATE {table} SET {column} = coalesce(nullif(ltrim({column}, '0'), ''), '0')")
            op.execute(f"UPDATE {table} SET {column} = printf('%02d', length({column})) || {column}")
