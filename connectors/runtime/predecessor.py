"""What another connector of the PBX has reported: the calls that stand, as the server has them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from connectors.marks import shown
from connectors.model import CallReport, CallState
from connectors.runtime.codec import seconds_of
from connectors.runtime.http import read, why

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=5, connect=2)
PAGES = 100
"""Of the list, which are followed."""
PAGE_LIMIT = 1024 * 1024
"""Bytes of one; it has 200 calls."""
CALLS_LIMIT = 20_000
"""Calls that are taken."""
_TEXTS = ("id", "type", "initiator", "user_uri", "agent_uri", "agent_leg", "queue")


class AskError(Exception):
    """The server did not say what stands; the message is one line. `permanent`: nor will it."""

    def __init__(self, what: str, *, permanent: bool = False) -> None:
        super().__init__(what)
        self.permanent = permanent


async def standing(http: aiohttp.ClientSession, server: str, pbx: str) -> list[CallReport]:
    """The calls of a PBX that stand by the last word of whoever reported. Raises `AskError`."""
    path: str | None = f"/v1/calls?pbx={pbx}&limit=200"
    calls: list[CallReport] = []
    for _ in range(PAGES):
        if path is None or len(calls) >= CALLS_LIMIT:
            break
        page = await _page(http, f"{server}{path}")
        items = page.get("items")
        if not isinstance(items, list):
            raise AskError("the server's list of calls cannot be understood", permanent=True)
        calls += [call for item in items if (call := _call(item)) is not None]
        following = page.get("next")
        path = following if isinstance(following, str) and following.startswith("/") else None
    return calls


async def _page(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    try:
        async with http.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
            if response.status != 200:
                permanent = response.status in (401, 403, 404)
                raise AskError(f"the server answers {response.status}", permanent=permanent)
            page = orjson.loads(await read(response, PAGE_LIMIT))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise AskError(f"the server cannot be reached ({why(error)})") from None
    except ValueError:
        raise AskError("the server's list of calls cannot be understood", permanent=True) from None
    if not isinstance(page, dict):
        raise AskError("the server's list of calls cannot be understood", permanent=True)
    return page


def _call(item: Mapping[str, Any]) -> CallReport | None:
    """A call of the list: `id` is its present user leg, `aliases` what it was called before."""
    try:
        names = [*item["aliases"], item["id"]]
        texts = [*names, *(item[name] for name in _TEXTS)]
        if not all(isinstance(text, str | None) for text in texts) or None in names:
            raise TypeError("not a text")
        if not isinstance(item["position"], int | None) or not isinstance(item["requests"], int):
            raise TypeError("not a number")
        return CallReport(
            id=names[0],
            state=CallState(item["state"]),
            type=item["type"],
            initiator=item["initiator"],
            user_uri=item["user_uri"] or "",
            agent_uri=item["agent_uri"],
            agent_leg=item["agent_leg"],
            queue=item["queue"],
            position=item["position"],
            held=item["held"] is True,
            cause=None,
            since=seconds_of(item["since"]),
            aliases=tuple(names[1:]),
            requests=item["requests"],
        )
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        log.warning("a call in the server's list cannot be understood: %s", shown(repr(error)))
        return None
