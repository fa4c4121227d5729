"""Attempts to bring an invitation to somebody: one row for each way, tried in order.

    waiting --its turn--> sending --out--> sent --looked at--> opened --came in--> joined
       |                     |                        |--held--> confirm --yes--> joined
       |                     |--surely not--> failed <--no--------|
       |                     |--who knows--> unknown
       |--no longer wanted--> dropped

- The row is there, and says `sending`, before anything goes out. A server that dies in between
  leaves it so, and the next one says `unknown`: what cannot be taken back happens once at most.
- The next way begins when one has failed, or when its link stayed unopened for `patience`.
- All rows of one link carry the same invitation, so that whichever is opened first is the one.
- What a row says is copied to its participant (`Participant.ways`), which every view shows.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from collab_server.db.base import URI
from collab_server.db.invitations import Attempt, Invitation
from collab_server.db.sessions import Participant
from collab_server.explain import Explained, Why, split
from collab_server.invite import policy
from collab_server.invite.ways import Begun, Errand
from collab_server.sessions.history import record
from collab_server.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.db.sessions import CollabSession
    from collab_server.invite.ways import Deliver
    from collab_server.services import Services

MAX_WHY = 300
DIAL = "dial"
"""The way that is a call, and carries no link."""

UNOPENED = ("pending", "sent", "unknown", "failed")
"""How an invitation may stand that nobody has looked at."""

_RANK = ("confirm", "opened", "sent", "unknown", "sending", "waiting", "failed")
"""Of several ways, the state that says most about the whole invitation comes first."""
_SHOWN = {"sending": "pending", "waiting": "pending"}


def plan(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    guest: Participant,
    link: Invitation,
    *,
    asked_by: str,
    names: Sequence[str],
) -> None:
    """Make the attempts of a new link by these ways, of which the first begins at once."""
    settings = services.settings.server.invite
    dialled = [shown for shown in guest.ways if shown["way"] == DIAL]
    guest.ways = dialled
    rows: list[Attempt] = []
    for name in (*settings.tried(), *(w for w in settings.ways() if w not in settings.tried())):
        way = services.ways[name]
        if way.unfit(link.uri, call) is not None:
            continue
        refused = policy.refused(settings, way.destination(link.uri)) if way.third_party else None
        if name not in names:
            _show(work, guest, name, "none", str(refused or ""))
            continue
        n = len(guest.ways)  # a way that stands in the list before it has a lower one
        row = add(services, work, session, call, guest, link, name, asked_by, n=n)
        if refused is not None:
            _set(work, guest, row, "failed", str(refused))
        else:
            _show(work, guest, name, "waiting", "")
            rows.append(row)
    if rows:
        rows[0].due = work.now
    _sum_up(guest)
    for row in rows:
        if row.due is None or row.due > work.now:
            break
        if services.ways[row.way].third_party:
            work.after_commit(lambda: services.post.set(0))
            break
        begin(services, work, Errand(session, call, guest, link, row))


def add(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    guest: Participant,
    link: Invitation,
    name: str,
    asked_by: str,
    *,
    n: int,
) -> Attempt:
    """Make the row of an attempt; it waits for its turn."""
    settings, way = services.settings.server.invite, services.ways[name]
    briefly = name == "message"
    row = Attempt(
        id=secrets.token_hex(8),
        session_id=session.id,
        participant=guest.id,
        invitation=link.id,
        way=name,
        n=n,
        state="waiting",
        why="",
        asked_by=asked_by[:URI],
        scope=scope_of(session, call),
        destination=way.destination(link.uri) if way.third_party else "",
        confirm=briefly and settings.confirm,
        created=work.now,
        due=None,
        expires=min(link.expires, work.now + settings.message_link) if briefly else link.expires,
    )
    work.db.add(row)
    return row


def one_more(
    services: Services,
    work: Work,
    session: CollabSession,
    call: Call | None,
    guest: Participant,
    name: str,
    asked_by: str,
) -> None:
    """Send a link that is out already by one more way, which has become possible."""
    link = work.db.scalar(
        select(Invitation)
        .where(
            Invitation.participant == guest.id,
            Invitation.used.is_(None),
            Invitation.revoked.is_(None),
            Invitation.expires > work.now,
        )
        .limit(1)
    )
    if link is None or services.ways[name].unfit(link.uri, call) is not None:
        return
    row = add(services, work, session, call, guest, link, name, asked_by, n=len(guest.ways))
    begin(services, work, Errand(session, call, guest, link, row))


def scope_of(session: CollabSession, call: Call | None) -> str:
    """What an attempt counts for: the call, or the session where there is none."""
    return f"call {call.id}" if call is not None else f"session {session.id}"


def begin(services: Services, work: Work, errand: Errand) -> Deliver | None:
    """Begin an attempt whose turn has come; gives what is left to do after the commit."""
    attempt, way = errand.attempt, services.ways[errand.attempt.way]
    attempt.due = None
    if attempt.destination:
        settings = services.settings.server.invite
        why = policy.refused(settings, attempt.destination) or policy.over(
            work,
            settings,
            destination=attempt.destination,
            asked_by=attempt.asked_by,
            scope=attempt.scope,
        )
        if why is not None:
            settle(services, work, errand.guest, attempt, "failed", str(why))
            return None
    attempt.started = work.now
    try:
        begun = way.begin(services, work, errand)
    except ValueError as error:  # a library would not have it in a header: nothing went out
        begun = Begun("failed", Explained(Why.FAULT, f"it cannot be written: {error}"))
    said = str(begun.why or "")
    if begun.state == "sending":
        _set(work, errand.guest, attempt, begun.state, said)
    else:
        settle(services, work, errand.guest, attempt, begun.state, said)
    return begun.deliver


def settle(
    services: Services, work: Work, guest: Participant, attempt: Attempt, state: str, why: str
) -> None:
    """Note how an attempt ended, and say when the next way of its link begins."""
    if attempt.state not in ("waiting", "sending", "sent", "unknown", "failed"):
        return  # its link has been opened meanwhile, which says more
    attempt.finished = work.now
    _set(work, guest, attempt, state, why)
    if state == "dropped" or attempt.invitation is None or len(guest.ways) < 2:
        return
    work.db.flush()
    following = work.db.scalar(
        select(Attempt)
        .where(
            Attempt.invitation == attempt.invitation,
            Attempt.state == "waiting",
            Attempt.n > attempt.n,
        )
        .order_by(Attempt.n)
        .limit(1)
    )
    if following is not None:
        _next_after(services, work, attempt, following)


def _next_after(services: Services, work: Work, attempt: Attempt, following: Attempt) -> None:
    """Say when the next way's turn is: at once after a failure, else when patience is over."""
    patience = services.settings.server.invite.patience
    due = following.due = work.now + (0 if attempt.state == "failed" else patience)
    work.after_commit(lambda: services.post.set(due))


def looked_at(
    work: Work,
    link: Invitation,
    session: CollabSession,
    guest: Participant,
    attempt: Attempt | None,
) -> None:
    """Note that a join link was looked at: no other way is tried now."""
    if guest.invitation not in UNOPENED:
        return
    _drop_waiting(work, guest)
    if attempt is not None:
        _set(work, guest, attempt, "opened", "")
    else:
        guest.invitation, guest.detail = "opened", ""
    record(work, session, "opened", attempt.way if attempt else "join link", new=guest.uri)
    work.touch(session.id)


def arrived(
    work: Work, guest: Participant, attempt: Attempt | None, state: str, word: str = ""
) -> None:
    """Note that somebody exchanged a link: `joined`, or held for the agent (`confirm`)."""
    _drop_waiting(work, guest)
    if attempt is not None:
        _set(work, guest, attempt, state, "", word)
    if state == "joined" and (attempt is None or attempt.way != DIAL):
        guest.invitation, guest.detail = "joined", ""


def turned_away(work: Work, guest: Participant, attempt: Attempt, why: str) -> None:
    """Note that whoever opened the link was not the one it was for."""
    _set(work, guest, attempt, "failed", why)


def drop(work: Work, guests: Sequence[Participant]) -> None:
    """Want no more of what these people's links still had before them."""
    for guest in guests:
        if guest.ways:
            _drop_waiting(work, guest)


def _drop_waiting(work: Work, guest: Participant) -> None:
    if not any(shown["state"] == "waiting" for shown in guest.ways):
        return
    work.db.execute(
        update(Attempt)
        .where(Attempt.participant == guest.id, Attempt.state == "waiting")
        .values(state="dropped", due=None, finished=work.now),
        execution_options={"synchronize_session": "fetch"},
    )
    guest.ways = [
        shown | {"state": "dropped"} if shown["state"] == "waiting" else shown
        for shown in guest.ways
    ]


def _set(
    work: Work, guest: Participant, attempt: Attempt, state: str, why: str, word: str = ""
) -> None:
    if state != attempt.state:
        work.count("invitations", attempt.way, state)
    attempt.state, attempt.why = state, why[:MAX_WHY]
    _show(work, guest, attempt.way, state, attempt.why, word)
    _sum_up(guest)
    work.touch(guest.session_id)


def show(work: Work, guest: Participant, attempt: Attempt) -> None:
    """Show an attempt that has begun."""
    _show(work, guest, attempt.way, attempt.state, attempt.why)
    work.touch(guest.session_id)


def _show(work: Work, guest: Participant, way: str, state: str, why: str, word: str = "") -> None:
    code, sentence = split(why)
    entry: dict[str, Any] = {"way": way, "state": state, "why": sentence, "code": code}
    entry["at"] = iso(work.now)
    if word:
        entry["word"] = word
    ways = [shown for shown in guest.ways if shown["way"] != way]
    place = next((n for n, shown in enumerate(guest.ways) if shown["way"] == way), len(ways))
    guest.ways = [*ways[:place], entry, *ways[place:]]


def _sum_up(guest: Participant) -> None:
    """Say in one word how the whole invitation stands."""
    if guest.invitation in ("joined", "revoked"):
        return
    for state in _RANK:
        for shown in guest.ways:
            if shown["way"] != DIAL and shown["state"] == state:
                guest.invitation = _SHOWN.get(state, state)
                code = shown.get("code")
                guest.detail = f"{code}: {shown['why']}" if code else shown["why"]
                return
