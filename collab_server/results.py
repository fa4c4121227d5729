"""What the result of a command means, by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.invite import dialling, message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_server.commands import Settle

SETTLES: Mapping[str, Settle] = {
    "message": message.settle,
    "dial": dialling.settle,
}
"""Every kind of command there is."""
