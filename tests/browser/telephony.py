"""A PBX, a connector and a server beside it, for tests whose own work is in browsers.

Playwright's tests are not asynchronous, the telephones are: those live on an event loop in a thread
of its own, and a test has things done there by `do`.
"""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

from tests.behaviour.conftest import pbx_named
from tests.behaviour.world import ANSWERS, BY_HAND, Tandem
from tests.e2e.world import until

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from types import TracebackType
    from typing import Self

SITE_KEY = "site-key-of-the-flows-tests"
WITHIN = 60.0
"""Seconds one thing on the telephones may take."""


class Beside(Tandem):
    """Tandem as in the behaviours, which may place calls and takes those of a web site."""

    def __init__(self, pbx: Any, folder: Path, origin: str) -> None:
        self._origin = origin
        super().__init__(pbx, folder)

    def _settings(self, port: int) -> str:
        pbx: Any = self.pbx
        user, secret = pbx.placer
        old = f'username = "{pbx.username}"\nsecret = "{pbx.secret}"\n'
        text = super()._settings(port)
        assert old in text
        placing = f'username = "{user}"\nsecret = "{secret}"\ndial_context = "{pbx.dial_context}"\n'
        site = f'[server.sites.main]\nkey = "{SITE_KEY}"\norigins = ["{self._origin}"]\n'
        return text.replace(old, placing) + site


class Telephony:
    """Runs while it is entered."""

    def __init__(self, pbx: str, folder: Path, origin: str) -> None:
        """`pbx`: one of `tests.behaviour.conftest.PBXS`; `origin`: of the web site's pages."""
        self._name, self._folder, self._origin = pbx, folder, origin
        self._answering: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._begin())
        self.url = self.tandem.url
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.do(self._end())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        """Have something done among the telephones, and wait for it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WITHIN)

    async def _begin(self) -> None:
        self.pbx: Any = pbx_named(self._name)
        await self.pbx.__aenter__()
        self.tandem = Beside(self.pbx, self._folder, self._origin)
        await self.tandem.__aenter__()

    async def _end(self) -> None:
        await self.tandem.__aexit__()
        await self.pbx.__aexit__(None, None, None)

    def answers(self, *phones: str) -> None:
        """These telephones answer from now on, whoever rings them."""
        for phone in phones:
            self.pbx.on_ring(phone, ANSWERS)
            self._answering.add(phone)

    def quiet(self) -> None:
        """Nobody talks, no telephone answers by itself, and no session stands."""
        self.do(self.pbx.clear())
        for phone in self._answering:
            self.pbx.on_ring(phone, BY_HAND)
        self._answering.clear()
        self.do(self._end_sessions())

    async def _end_sessions(self) -> None:
        for session in await self.tandem.sessions():
            if session["state"] != "ended":
                path = f"/v1/sessions/{session['id']}/end"
                async with self.tandem.http.post(path, json={}) as answer:
                    assert answer.status == 200, await answer.text()

    def texted(self, phone: str, before: int = 0) -> str:
        """The link in the newest text message at a telephone, which had got `before` by then."""

        async def came() -> tuple[bool, Any]:
            links = [link for text in self.pbx.texts(phone)[before:] for link in links_in(text)]
            return bool(links), links

        return str(self.do(until(came, f"a link at {phone}"))[-1])


def links_in(text: str) -> list[str]:
    """The join links of a message."""
    return re.findall(r"https?://\S+/join#\S+", text)
