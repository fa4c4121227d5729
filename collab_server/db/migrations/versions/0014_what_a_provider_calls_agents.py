"""What a provider calls agents"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "agents", sa.Column("provider_name", sa.String(60), nullable=False, server_default="")
    )


def downgrade() -> None:
    """Take back."""
    op.drop_column("agents", "provider_name")
