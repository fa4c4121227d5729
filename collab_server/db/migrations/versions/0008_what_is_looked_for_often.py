"""Indexes for what is looked for often"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NEW = (
    ("commands", ["status", "expires"]),
    ("placed_calls", ["site", "stage"]),
    ("placed_calls", ["address", "stage"]),
    ("placed_calls", ["busy"]),
    ("voice_calls", ["state", "placed"]),
)
OLD = (("placed_calls", ["site"]), ("placed_calls", ["address"]), ("voice_calls", ["placed"]))


def upgrade() -> None:
    """Apply."""
    _make(NEW)
    _drop(OLD)


def downgrade() -> None:
    """Take back."""
    _make(OLD)
    _drop(NEW)


def _make(indexes: tuple[tuple[str, list[str]], ...]) -> None:
    for table, columns in indexes:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _drop(indexes: tuple[tuple[str, list[str]], ...]) -> None:
    for table, columns in indexes:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
