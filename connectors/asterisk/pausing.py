"""Members of queues that are paused, and let work again, over AMI."""

from __future__ import annotations

import asyncio

from connectors.asterisk.connection import Ami
from connectors.asterisk.wire import Frame
from connectors.marks import shown
from connectors.model import HoldMember, PauseMember
from connectors.runtime.driver import Outcome

HELD = "collaboration begins"
"""The reason of a pause that only holds an agent who has answered a placeholder. It survives who
made it, so it is told by this from one that the server has asked for."""


class Pausing:
    """One change at a time: each looks first how the members stand."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def pause(self, ami: Ami, effect: PauseMember) -> Outcome:
        """See `connectors.model.PauseMember`. Each member by itself, since only some of them may
        be paused already, by somebody else."""
        async with self._turn:
            wanted, paused_by = [], ""
            for interface in effect.interfaces:
                for queue, reason in await _members(ami, interface):
                    if _changes(effect, reason):
                        wanted.append((queue, interface))
                    elif effect.paused and reason != effect.reason:
                        paused_by = reason or "no reason given"
            for queue, interface in wanted:
                await _set(ami, queue, interface, effect.reason, paused=effect.paused)
        if effect.paused and not wanted and paused_by:
            return Outcome("failed", f"already paused: {shown(paused_by)}")
        word = "paused" if effect.paused else "ready again"
        return Outcome("done", f"{word} in {len(wanted)} queues")

    async def hold(self, ami: Ami, effect: HoldMember) -> Outcome:
        """See `connectors.model.HoldMember`."""
        before = None if effect.held else HELD
        async with self._turn:
            members = await _members(ami, effect.interface)
            wanted = [queue for queue, reason in members if reason == before]
            for queue in wanted:
                await _set(ami, queue, effect.interface, HELD, paused=effect.held)
        word = "held" if effect.held else "let go"
        return Outcome("done", f"{word} in {len(wanted)} queues")


def pause_of(item: Frame) -> str | None:
    """The reason a listed member is paused for; None: it is not paused."""
    return item.get("PausedReason") if item.get("Paused") == "1" else None


def _changes(effect: PauseMember, reason: str | None) -> bool:
    """Whether it changes a member that is paused for a reason, or not (None)."""
    if effect.paused:
        return reason in (None, HELD)
    return reason is not None and effect.reason in ("", reason)


async def _members(ami: Ami, interface: str) -> list[tuple[str, str | None]]:
    """The queues a member is in, and the reason of its pause there."""
    items = await ami.ask_list({"Action": "QueueStatus", "Member": interface})
    return [
        (item.get("Queue"), pause_of(item))
        for item in items
        if item.event == "QueueMember" and item.get("Location") == interface
    ]


async def _set(ami: Ami, queue: str, interface: str, reason: str, *, paused: bool) -> None:
    fields = {"Queue": queue, "Interface": interface, "Reason": reason}
    await ami.ask({"Action": "QueuePause", **fields, "Paused": "true" if paused else "false"})
