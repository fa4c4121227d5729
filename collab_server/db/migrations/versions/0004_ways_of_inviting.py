"""Ways of inviting"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column(
            "participant", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("invitation", sa.String(length=40), nullable=True),
        sa.Column("way", sa.String(length=40), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(length=512), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("destination", sa.String(length=512), nullable=False),
        sa.Column("confirm", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Float(precision=53), nullable=False),
        sa.Column("due", sa.Float(precision=53), nullable=True),
        sa.Column("started", sa.Float(precision=53), nullable=True),
        sa.Column("finished", sa.Float(precision=53), nullable=True),
        sa.Column("expires", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["invitation"],
            ["invitations.id"],
            name=op.f("fk_attempts_invitation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["participants.id"],
            name=op.f("fk_attempts_participant"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_attempts_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        for columns in (
            ["session_id"],
            ["participant"],
            ["invitation"],
            ["started"],
            ["state", "due"],
            ["destination", "started"],
            ["asked_by", "started"],
            ["scope", "started"],
        ):
            batch_op.create_index(f"ix_attempts_{'_'.join(columns)}", columns, unique=False)
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("given", sa.String(length=8), nullable=False, server_default="call")
        )
    with op.batch_alter_table("participants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ways", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("held", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("seen", sa.String(length=512), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("grants", "seen")
    op.drop_column("grants", "held")
    op.drop_column("participants", "ways")
    op.drop_column("sessions", "given")
    op.drop_table("attempts")
