"""Consent of the user, supervisors and their whispers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Whoever serves a session already keeps what they see."""
    # Not as a batch: that makes a table anew, and all that hangs on its rows goes with the old.
    op.add_column(
        "agents", sa.Column("supervisor", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "participants", sa.Column("asks", sa.Boolean(), server_default=sa.true(), nullable=False)
    )

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("held_since", sa.Float(precision=53), nullable=True))
        batch_op.add_column(
            sa.Column("consent", sa.String(length=8), server_default="given", nullable=False)
        )
        batch_op.add_column(sa.Column("consent_since", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("agreed", sa.String(length=512), nullable=True))
        batch_op.add_column(sa.Column("whispers", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE sessions SET agreed = agent_uri")

    op.create_table(
        "whispers",
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("by", sa.String(length=512), nullable=False),
        sa.Column("to", sa.String(length=512), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_whispers_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", "n", name=op.f("pk_whispers")),
    )

    # SQLite looks at no length, and cannot change one without making the table anew.
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("participants", "role", type_=sa.String(length=16))


def downgrade() -> None:
    """Take back."""
    op.execute("DELETE FROM participants WHERE role = 'supervisor'")
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("participants", "role", type_=sa.String(length=8))
    op.drop_table("whispers")
    for column in ("whispers", "agreed", "consent_since", "consent", "held_since"):
        op.drop_column("sessions", column)
    op.drop_column("participants", "asks")
    op.drop_column("agents", "supervisor")
