"""What a connector's report does: calls are brought up to date, and their sessions with them.

One report is one transaction. Reports hold state, not edges: the latest of a call wins by
(epoch, seq), a lower one is ignored, the same one again changes nothing. Where a PBX has several
connectors only the reports of its lease's holder count (`collab_server.calls.leases`), and a later
lease comes before both numbers. A snapshot also ends every call of its PBX that it does not list.
Calls follow reports whatever they say; a session that ended stays ended
(`collab_server.sessions.states`).

A call whose session has ended may ask again, by a code that somebody presses: that makes a new
session. A report tells no press, so it is seen by what differs from the call's report before: the
type, or a higher count of `requests`. A count that appears, or starts anew, tells nothing: the
connector was replaced, or lost its memory. Another type under the same count is the dialplan's,
which marked the call anew: its session is of that type then, if nobody was invited to it yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from collab_server import commands, uris
from collab_server.calls import leases
from collab_server.calls.leases import Claim
from collab_server.calls.lookup import UNMARKED
from collab_server.calls.schemas import CommandResult, Report, ReportedCall, clip
from collab_server.db.base import URI
from collab_server.db.calls import Call, CallAlias, TraceLine
from collab_server.db.sessions import CollabSession
from collab_server.invite import dialling
from collab_server.pairing import phone
from collab_server.people import standing
from collab_server.placed import reported as placed
from collab_server.results import SETTLES
from collab_server.sessions import service
from collab_server.sessions.history import MAX_LINES, MAX_TEXT, stop, trace

if TYPE_CHECKING:
    from collab_server.db.engine import Work
    from collab_server.services import Services

_CHUNK = 400
"""Ids asked for in one statement; SQLite of old takes 999 variables."""


@dataclass
class Outcome:
    """What a report came to."""

    accepted: int = 0
    ignored: int = 0
    sessions: int = 0
    """Sessions made."""
    states: list[str] = field(default_factory=list)
    """The new states of calls that changed theirs."""
    lease: Claim = field(default_factory=lambda: Claim(held=False, epoch=0, seconds=0.0))


def apply(services: Services, work: Work, pbx: str, report: Report) -> Outcome:
    """Apply a report of a PBX's connector."""
    able = report.pbx is None or report.pbx.connected
    lease = leases.claim(services, work, pbx, report.connector, able=able)
    outcome = Outcome(lease=lease)
    if not lease.held:
        outcome.ignored = len(report.calls)
        believed = [one for one in report.results if leases.believed(work, pbx, one)]
        outcome.ignored += len(report.results) - len(believed)
        _take_results(services, work, pbx, believed, outcome)
        return outcome
    if report.leaving:
        outcome.lease = leases.release(work, pbx, report.connector)
    fence = lease.epoch
    known = _known(work, pbx, report.calls)
    _hold_sessions(work, known.values())
    listed: set[int] = set()
    for reported in report.calls:
        call = _find(known, reported)
        if call is not None and _is_no_news(fence, report.epoch, reported, call):
            outcome.ignored += 1
            listed.add(call.id)
            continue
        if call is None:
            call = _new(work, pbx, reported)
        work.hold(call)
        known[call.call_id] = call
        _remember_aliases(work, call, reported, known)
        call.fence = fence
        _update(services, work, call, report.epoch, reported, outcome)
        listed.add(call.id)
        outcome.accepted += 1
    if report.snapshot:
        _end_unlisted(services, work, pbx, (fence, report.epoch), listed)
    _take_results(services, work, pbx, report.results, outcome)
    return outcome


def _take_results(
    services: Services, work: Work, pbx: str, results: Iterable[CommandResult], outcome: Outcome
) -> None:
    for result in results:
        settled = commands.result(
            services, work, pbx, result.id, result.status, result.detail, SETTLES
        )
        if settled:
            outcome.accepted += 1
        else:
            outcome.ignored += 1


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    all_ids = list(dict.fromkeys(ids))
    for start in range(0, len(all_ids), _CHUNK):
        yield all_ids[start : start + _CHUNK]


def _known(work: Work, pbx: str, reported: Iterable[ReportedCall]) -> dict[str, Call]:
    """The calls these reports may be about, by id and by alias."""
    known: dict[str, Call] = {}
    for ids in _chunks(name for call in reported for name in (call.id, *call.aliases)):
        for call in work.db.scalars(select(Call).where(Call.pbx == pbx, Call.call_id.in_(ids))):
            known[call.call_id] = call
    # Most reports are about a call that is known by its id and has no other: no need to look.
    others = [call for call in reported if call.aliases or call.id not in known]
    for ids in _chunks(name for call in others for name in (call.id, *call.aliases)):
        by_alias = (
            select(CallAlias.alias, Call)
            .join(Call, Call.id == CallAlias.call)
            .where(CallAlias.pbx == pbx, CallAlias.alias.in_(ids))
        )
        for row in work.db.execute(by_alias):
            known.setdefault(row.alias, row.Call)
    return known


def _hold_sessions(work: Work, calls: Iterable[Call]) -> None:
    """Read the sessions of these calls at once, rather than one by one."""
    for ids in _chunks(call.session_id for call in calls if call.session_id is not None):
        work.hold(*work.db.scalars(select(CollabSession).where(CollabSession.id.in_(ids))))


def _find(known: dict[str, Call], reported: ReportedCall) -> Call | None:
    for name in (reported.id, *reported.aliases):
        if name in known:
            return known[name]
    return None


def _is_no_news(fence: int, epoch: int, reported: ReportedCall, call: Call) -> bool:
    if call.epoch is None or call.seq is None:
        return False
    before = call.fence or 0
    if before < fence and call.state == reported.state == "ended":
        return True  # who holds the lease now has seen that end as well
    return (fence, epoch, reported.seq) < (before, call.epoch, call.seq)


def _new(work: Work, pbx: str, reported: ReportedCall) -> Call:
    call = Call(
        pbx=pbx,
        call_id=reported.id,
        state="",
        since=work.now,
        first_seen=work.now,
        initiator=reported.initiator,
        held=False,
        lines=0,
    )
    work.db.add(call)
    work.db.flush()
    return call


def _remember_aliases(
    work: Work, call: Call, reported: ReportedCall, known: dict[str, Call]
) -> None:
    """The call goes by the id it is reported with, that of its user leg now; its former ids stay
    aliases. A name that means another call already keeps meaning that."""
    more = []
    if call.call_id != reported.id and known.get(reported.id, call) is call:
        former, call.call_id = call.call_id, reported.id
        taken = CallAlias.pbx == call.pbx, CallAlias.alias == reported.id
        work.db.execute(delete(CallAlias).where(*taken))
        more.append(former)
        known[former] = known[reported.id] = call
        trace(work, call, "server", f"the call goes on as {reported.id}; it was {former}")
    for name in (reported.id, *reported.aliases):
        if name != call.call_id and name not in known:
            more.append(name)
            known[name] = call
    if more:
        _add_aliases(work, call, more, reported.aliases)


def _add_aliases(work: Work, call: Call, names: Sequence[str], order: Sequence[str]) -> None:
    """Add names of a call, and bring them all into the order in which they are reported."""
    work.db.add_all(CallAlias(pbx=call.pbx, alias=name, call=call.id) for name in names)
    work.db.flush()
    for row in work.db.scalars(select(CallAlias).where(CallAlias.call == call.id)):
        row.n = order.index(row.alias) if row.alias in order else len(order)


def _update(
    services: Services,
    work: Work,
    call: Call,
    epoch: int,
    reported: ReportedCall,
    outcome: Outcome,
) -> None:
    before = standing.noted(call)
    state = "active" if reported.state == "inviting" else reported.state
    kind = clip(reported.type, 16)
    news = state != call.state or kind != call.type
    first = call.epoch is None
    counted = 0 < reported.requests <= call.requests
    again = not first and (
        0 < call.requests < reported.requests or (kind != call.type and not counted)
    )
    marked_anew = counted and not first and kind != call.type
    back = call.state == "ended" and state != "ended"
    call.epoch, call.seq = epoch, reported.seq
    call.state = state
    call.type, call.requests = kind, reported.requests
    call.initiator = reported.initiator
    call.user_uri = clip(reported.user_uri, URI)
    agent_uri = clip(reported.agent_uri, URI)
    usable = agent_uri if agent_uri and uris.is_agent_uri(agent_uri) else None
    # Who served an ended call last stays on record, also where an older connector does not say it.
    call.agent_uri = usable or (call.agent_uri if state == "ended" else None)
    call.agent_leg = clip(reported.agent_leg, 200)
    call.queue = clip(reported.queue, 200)
    call.position = reported.position
    call.held = reported.held
    call.cause = clip(reported.cause, 40)
    call.since = reported.since.timestamp() if reported.since else work.now
    call.ended = (call.ended or work.now) if state == "ended" else None
    _take_lines(work, call, reported)
    if news:
        outcome.states.append(state)
        trace(work, call, "server", _received(work, reported, state))
    if back:
        trace(work, call, "server", "the call is back after it was taken for ended")
    if agent_uri and usable is None:
        trace(work, call, "server", f"agent URI not usable: {agent_uri!r}")
    session = _session(services, work, call, outcome, first=first, again=again)
    if session is not None and marked_anew and call.type in service.TYPES:
        service.retype(work, session, call.type, "the dialplan marked the call anew")
    if session is not None:
        if reported.unreached is not None:
            dialling.unreached(work, call, reported.unreached)
        service.follow(services, work, session, call)
        if call.placed:
            placed.reported(services, work, call, reported.unreached)
    elif state == "ended" and call.stopped_stage is None:
        stop(work, call, "mark", "the call carried no mark of a collaboration")
    if reported.pairing is not None:
        phone.take(services, work, call, reported.pairing)
    standing.changed(work, call, before)


def _received(work: Work, reported: ReportedCall, state: str) -> str:
    """The line that says what came, and how long it was under way."""
    times = [line.at for line in reported.trace] or ([reported.since] if reported.since else [])
    text = f"report: {state}"
    if reported.agent_uri:
        text += f", agent {reported.agent_uri}"
    if times:
        text += f" ({max(0.0, work.now - max(times).timestamp()) * 1000:.0f} ms after the PBX)"
    return text


def _take_lines(work: Work, call: Call, reported: ReportedCall) -> None:
    """Keep the connector's lines; one that was kept before (same number, same time) is dropped."""
    room = MAX_LINES - call.lines
    # A connector does not know that somebody typed a code for a call that nobody marked.
    paired = call.session_id is not None and call.type is None
    rows = [
        {
            "call": call.id,
            "n": line.n,
            "at": line.at.timestamp(),
            "stage": line.stage,
            "text": line.text[:MAX_TEXT],
            "stopped": line.stopped,
        }
        for line in reported.trace[: max(0, room)]
        if not (paired and line.stopped and line.text.startswith(UNMARKED))
    ]
    if rows:
        insert = sqlite.insert if work.sqlite else postgresql.insert
        # One statement for all rows; SQLite also tells how many of them were new.
        taken = work.db.connection().execute(insert(TraceLine).on_conflict_do_nothing(), rows)
        call.lines += taken.rowcount if taken.rowcount >= 0 else len(rows)
    for line in reported.trace:
        if line.stage == "end" and call.stopped_stage is not None:
            continue  # how it ended is not why it stopped
        # With a session it may yet find its agent; that is why nobody did until it has.
        if line.stopped and (call.session_id is None or line.stage == "agent"):
            call.stopped_stage, call.stopped_reason = line.stage, line.text[:MAX_TEXT]


def _session(
    services: Services, work: Work, call: Call, outcome: Outcome, *, first: bool, again: bool
) -> CollabSession | None:
    """The session of a call, made if it is a collaboration call that has none, or asks again after
    its session has ended. `first`: nobody had reported the call; `again`: it was asked for since.
    """
    former = call.session_id
    if former is not None:
        session = work.db.get(CollabSession, former)
        if session is not None:
            work.hold(session)
        if session is not None and session.state != "ended":
            # What was asked for in an ended session is not asked for in the next.
            if call.type in service.TYPES and (first or again):
                service.open_panel(work, session, call.type, "call")
            return session
        if not again or call.state == "ended":
            return session  # None: its retention is over
    if call.type is None:
        return None
    why = None
    if call.type not in service.TYPES:
        why = f"no session: {call.type!r} is no type of collaboration"
    elif not call.user_uri or not uris.is_user_uri(call.user_uri):
        why = f"no session: {call.user_uri!r} is no address of a user"
    if why is not None:
        if call.stopped_stage is None:
            stop(work, call, "mark", why)
        return None
    outcome.sessions += 1
    return service.create(
        services,
        work,
        type=call.type,
        initiator=call.initiator,
        user_uri=call.user_uri or "",
        call=call,
        cause=f"PBX {call.pbx} reported {'a new request in ' if former else ''}the call",
    )


def _end_unlisted(
    services: Services, work: Work, pbx: str, by: tuple[int, int], listed: set[int]
) -> None:
    """End what a snapshot does not list; a call no connector ever reported is not its business."""
    fence, epoch = by
    fenced = func.coalesce(Call.fence, 0)
    reported = select(Call).where(
        Call.pbx == pbx,
        Call.ended.is_(None),
        or_(fenced < fence, and_(fenced == fence, Call.epoch <= epoch)),
        Call.epoch.is_not(None),
    )
    unlisted = [call for call in work.db.scalars(reported).all() if call.id not in listed]
    _hold_sessions(work, unlisted)
    for call in unlisted:
        before = standing.noted(call)
        call.state, call.cause, call.ended, call.since = "ended", "lost", work.now, work.now
        trace(work, call, "end", "not on the PBX any more when the connector looked again: lost")
        session = work.db.get(CollabSession, call.session_id) if call.session_id else None
        if session is not None:
            service.follow(services, work, session, call)
            if call.placed:
                placed.reported(services, work, call, None)
        elif call.stopped_stage is None:
            stop(work, call, "mark", "the call carried no mark of a collaboration")
        standing.changed(work, call, before)
