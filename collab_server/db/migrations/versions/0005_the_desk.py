"""The desk: its states, pauses in queues, wrap-ups that are done, callers known again by number"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from collab_server import uris

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BATCH = 1_000


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "desk_states",
        sa.Column("agent_uri", sa.String(length=512), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("since", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("agent_uri", name=op.f("pk_desk_states")),
    )
    op.create_table(
        "queue_pauses",
        sa.Column("agent_uri", sa.String(length=512), nullable=False),
        sa.Column("pbx", sa.String(length=63), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("asked", sa.Float(precision=53), nullable=False),
        sa.Column("command", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent_uri", "pbx", name=op.f("pk_queue_pauses")),
        sa.UniqueConstraint("command", name=op.f("uq_queue_pauses_command")),
    )
    op.create_index(
        "ix_calls_standing_agent",
        "calls",
        ["agent_uri"],
        unique=False,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.add_column("sessions", sa.Column("number", sa.String(length=20), nullable=True))
    op.add_column("sessions", sa.Column("done", sa.Float(precision=53), nullable=True))
    op.create_index("ix_sessions_number_created", "sessions", ["number", "created"], unique=False)
    # What ended before there was a wrap-up to be done has none.
    op.execute(sa.text("UPDATE sessions SET done = ended WHERE ended IS NOT NULL"))
    _know_numbers()


def _know_numbers() -> None:
    """Fill in the numbers of the sessions there are."""
    connection = op.get_bind()
    sessions = sa.table("sessions", sa.column("id"), sa.column("user_uri"), sa.column("number"))
    last = ""
    while True:
        rows = connection.execute(
            sa.select(sessions.c.id, sessions.c.user_uri)
            .where(sessions.c.id > last)
            .order_by(sessions.c.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        last = rows[-1].id
        known = [
            {"key": row.id, "found": found}
            for row in rows
            if (found := uris.number(row.user_uri)) is not None
        ]
        if known:
            connection.execute(
                sa.update(sessions)
                .where(sessions.c.id == sa.bindparam("key"))
                .values(number=sa.bindparam("found")),
                known,
            )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_sessions_number_created", table_name="sessions")
    op.drop_column("sessions", "done")
    op.drop_column("sessions", "number")
    op.drop_index("ix_calls_standing_agent", table_name="calls")
    op.drop_table("queue_pauses")
    op.drop_table("desk_states")
