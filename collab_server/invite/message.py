"""SIP MESSAGE to the terminal of a call, through its PBX.

Whatever the user's URI says, the connector sends it to the user leg's own endpoint: a URI out of a
header or a mark reaches nobody. It travels as plain text and is logged on its way, so the link in
it lives briefly, and who opens it is held until the agent has confirmed the word both see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server import commands
from collab_server.db.calls import Call
from collab_server.db.invitations import Attempt
from collab_server.db.sessions import Participant
from collab_server.explain import Explained, Why
from collab_server.invite import attempts
from collab_server.invite.ways import Begun
from collab_server.sessions.history import trace

if TYPE_CHECKING:
    from collab_server.db.calls import Command
    from collab_server.db.engine import Work
    from collab_server.invite.ways import Errand
    from collab_server.services import Services

SECONDS = 300
"""How long a message is worth sending."""
MAX_TEXT = 700
"""Bytes of a message: a line of AMI holds 1,022, and base64 makes four bytes of three."""


class MessageWay:
    """Asks the connector of the call's PBX."""

    third_party = False
    own_leg = True

    def unfit(self, uri: str, call: Call | None) -> Explained | None:
        """Without a call there is no terminal."""
        if call is None or call.state == "ended":
            return Explained(Why.NO_CALL, "there is no call to send the link through")
        if call.placed:
            return Explained(Why.NO_TELEPHONE, "a call without a telephone takes no message")
        if call.state == "requested" and call.initiator == "agent":
            return Explained(Why.NOT_RUNG, "the telephone has not been reached yet")
        return None

    def destination(self, uri: str) -> str:
        """None: it goes down the call's own leg."""
        return ""

    def begin(self, services: Services, work: Work, errand: Errand) -> Begun:
        """Ask for it; what came of it is heard later (`settle`)."""
        call = errand.call
        assert call is not None  # noqa: S101 - `unfit` was asked
        text = errand.places(services)["text"]
        if len(text.encode()) > MAX_TEXT:
            size = len(text.encode())
            sentence = f"a message of {size} bytes does not fit, {MAX_TEXT} do"
            return Begun("failed", Explained(Why.TOO_LONG, sentence))
        commands.ask(
            services,
            work,
            id=f"{errand.session.id}-{errand.attempt.id}",
            kind="message",
            pbx=call.pbx,
            args={"text": text, "content_type": "text/plain", "to": errand.link.uri},
            seconds=SECONDS,
            call=call,
            participant=errand.guest,
        )
        trace(work, call, "invitation", f"message to {errand.link.uri} asked of PBX {call.pbx}")
        return Begun("sending")


_SAID = {"done": "sent", "failed": "failed", "unknown": "unknown", "expired": "failed"}


def settle(services: Services, work: Work, command: Command, withdrawn: str) -> None:
    """Note what became of a message (`collab_server.commands.Settle`)."""
    guest = work.db.get(Participant, command.participant) if command.participant else None
    call = work.db.get(Call, command.call) if command.call else None
    attempt = work.db.get(Attempt, command.id.rpartition("-")[2])
    command.args = {}  # a link that went out is kept nowhere
    unsent = withdrawn and command.status in ("failed", "expired")
    said = "dropped" if unsent else _SAID[command.status]
    if guest is not None and attempt is not None:
        attempts.settle(services, work, guest, attempt, said, command.detail)
    if command.status == "expired":
        trace(work, call, "message", f"message given up: {command.detail}")
        return
    to = guest.uri if guest is not None else "the user"
    text = f"message to {to}: {said}" + (f" ({command.detail})" if command.detail else "")
    if withdrawn:
        text += f"; the link in it had been withdrawn ({withdrawn})"
    trace(work, call, "message", text)
