"""Calls without a telephone as others see them: their site, and the pages of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from collab_server.db.placed import PlacedCall, VoiceCall
from collab_server.explain import split
from collab_server.placed.stages import VOICE
from collab_server.times import iso, iso_or_none

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from collab_server.db.calls import Call
    from collab_server.db.sessions import CollabSession


class VoiceShown(BaseModel):
    """How the wish for a voice call stands."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["asked", "declined", "calling", "connected", "failed"]
    asked_by: Literal["user", "agent"]
    number: str | None
    code: str
    """Why it came to nothing (`collab_server.explain.Why`)."""
    detail: str


class PlacedShown(BaseModel):
    """What is particular to a session whose call has no telephone."""

    model_config = ConfigDict(extra="forbid")

    id: str
    stage: Literal["line", "entering", "stands", "voice", "leaving", "over"]
    phone: bool
    """The agent has the phone of it off the hook."""
    problem: Literal["refused", "unknown", "away"] | None
    voice: VoiceShown | None


def document(
    placed: PlacedCall, session: CollabSession, shown: Mapping[str, Any]
) -> dict[str, Any]:
    """`PlacedDocument`; `shown` is the session's document."""
    return {
        "id": placed.id,
        "state": session.state,
        "reason": session.reason,
        "problem": placed.problem,
        "pbx": placed.pbx,
        "queue": placed.queue,
        "position": session.position,
        "type": session.type,
        "created": iso(placed.created),
        "since": iso(session.since),
        "ended": iso_or_none(session.ended),
        "session": session.id,
        "user": shown["user"],
        "agent": {"uri": session.agent_uri} if session.agent_uri else None,
    }


class PlacedViews:
    """`PlacedShown` of several sessions, read in one go."""

    def __init__(self, db: Session, calls: Collection[Call]) -> None:
        """`calls`: those of the sessions that may be shown."""
        ids = [call.id for call in calls if call.placed]
        self._placed: dict[str, PlacedCall] = {}
        self._voice: dict[str, VoiceCall] = {}
        if not ids:
            return
        for placed in db.scalars(select(PlacedCall).where(PlacedCall.call.in_(ids))):
            self._placed[placed.session_id] = placed
        last = (
            select(VoiceCall.session_id, func.max(VoiceCall.n).label("n"))
            .where(VoiceCall.session_id.in_(list(self._placed)))
            .group_by(VoiceCall.session_id)
            .subquery()
        )
        latest = select(VoiceCall).join(
            last, (VoiceCall.session_id == last.c.session_id) & (VoiceCall.n == last.c.n)
        )
        self._voice = {voice.session_id: voice for voice in db.scalars(latest)}

    def name(self, session: CollabSession) -> str | None:
        """What the site calls the user; None: nothing."""
        placed = self._placed.get(session.id)
        return (placed.name or None) if placed is not None else None

    def view(self, session: CollabSession, call: Call | None) -> dict[str, Any] | None:
        """What is particular to the session; None: its call is another one."""
        placed = self._placed.get(session.id)
        if placed is None or call is None:
            return None
        voice = self._voice.get(session.id)
        return {
            "id": placed.id,
            "stage": placed.stage,
            "phone": call.agent_leg is not None and placed.stage != VOICE,
            "problem": placed.problem,
            "voice": voice_call(voice) if voice is not None else None,
        }


def voice_call(voice: VoiceCall) -> dict[str, Any]:
    """`VoiceShown`."""
    code, sentence = split(voice.detail)
    return {
        "state": voice.state,
        "asked_by": voice.asked_by,
        "number": voice.number,
        "code": code,
        "detail": sentence,
    }
