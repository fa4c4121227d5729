"""Bring a database to the tables this version knows (Alembic, packaged with the server)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from collab_server.db.engine import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from collab_server.db.engine import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings, for a connection of ours."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def migrate(database: Database) -> None:
    """Apply what is missing, in one transaction. Raises DatabaseError."""
    try:
        with database.engine.begin() as connection:
            command.upgrade(config(connection), "head")
    except CommandError as error:
        raise DatabaseError(
            f"server.database: {database.name} was made by another version of Tandem, newer"
            f" than this one ({error}): install that one, or bring back a copy from before it"
        ) from None
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        raise DatabaseError(f"server.database: {database.name}: {cause}") from None
