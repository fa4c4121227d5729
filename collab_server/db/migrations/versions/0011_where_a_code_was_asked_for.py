"""Where a code was asked for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None

NEW = ("address", "network")


def upgrade() -> None:
    """Apply."""
    for name in NEW:
        op.add_column("pairings", sa.Column(name, sa.String(32)))


def downgrade() -> None:
    """Take back."""
    for name in NEW:
        op.drop_column("pairings", name)
