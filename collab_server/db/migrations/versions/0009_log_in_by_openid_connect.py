"""Log-in by OpenID Connect"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Every account there is stays a local one."""
    for column in ("issuer", "subject", "signs_in_as"):
        op.add_column("agents", sa.Column(column, sa.String(length=255), nullable=True))
    op.create_index("ix_agents_issuer_subject", "agents", ["issuer", "subject"], unique=True)
    op.create_index(
        "ix_agents_issuer_signs_in_as", "agents", ["issuer", "signs_in_as"], unique=True
    )
    op.add_column("logins", sa.Column("sid", sa.String(length=255), nullable=True))
    op.add_column("logins", sa.Column("id_token", sa.Text(), nullable=True))
    op.create_index("ix_logins_sid", "logins", ["sid"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_logins_sid", "logins")
    for column in ("id_token", "sid"):
        op.drop_column("logins", column)
    op.drop_index("ix_agents_issuer_signs_in_as", "agents")
    op.drop_index("ix_agents_issuer_subject", "agents")
    for column in ("signs_in_as", "subject", "issuer"):
        op.drop_column("agents", column)
