"""What the tables share. Times are seconds since the Unix epoch; cookies are stored as hashes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    Integer,
    MetaData,
)
from sqlalchemy.orm import DeclarativeBase

ID = 40
URI = 512
CALL = 200
NUMBER = 20
PROVIDER = 255
"""Characters of what an OpenID provider calls itself, a person (``sub``) or a session."""
REASON = 60
"""Characters of why somebody pauses."""

BigKey = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only where the type is spelled INTEGER."""


class Base(DeclarativeBase):
    """What all tables share: names for constraints, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        dict[str, Any]: JSON,
        list[str]: JSON,
        float: Float(53),
    }
