"""${message[0].upper() + message[1:]}."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = ${f'"{up_revision}"'}, ${f'"{down_revision}"' if down_revision else None}
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
