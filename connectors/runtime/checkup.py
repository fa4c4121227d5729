"""``tandem-connector check``: what is wrong between PBX and server, and the line that mends it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from email.utils import parsedate_to_datetime

import aiohttp

from connectors.runtime.driver import Finding
from connectors.runtime.http import why
from connectors.settings import PbxSettings

Check = Callable[[PbxSettings, float], Awaitable[Iterable[Finding]]]

SERVER_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
ANSWER_LIMIT = 64 * 1024
SKEW_LIMIT = 5.0
"""Seconds by which two clocks may differ; beyond it the lines of a call trace lose their order."""


def run(settings: PbxSettings, listen: float = 0.0) -> int:
    """Print every finding; 1 when something is wrong, else 0.

    `listen`: seconds to watch for a call, which shows what a look at the set-up cannot.
    """
    if listen:
        print(f"watching for a call for {listen:g} s at most: make one, and end it", flush=True)
    findings = asyncio.run(check_pbx_and_server(settings, listen))
    for finding in findings:
        print(("ok     " if finding.ok else "WRONG  ") + finding.text)
        if finding.mend:
            print(f"       -> {finding.mend}")
    wrong = sum(1 for finding in findings if not finding.ok)
    print(f"{wrong} wrong" if wrong else "all well")
    sys.stdout.flush()
    return 1 if wrong else 0


async def check_pbx_and_server(settings: PbxSettings, listen: float = 0.0) -> list[Finding]:
    """What is well and what is wrong, the PBX first."""
    pbx, server = await asyncio.gather(
        check_for(settings)(settings, listen), check_server(settings)
    )
    return [*pbx, *server, *_numbers(settings)]


def _numbers(settings: PbxSettings) -> list[Finding]:
    """Whether the server can tell which numbers that it has called cost, or are for emergencies."""
    if settings.country or not settings.dial_context:
        return []
    text = "numbers: without a country those for emergencies and most premium-rate ones are called"
    return [Finding(True, text, f'pbx.{settings.name}.country = "…", by its two letters')]


def check_for(settings: PbxSettings) -> Check:
    """The check of the PBX's kind. Only that one's libraries are loaded."""
    if settings.kind == "freeswitch":
        from connectors.freeswitch.check import check_freeswitch

        return check_freeswitch
    from connectors.asterisk.check import check_asterisk

    return check_asterisk


async def check_server(settings: PbxSettings) -> Iterable[Finding]:
    """Whether the collaboration server answers and takes this PBX's key.

    An empty report is posted: a server that takes the key finds its body invalid (422) and
    changes nothing; a wrong key is 401 or 403.
    """
    url = f"{settings.server}/v1/pbx/{settings.name}/reports"
    headers = {"Authorization": f"Bearer {settings.key.get_secret_value()}"}
    setting = f"pbx.{settings.name}.server"
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                url, json={}, headers=headers, timeout=SERVER_TIMEOUT, allow_redirects=False
            ) as response,
        ):
            status = response.status
            clock = _clock(settings, response.headers.get("Date", ""), time.time())
            standby = await _standby(http, settings)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return [
            Finding(
                False,
                f"server {settings.server}: it cannot be reached ({why(error)})",
                f"tandem-server run, or {setting} in tandem.toml",
            )
        ]
    if status in (200, 400, 409, 422):
        well = f"server {settings.server}: reached, and it takes this PBX's key"
        return [Finding(True, well), *clock, *standby]
    if status in (401, 403):
        return [
            Finding(
                False,
                f"server {settings.server}: it does not take this PBX's key ({status})",
                f"the same key under [pbx.{settings.name}] in the server's tandem.toml and here",
            )
        ]
    if status == 404:
        return [
            Finding(
                False,
                f"server {settings.server}: it knows no PBX {settings.name!r} (404)",
                f"[pbx.{settings.name}] with its key in the server's tandem.toml; or {setting}, if"
                " that is not the server's whole address, without a path",
            )
        ]
    mend = "the server's log says why" if status >= 500 else f"{setting}: is it Tandem?"
    return [Finding(False, f"server {settings.server}: it answers {status}", mend)]


def _clock(settings: PbxSettings, date: str, now: float) -> list[Finding]:
    """Whether the server's clock, as its answer tells, is another than ours."""
    try:
        ahead = now - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return []
    if abs(ahead) <= SKEW_LIMIT:
        return []
    which = "ahead of" if ahead > 0 else "behind"
    text = f"clock: this machine is {abs(ahead):.0f} s {which} the server {settings.server}"
    return [Finding(False, text, "the right time on both: timedatectl set-ntp true")]


async def _standby(http: aiohttp.ClientSession, settings: PbxSettings) -> list[Finding]:
    """How many connectors of this PBX wait to take over, where the server says that any do."""
    async with http.get(
        f"{settings.server}/readyz", timeout=SERVER_TIMEOUT, allow_redirects=False
    ) as response:
        answer = await response.content.read(ANSWER_LIMIT)
    try:
        number = json.loads(answer)["pbx_detail"][settings.name]["standby"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []  # it is not ready, or knows of no such thing
    if type(number) is not int or number < 1:
        return []
    who = "1 connector stands by" if number == 1 else f"{number} connectors stand by"
    return [Finding(True, f"server {settings.server}: {who} to take this PBX over")]
