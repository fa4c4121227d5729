"""The database: its tables, its migrations, its transactions.

A table names others by their name alone, so whoever imports one has all of them.
"""

from collab_server.db import (
    brand,
    calls,
    documents,
    invitations,
    pairing,
    people,
    placed,
    sessions,
)

__all__ = [
    "brand",
    "calls",
    "documents",
    "invitations",
    "pairing",
    "people",
    "placed",
    "sessions",
]
