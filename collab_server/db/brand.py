"""The table of the brand: how the business shows itself to its callers."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from collab_server.db.base import Base

ONLY = 1
"""Key of the one row there is; without it nobody has set anything."""


class BrandRow(Base):
    """What an administrator set."""

    __tablename__ = "brand"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    """Counts up with each change."""
    name: Mapped[str] = mapped_column(String(60))
    color: Mapped[str] = mapped_column(String(7))
    """``#rrggbb``; "": the product's own."""
    phone: Mapped[str] = mapped_column(String(40))
    privacy_url: Mapped[str] = mapped_column(String(500))
    welcome_en: Mapped[str] = mapped_column(String(300))
    welcome_zh: Mapped[str] = mapped_column(String(300))
    languages: Mapped[list[str]]
    logo: Mapped[bytes | None]
    logo_type: Mapped[str] = mapped_column(String(20))
    """Its media type; "": there is none."""
    logo_hash: Mapped[str] = mapped_column(String(16))
    """Part of its address, which so changes with it."""
