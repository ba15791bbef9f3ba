"""HITs are disposed of in time."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0028", "0027"
branch_labels = depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('mturk_hit', schema=None) as batch_op:
        batch_op.create_index('mturk_hit_living', ['expires_at'], unique=False, sqlite_where=sa.text('disposed_at IS NULL'), postgresql_where=sa.text('disposed_at IS NULL'))
