"""What the result of a command means, by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.invite import dialling, message
from collab_server.pairing import phone
from collab_server.people import pauses
from collab_server.placed import busy, settle, voice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collab_server.commands import Settle
    from collab_server.db.calls import Command
    from collab_server.db.engine import Work
    from collab_server.services import Services


def _settle_pause(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """A pause is the agent's own, or that of a call without a telephone."""
    settled = pauses.settle if pauses.is_own(command) else busy.settle
    settled(services, work, command, withdrawn)


SETTLES: Mapping[str, Settle] = {
    "answer": phone.settle,
    "dial": dialling.settle,
    "hangup": settle.settle_hangup,
    "message": message.settle,
    "pause": _settle_pause,
    "queue": settle.settle_queue,
    "voice": voice.settle,
}
"""Every kind of command there is."""
