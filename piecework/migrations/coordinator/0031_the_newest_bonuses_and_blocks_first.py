"""The newest bonuses and blocks first."""

from alembic import op

revision, down_revision = "0031", "0030"
branch_labels = depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('block', schema=None) as batch_op:
        batch_op.create_index('block_newest', ['requester', 'created_at', 'worker'], unique=False)

    with op.batch_alter_table('bonus', schema=None) as batch_op:
        batch_op.create_index('bonus_newest', ['requester', 'created_at', 'note'], unique=False)
