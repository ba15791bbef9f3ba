"""What is due by its time, so that finding it costs the same however much there was before; and operators whose money runs low."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0022", "0021"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)
DELAY = "(SELECT auto_approval_seconds FROM posting WHERE number = assignment.posting)"


def upgrade() -> None:
    op.add_column("assignment", sa.Column("review_until", INSTANT, nullable=True))
    later = {
        "sqlite": f"strftime('%Y-%m-%d %H:%M:%f', revealed_at, '+' || {DELAY} || ' seconds') || '000'",
        "postgresql": f"revealed_at + make_interval(secs => {DELAY})",
    }
    op.execute(f"UPDATE assignment SET review_until = {later[op.get_bind().dialect.name]} WHERE revealed_at IS NOT NULL")
    _index("assignment_unreviewed", "assignment", "review_until", "state = 'revealed' AND overdue_at IS NULL AND review_until IS NOT NULL")
    _index("batch_unapproved", "batch", "posting", "approval IS NULL")
    op.add_column("job_pace", sa.Column("due_at", INSTANT, nullable=True))
    op.execute("UPDATE job_pace SET due_at = measured_at")
    _index("job_pace_due", "job_pace", "due_at", "due_at IS NOT NULL")
    op.create_index("posting_closes", "posting", ["closes_at"], unique=False)
    op.create_index("posting_operator", "posting", ["operator"], unique=False)
    op.add_column("operator_key", sa.Column("most_spendable", UINT256, nullable=True))
    op.add_column("operator_key", sa.Column("low_at", INSTANT, nullable=True))


def _index(name: str, table: str, column: str, condition: str) -> None:
    words = sa.text(condition)
    op.create_index(name, table, [column], unique=False, postgresql_where=words, sqlite_where=words)
