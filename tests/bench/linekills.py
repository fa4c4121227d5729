"""Programs are killed while calls without a telephone stand in a queue: what is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from tests.bench.linesite import Site
from tests.e2e.world import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.bench.linepbx import LinePbx
    from tests.e2e.programs import Program

COUNT = 40
"""Calls that stand while somebody is killed."""
WITHIN = 30.0
LOOK = 0.1


async def kills(pbx: LinePbx) -> list[str]:
    """A line for each of those who are killed."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        async with Site(pbx, Path(folder), COUNT) as site:
            both = [site.connector, site.server]
            lines.append(await _killed(pbx, site, "connector", [site.connector]))
            lines.append(await _killed(pbx, site, "server", [site.server]))
            lines.append(await _killed(pbx, site, "both", both))
            lines.append(await _pbx_killed(pbx, site))
    return lines


async def _killed(pbx: LinePbx, site: Site, who: str, programs: Sequence[Program]) -> str:
    """Half of the calls stand and more come: SIGKILL. Half are taken back as soon as it can be."""
    await pbx.begin()
    for _ in range(COUNT // 2):
        await site.post_call()
    posting = asyncio.create_task(_post(site, COUNT // 2))
    await _until(lambda: _is(len(pbx.entered) > COUNT // 2))
    for program in programs:
        await program.kill()
    await posting
    for program in reversed(programs):
        await program.start()
    began = time.monotonic()
    calls = await site.standing()
    kept = calls[: len(calls) // 2]
    for call in calls[len(kept) :]:
        await site.take_back(call)
    stand = await _until(lambda: _stand(pbx, len(kept)))
    settled = time.monotonic() - began
    twice = len(pbx.entered) - len({entry.call for entry in pbx.entered})
    for call in kept:
        await site.take_back(call)
    await _until(lambda: _stand(pbx, 0))
    return (
        f"{who} killed while {COUNT // 2} calls stood and others came: of {len(calls)} that were "
        f"posted {len(calls) - len(kept)} taken back, the other {len(kept)} "
        f"{'stood alone' if stand else 'DID NOT STAND ALONE'} {settled:.1f} s later, {twice} stood "
        f"twice; all taken back: {await pbx.channels()} channels left"
    )


async def _pbx_killed(pbx: LinePbx, site: Site) -> str:
    await pbx.begin()
    for _ in range(COUNT // 2):
        await site.post_call()
    await _until(lambda: _stand(pbx, COUNT // 2))
    if not await pbx.restart():
        return "the PBX itself: not killed"
    began = time.monotonic()
    await _until(lambda: _none_listed(site))
    return (
        f"PBX killed and started while {COUNT // 2} calls stood: {len(await site.standing())} of "
        f"them stand on the server {time.monotonic() - began:.1f} s later, {await pbx.channels()} "
        "channels left"
    )


async def _post(site: Site, count: int) -> None:
    for _ in range(count):
        with contextlib.suppress(aiohttp.ClientError):  # there may be no server now
            await site.post_call()


async def _is(so: bool) -> bool:
    return so


async def _stand(pbx: LinePbx, count: int) -> bool:
    return await pbx.channels() == count * pbx.channels_each


async def _none_listed(site: Site) -> bool:
    return not await site.standing()


async def _until(look: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it came to be so in time."""

    async def pair() -> tuple[bool, None]:
        return await look(), None

    with contextlib.suppress(AssertionError):
        await until(pair, "", WITHIN, LOOK)
    return await look()
