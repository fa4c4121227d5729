"""Pairing codes, their limits, and what a paired call said of its user"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("pairings", sa.BigInteger(), server_default="0", nullable=False)
        )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("label", sa.String(length=512), nullable=True))

    op.create_table(
        "pairings",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=True),
        sa.Column("call", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("session_id", sa.String(length=40), nullable=True),
        sa.Column("created", sa.Float(precision=53), nullable=False),
        sa.Column("expires", sa.Float(precision=53), nullable=False),
        sa.Column(
            "participant", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.ForeignKeyConstraint(
            ["call"], ["calls.id"], name=op.f("fk_pairings_call"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["participants.id"],
            name=op.f("fk_pairings_participant"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_pairings_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
        sa.UniqueConstraint("code", name=op.f("uq_pairings_code")),
    )
    with op.batch_alter_table("pairings", schema=None) as batch_op:
        for column in ("browser", "call", "expires", "participant", "session_id"):
            batch_op.create_index(batch_op.f(f"ix_pairings_{column}"), [column], unique=False)

    op.create_table(
        "pairing_limits",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("free_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pairing_limits")),
    )
    with op.batch_alter_table("pairing_limits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pairing_limits_free_at"), ["free_at"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("pairing_limits")
    op.drop_table("pairings")
    op.drop_column("sessions", "label")
    op.drop_column("calls", "pairings")
