"""Commands that run others later."""

from __future__ import annotations

from .command import Command, Request


async def _sched_api(request: Request) -> str:
    return request.pbx.scheduler.add(request.text)


async def _sched_del(request: Request) -> str:
    return request.pbx.scheduler.delete(request.text)


COMMANDS: dict[str, Command] = {"sched_api": _sched_api, "sched_del": _sched_del}
