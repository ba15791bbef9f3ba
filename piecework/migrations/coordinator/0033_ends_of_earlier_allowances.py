"""Until when operators may spend whose allowance hasn't changed since that is kept: as far as the mirror knows it, which may not be there."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0033", "0032"
branch_labels = depends_on = None

NOTHING = {"sqlite": "'010'", "postgresql": "0"}
"""An amount of nothing."""


def upgrade() -> None:
    connection = op.get_bind()
    if sa.inspect(connection).has_table("mirror_operator_allowance"):
        op.execute(f"""
            UPDATE operator_key SET ends_at = (
                SELECT CASE WHEN a.allowance <> {NOTHING[connection.dialect.name]} THEN a.expires_at END
                  FROM mirror_operator_allowance a JOIN coordinator_home h ON h.chain_id = a.chain_id AND h.escrow = a.escrow
                 WHERE a.operator = operator_key.address AND a.requester = operator_key.account
                 ORDER BY a.block_number DESC, a.log_index DESC LIMIT 1)
             WHERE ends_at IS NULL AND revoked_at IS NULL""")
