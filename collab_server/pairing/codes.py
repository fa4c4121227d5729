"""The codes: made at random, no two alike at a time, good once and for two minutes.

    live --claimed--> used
      |  --two minutes--> too old
      |  --a newer one for the same browser, session or call--> withdrawn
      |  --all are given out, and its network has most (`room`)--> withdrawn

A code is kept as a signature, by which it can be found but not read. That it is used once is one
statement of the database's: whoever's update finds it has it. How likely a guess is: `MAX_LIVE` of
a million codes at most, times what `collab_server.pairing.limits` lets through.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, or_, select, update

from collab_server.db.pairing import Pairing
from collab_server.pairing import room
from collab_server.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession
    from collab_server.pairing.room import Place
    from collab_server.services import Services

Kind = Literal["page", "call"]

DIGITS = 6
SECONDS = 120.0
"""How long a code is good."""
MAX_LIVE = 500
"""Codes of one kind that are good at a time."""

_CODE = re.compile(rf"[0-9]{{{DIGITS}}}")
_UNSEEN = {"synchronize_session": False}


def make_for_page(
    services: Services,
    work: Work,
    browser: str,
    type: str,  # noqa: A002 - the contract's word
    place: Place,
) -> tuple[Pairing, str]:
    """A code that a page shows; `browser` is the hash of its cookie.

    Gives the row and the code. Raises Unavailable.
    """
    _tell_pages(services, work, _withdraw(work, Pairing.browser == browser))
    row = Pairing(kind="page", type=type, browser=browser)
    room.note(services, row, place)
    return row, _make(services, work, row)


def make_for_call(
    services: Services,
    work: Work,
    session: CollabSession | None,
    call: Call | None,
    type: str,  # noqa: A002 - the contract's word
) -> tuple[Pairing, str]:
    """A code that somebody in the call is told, to type it on a page.

    `type` is what an ordinary call becomes. Gives the row and the code. Raises Unavailable.
    """
    same = []
    if session is not None:
        same.append(Pairing.session_id == session.id)
    if call is not None:
        same.append(Pairing.call == call.id)
    _withdraw(work, or_(*same))
    row = Pairing(
        kind="call",
        type=type,
        session_id=session.id if session is not None else None,
        call=call.id if call is not None else None,
    )
    return row, _make(services, work, row)


def claim(services: Services, work: Work, kind: Kind, code: str) -> Pairing | None:
    """Use a code up. None: there is none of this kind, or it is used, or too old."""
    signed = services.signer.pairing(code if _CODE.fullmatch(code) else "")
    mine = (Pairing.code == signed, Pairing.kind == kind, Pairing.expires > work.now)
    used = update(Pairing).where(*mine).values(code=None).returning(Pairing.id)
    found = work.db.execute(used, execution_options=_UNSEEN).scalar_one_or_none()
    work.count("pairing_codes", kind, "wrong" if found is None else "used")
    return work.db.get(Pairing, found, populate_existing=True) if found is not None else None


def withdraw_told(work: Work, session: CollabSession) -> None:
    """End the codes that were told in a session, or in its call, and not used yet."""
    told = Pairing.session_id == session.id
    if session.call is not None:
        told = or_(told, Pairing.call == session.call)
    _withdraw(work, told)


def state_of(row: Pairing | None, now: float) -> Literal["open", "bound", "over"]:
    """What became of a code that a page shows."""
    if row is not None and row.participant is not None:
        return "bound"
    good = row is not None and row.code is not None and row.expires > now
    return "open" if good else "over"


def _withdraw(work: Work, which: object) -> Sequence[str]:
    """Codes that are too old make room; so do those that another one takes the place of.

    Gives the ids of the rows.
    """
    old = or_(Pairing.expires <= work.now, which)  # type: ignore[arg-type]
    over = update(Pairing).where(Pairing.code.is_not(None), old).values(code=None)
    return work.db.scalars(over.returning(Pairing.id), execution_options=_UNSEEN).all()


def _tell_pages(services: Services, work: Work, ids: Sequence[str]) -> None:
    if ids:
        work.after_commit(lambda: services.hub.codes_over(ids))


def _make(services: Services, work: Work, row: Pairing) -> str:
    live = select(func.count()).where(Pairing.code.is_not(None), Pairing.kind == row.kind)
    if (work.db.scalar(live) or 0) >= MAX_LIVE:
        out = room.greediest(work, row) if row.kind == "page" else None
        if out is None:
            raise Unavailable("too many codes are good at this moment; try again in a minute")
        _tell_pages(services, work, _withdraw(work, Pairing.id == out.id))
        work.count("pairing_codes", row.kind, "withdrawn")
    while True:
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        signed = services.signer.pairing(code)
        if work.db.scalar(select(Pairing.id).where(Pairing.code == signed)) is None:
            break
    row.id = secrets.token_hex(8)
    row.code, row.created, row.expires = signed, work.now, work.now + SECONDS
    work.db.add(row)
    work.db.flush()
    work.count("pairing_codes", row.kind, "made")
    return code
