"""``POST /v1/calls``: a site posts a call; its session and its place in line exist at once."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from collab_server.db.calls import Call
from collab_server.db.placed import PlacedCall
from collab_server.db.sessions import CollabSession
from collab_server.placed import leaving, line
from collab_server.placed.limits import check_waiting
from collab_server.placed.stages import LINE
from collab_server.problems import Conflict, Forbidden, Invalid
from collab_server.sessions import invitations, service
from collab_server.sessions.places import take

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.placed.schemas import NewCall
    from collab_server.services import Services


def where(services: Services, site: str, asked: NewCall) -> str:
    """Which PBX a call is for. Raises Invalid, Forbidden and Conflict."""
    allowed = services.settings.server.sites[site].queues
    known = sorted({name.partition("/")[0] for name in allowed} or services.settings.pbx)
    pbx = asked.pbx
    if pbx is None:
        if len(known) != 1:
            raise Invalid(f"pbx: there are {len(known)}, name one", "pbx")
        pbx = known[0]
    if pbx not in services.settings.pbx:
        raise Invalid("pbx: there is none of this name in the settings", "pbx")
    if allowed and f"{pbx}/{asked.queue}" not in allowed:
        raise Forbidden(f"this site may not post into queue {asked.queue} of PBX {pbx}")
    if services.settings.pbx[pbx].max_placeholders == 0:
        raise Conflict(f"PBX {pbx} takes no calls without a telephone (max_placeholders is 0)")
    return pbx


def post(
    services: Services, work: Work, site: str, address: str, asked: NewCall
) -> tuple[CollabSession, int]:
    """Make a call, its session and, if there is room on the PBX, the command that queues it.

    Raises Invalid, Forbidden, Conflict and TooMany.
    """
    pbx = where(services, site, asked)
    check_waiting(work, site, address)
    name = str(uuid.uuid4())
    user_uri = asked.user_uri or f"web:{secrets.token_hex(8)}"
    call = Call(
        pbx=pbx,
        call_id=name,
        state="requested",
        type=asked.type,
        initiator="user",
        user_uri=user_uri,
        queue=asked.queue,
        since=work.now,
        first_seen=work.now,
        held=False,
        lines=0,
        placed=True,
    )
    work.db.add(call)
    work.db.flush()
    session = service.create(
        services,
        work,
        type=asked.type,
        initiator="user",
        user_uri=user_uri,
        call=call,
        cause=f"site {site}",
        attributes=dict(asked.attributes),
    )
    session.queue = asked.queue
    placed = PlacedCall(
        id=name,
        call=call.id,
        session_id=session.id,
        pbx=pbx,
        queue=asked.queue,
        name=asked.name,
        site=site,
        address=address,
        stage=LINE,
        created=work.now,
        seen=work.now,
        gone=work.now,
        hangups=0,
        pauses=0,
    )
    work.db.add(placed)
    invitations.invite(services, work, session, call, "user")
    user = take(work, session, "user", user_uri)
    user.invitation, user.detail = "sent", f"given to site {site}"
    line.admit(services, work, pbx)
    if placed.stage == LINE:
        line.wait(services, work, placed)
    work.db.flush()
    session.position = line.place(work.db, placed)
    leaving.refresh(services, work, placed, session)
    return session, 201
