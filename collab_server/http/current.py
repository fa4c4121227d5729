"""The services of the application that handles the current request."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from collab_server.services import Services

EXTENSION = "tandem"


def services() -> Services:
    """What `create_app` made for this application."""
    return cast("Services", current_app.extensions[EXTENSION])
