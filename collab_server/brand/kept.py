"""The brand as it is kept: read out of the database now and then, the same for every process.

What a page, a message or an invitation names the business by is asked for all the time, so each
process keeps what it read for `AGE` seconds. Whoever changes it here forgets it at once; another
process follows within that time.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import defer

from collab_server.brand.colors import ink
from collab_server.db.brand import ONLY, BrandRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from collab_server.db.engine import Database
    from collab_server.times import Clock

log = logging.getLogger(__name__)

PRODUCT = "Tandem"
"""The name of a business that has not said its own."""
AGE = 5.0
"""Seconds."""
LANGUAGES = ("en", "zh")
"""Those the pages speak."""
LOGO = "/v1/brand/logo/"


@dataclass(frozen=True, slots=True)
class Brand:
    """How the business shows; "" is what it has not set."""

    version: int = 0
    name: str = PRODUCT
    color: str = ""
    phone: str = ""
    privacy_url: str = ""
    welcome_en: str = ""
    welcome_zh: str = ""
    languages: tuple[str, ...] = LANGUAGES
    logo_hash: str = ""

    def document(self) -> dict[str, Any]:
        """As ``GET /v1/brand`` gives it; `ink` is the colour of text on `color`."""
        return {
            "name": self.name,
            "logo": f"{LOGO}{self.logo_hash}" if self.logo_hash else None,
            "color": self.color,
            "ink": ink(self.color) if self.color else "",
            "phone": self.phone,
            "privacy_url": self.privacy_url,
            "welcome": {"en": self.welcome_en, "zh": self.welcome_zh},
            "languages": list(self.languages),
        }


def read(db: Session) -> Brand:
    """The brand as the database has it."""
    row = db.get(BrandRow, ONLY, options=[defer(BrandRow.logo)])
    return of_row(row) if row is not None else Brand()


def of_row(row: BrandRow) -> Brand:
    """The brand of its row."""
    return Brand(
        version=row.version,
        name=row.name,
        color=row.color,
        phone=row.phone,
        privacy_url=row.privacy_url,
        welcome_en=row.welcome_en,
        welcome_zh=row.welcome_zh,
        languages=tuple(row.languages),
        logo_hash=row.logo_hash,
    )


class Brands:
    """What one process knows of it. Safe from any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Brand | None = None
        self._read_at = 0.0

    def now(self) -> Brand:
        """The brand, `AGE` seconds old at most, unless the database does not answer."""
        known, at = self._known, self._clock()
        if known is not None and abs(at - self._read_at) < AGE:
            return known
        if not self._lock.acquire(blocking=known is None, timeout=-1 if known is not None else 10):
            return known or Brand()  # somebody else is reading it
        try:
            with self._database.read() as db:
                fresh = read(db)
            if self._known is None or fresh.version >= self._known.version:
                self._known = fresh  # else it has been changed here while this was read
            self._read_at, known = at, self._known
        except SQLAlchemyError as error:
            if known is None:
                raise
            log.warning("brand: %s", " ".join(str(error).split())[:500])
        finally:
            self._lock.release()
        return known

    def changed(self, brand: Brand) -> None:
        """It has just been changed here."""
        self._known, self._read_at = brand, self._clock()
