"""Where a code was asked for, and whose number a number is"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NEW = ("address", "network")


def upgrade() -> None:
    """Apply."""
    for name in NEW:
        op.add_column("pairings", sa.Column(name, sa.String(32)))
    op.add_column("sessions", sa.Column("known_as", sa.String(20)))
    op.execute("UPDATE sessions SET known_as = number")
    op.create_index("ix_sessions_known_as_created", "sessions", ["known_as", "created"])
    op.drop_index("ix_sessions_number_created", "sessions")
    op.add_column("voice_calls", sa.Column("reached", sa.String(512)))
    op.execute("UPDATE voice_calls SET reached = number WHERE placed IS NOT NULL")
    op.create_index("ix_voice_calls_reached", "voice_calls", ["reached"])
    op.drop_index("ix_voice_calls_number", "voice_calls")


def downgrade() -> None:
    """Take back."""
    op.create_index("ix_voice_calls_number", "voice_calls", ["number"])
    op.drop_index("ix_voice_calls_reached", "voice_calls")
    op.drop_column("voice_calls", "reached")
    op.create_index("ix_sessions_number_created", "sessions", ["number", "created"])
    op.drop_index("ix_sessions_known_as_created", "sessions")
    op.drop_column("sessions", "known_as")
    for name in NEW:
        op.drop_column("pairings", name)
