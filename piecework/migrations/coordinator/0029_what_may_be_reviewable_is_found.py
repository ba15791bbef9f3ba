"""HITs that may be reviewable are found by an index."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0029", "0028"
branch_labels = depends_on = None

_WHERE = sa.text("may_be_reviewable AND disposed_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("mturk_hit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("may_be_reviewable", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute(
        "UPDATE mturk_hit SET may_be_reviewable = true WHERE NOT offered OR NOT EXISTS (SELECT 1 FROM mturk_part p"
        " LEFT JOIN unit u ON u.posting = p.posting AND u.position = p.position"
        " WHERE p.hit = mturk_hit.id AND (p.posting IS NULL OR u.free > 0))"
    )
    for name, first in (("mturk_hit_reviewable", "requester"), ("mturk_hit_reviewable_of_type", "hit_type")):
        op.create_index(name, "mturk_hit", [first, "reviewing", "number"], sqlite_where=_WHERE, postgresql_where=_WHERE)
