"""Actions about queues: what stands, who logs in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...world import MemberSpec
from ..channel import UNKNOWN

if TYPE_CHECKING:
    from ..queue import Queue
    from ..session import Request, Session

Action = Callable[["Session", "Request"], None]


def _wanted(session: Session, request: Request) -> list[Queue]:
    name = request.get("Queue")
    queues = session.server.pbx.queues
    return [queue for queue in queues.values() if name in ("", queue.name)]


def queue_status(session: Session, request: Request) -> None:
    """QueueStatus, of all queues or one, all members or one."""
    now = session.server.pbx.clock()
    session.list_start(request, "Queue status will follow")
    items = 0
    for queue in _wanted(session, request):
        performance = 100.0 * queue.in_time / queue.completed if queue.completed else 0.0
        session.list_item(
            request,
            "QueueParams",
            f"Queue: {queue.name}\r\nMax: 0\r\nStrategy: {queue.spec.strategy}\r\n"
            f"Calls: {len(queue.entries)}\r\nHoldtime: {queue.hold_time}\r\n"
            f"TalkTime: {queue.talk_time}\r\nCompleted: {queue.completed}\r\n"
            f"Abandoned: {queue.abandoned}\r\nServiceLevel: 0\r\n"
            f"ServicelevelPerf: {performance:.1f}\r\nServicelevelPerf2: {performance:.1f}\r\n"
            "Weight: 0\r\n",
            id_last=True,
        )
        items += 1
        for member in queue.members:
            if request.get("Member") in ("", member.interface):
                session.list_item(
                    request,
                    "QueueMember",
                    member.fields(ring_in_use=False, location=True),
                    id_last=True,
                )
                items += 1
        if request.get("Member"):
            continue
        for entry in queue.entries:
            channel = entry.channel
            line = [
                "unknown" if text == UNKNOWN else text
                for text in (
                    channel.cid_num, channel.cid_name, channel.conn_num, channel.conn_name
                )
            ]  # fmt: skip
            session.list_item(
                request,
                "QueueEntry",
                f"Queue: {queue.name}\r\nPosition: {entry.position}\r\n"
                f"Channel: {channel.name}\r\nUniqueid: {channel.uniqueid}\r\n"
                f"CallerIDNum: {line[0]}\r\nCallerIDName: {line[1]}\r\n"
                f"ConnectedLineNum: {line[2]}\r\nConnectedLineName: {line[3]}\r\n"
                f"Wait: {int(now - entry.joined)}\r\nPriority: 0\r\n",
                id_last=True,
            )
            items += 1
    session.list_end(request, "QueueStatusComplete", items)


def queue_summary(session: Session, request: Request) -> None:
    """QueueSummary."""
    now = session.server.pbx.clock()
    session.list_start(request, "Queue summary will follow")
    items = 0
    for queue in _wanted(session, request):
        longest = max((int(now - entry.joined) for entry in queue.entries), default=0)
        session.list_item(
            request,
            "QueueSummary",
            f"Queue: {queue.name}\r\nLoggedIn: {len(queue.members)}\r\n"
            f"Available: {sum(member.available for member in queue.members)}\r\n"
            f"Callers: {len(queue.entries)}\r\nHoldTime: {queue.hold_time}\r\n"
            f"TalkTime: {queue.talk_time}\r\nLongestHoldTime: {longest}\r\n",
            id_last=True,
        )
        items += 1
    session.list_end(request, "QueueSummaryComplete", items)


def queue_add(session: Session, request: Request) -> None:
    """QueueAdd: a dynamic member logs in."""
    name, interface = request.get("Queue"), request.get("Interface")
    if not name or not interface:
        missing = "Queue" if not name else "Interface"
        session.error(request, f"'{missing}' not specified.")
        return
    queue = session.server.pbx.queues.get(name)
    if queue is None:
        session.error(request, "Unable to add interface to queue: No such queue")
        return
    if queue.member(interface) is not None:
        session.error(request, "Unable to add interface: Already there")
        return
    session.reply(request, "Message: Added interface to queue\r\n")
    penalty = request.get("Penalty")
    queue.add(
        MemberSpec(
            interface,
            request.get("MemberName"),
            request.get("StateInterface"),
            int(penalty) if penalty.isdigit() else 0,
        )
    )


def queue_remove(session: Session, request: Request) -> None:
    """QueueRemove: a dynamic member logs out."""
    queue = session.server.pbx.queues.get(request.get("Queue"))
    if queue is None:
        session.error(request, "Unable to remove interface from queue: No such queue")
        return
    member = queue.member(request.get("Interface"))
    if member is None:
        session.error(request, "Unable to remove interface: Not there")
        return
    if member.membership != "dynamic":
        session.error(request, "Member not dynamic")
        return
    session.reply(request, "Message: Removed interface from queue\r\n")
    queue.remove(member)


def queue_pause(session: Session, request: Request) -> None:
    """QueuePause, in one queue or all."""
    interface = request.get("Interface")
    members = [(queue, queue.member(interface)) for queue in _wanted(session, request)]
    found = [(queue, member) for queue, member in members if member is not None]
    if not found:
        session.error(request, "Interface not found")
        return
    paused = request.get("Paused").lower() in ("true", "yes", "1", "on")
    session.reply(
        request, f"Message: Interface {'paused' if paused else 'unpaused'} successfully\r\n"
    )
    for queue, member in found:
        queue.pause(member, paused, request.get("Reason"))


ACTIONS: dict[str, Action] = {
    "queueadd": queue_add,
    "queuepause": queue_pause,
    "queueremove": queue_remove,
    "queuestatus": queue_status,
    "queuesummary": queue_summary,
}
