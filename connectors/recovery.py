"""What a list of all that stands says of the calls: which go on, which are lost, which are found.

A `Snapshot` comes after every connect. Whatever it lacks has ended out of sight; whatever it has
that nobody remembers is found by its queue or its mark.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors import model
from connectors.book import Book
from connectors.outgoing import Outgoing
from connectors.placed import Placed


def recover(
    snapshot: model.Snapshot, book: Book, outgoing: Outgoing, placed: Placed, now: float
) -> None:
    """Bring the graph, the standing calls and those that agents make up to the list.

    Who serves each call is not concluded yet.
    """
    book.cti.replace(snapshot)
    _keep_or_lose(book, snapshot, now)
    book.forget_gone()
    outgoing.forget_gone()
    placed.found(snapshot, now)
    queued = [listed for listed in snapshot.legs if listed.queue]
    waiting = {listed.up.leg for listed in queued}
    for call in book.calls.values():
        if call.waiting and call.user_leg not in waiting:
            book.lines.leave(call)
    _still_queued((s for s in queued if not _is_pipe(s)), book, now)
    marked = [listed for listed in snapshot.legs if listed.mark is not None]
    # A mark is inherited by the legs a call dials: the user's own comes first.
    marked.sort(key=lambda s: (_is_pipe(s), book.cti.is_agents_leg(s.up.leg)))
    for listed in marked:
        _still_marked(listed, book, outgoing, now)
    # A pipe waits in the place of a user who is found by now.
    _still_queued((s for s in queued if _is_pipe(s)), book, now)
    _talked(snapshot, book)


def _keep_or_lose(book: Book, snapshot: model.Snapshot, now: float) -> None:
    """A call goes on with its user leg, a leg its user had before, or the agent who rings it."""
    legs = book.cti.legs
    for call in list(book.calls.values()):
        if call.user_leg in legs or call.reached_by in legs:
            continue
        alive = [name for name in (call.id, *call.aliases) if name in legs]
        if alive and alive[-1] not in book.anchors:
            book.move(call, alive[-1], now)
        else:
            why = "the PBX was restarted" if snapshot.restarted else "while out of sight"
            book.end(call, "lost", why, now)


def _still_queued(queued: Iterable[model.SnapshotLeg], book: Book, now: float) -> None:
    for listed in queued:
        call = book.at(listed.up.leg)
        if call is None:
            call = book.create(listed.up.leg, now, recovered=True)
        if not call.waiting or call.queue != listed.queue:
            call.trace(now, "queue", f"waits in queue {listed.queue}")
        book.lines.place(call, listed.queue, listed.position)
        book.touch(call)


def _still_marked(listed: model.SnapshotLeg, book: Book, outgoing: Outgoing, now: float) -> None:
    leg, mark = listed.up.leg, listed.mark
    if mark is None:
        return
    call = book.at(leg)
    if call is None and book.cti.is_agents_leg(leg):
        outgoing.found(mark, now)
        return
    call = call or book.create(leg, now, recovered=True)
    if call.type is None:
        book.mark(call, mark, now)


def _talked(snapshot: model.Snapshot, book: Book) -> None:
    """Calls that nobody is in now: whether somebody was decides what their end will mean."""
    ringing = {listed.dialled_by for listed in snapshot.legs}
    for listed in snapshot.legs:
        call = book.anchors.get(listed.up.leg)
        if call is None or listed.bridge:
            continue
        call.answered = call.answered or bool(listed.talked)
        waits = call.waiting or listed.up.leg in ringing or call.reached_by is not None
        call.uncertain = listed.talked is None and not waits


def _is_pipe(listed: model.SnapshotLeg) -> bool:
    return listed.up.role is model.LegRole.INTERNAL
