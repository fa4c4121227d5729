"""One Asterisk for all of these tests; server and connector new for each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from connectors.demo.asterisk import Asterisk
from tests.e2e.world import Tandem, Watcher
from tests.lab.fixtures import phones, prefix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectors.demo.debian import Prefix
    from connectors.demo.phones import Phones

__all__ = ["phones", "prefix"]

MORE = """
[from-sip](+)
exten => form-overflow,1,Gosub(collab,request,1(form))
 same => n,Queue(nobody,c,,,1)
 same => n,Dial(PJSIP/agent6)
"""
"""A queue that gives up soon: the call goes to an agent outside it."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pbx(prefix: Prefix) -> AsyncIterator[Asterisk]:
    """An Asterisk for the session, with Tandem's samples included."""
    async with Asterisk(prefix, extensions=MORE) as asterisk:
        yield asterisk


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def at_work(pbx: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    """A server and a connector beside the session's Asterisk."""
    async with Tandem(pbx, tmp_path_factory.mktemp("tandem")) as tandem:
        yield tandem


@pytest_asyncio.fixture(loop_scope="session")
async def watcher(pbx: Asterisk, phones: Phones) -> AsyncIterator[Watcher]:
    """What a second AMI connection sees, from before the first call on."""
    watcher = Watcher(await pbx.ami("lab").connect())
    try:
        await watcher.ami.event("FullyBooted")
        yield watcher
    finally:
        await watcher.ami.close()  # another one by now, if Asterisk was restarted
