"""The laboratory for tests: one real Asterisk for the session, fresh telephones for each test.

Import the fixtures into a conftest. A test that uses them runs on the session's loop:
``pytestmark = pytest.mark.asyncio(loop_scope="session")``. A lab that cannot be had fails them.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from connectors.demo.asterisk import Asterisk
from connectors.demo.debian import Prefix, unpack
from connectors.demo.phones import Phones

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectors.demo.ami import Ami


@pytest.fixture(scope="session")
def prefix() -> Prefix:
    """A real Asterisk and SIPp, unpacked once for this machine."""
    return unpack(progress=lambda line: print(f"lab: {line}"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pbx(prefix: Prefix) -> AsyncIterator[Asterisk]:
    """The session's Asterisk, with Tandem's samples included."""
    async with Asterisk(prefix) as asterisk:
        yield asterisk


@pytest_asyncio.fixture(loop_scope="session")
async def phones(pbx: Asterisk) -> AsyncIterator[Phones]:
    """Telephones that leave no call on the PBX."""
    async with Phones(pbx) as made:
        yield made
    async with pbx.ami() as ami:
        await clear(ami)


@pytest_asyncio.fixture(loop_scope="session")
async def lab(pbx: Asterisk) -> AsyncIterator[Ami]:
    """An AMI user who may do and see everything."""
    async with pbx.ami("lab") as ami:
        yield ami


@pytest_asyncio.fixture(loop_scope="session")
async def tandem(pbx: Asterisk) -> AsyncIterator[Ami]:
    """The AMI user of the sample manager.conf, as the connector has it."""
    async with pbx.ami("tandem") as ami:
        await ami.event("FullyBooted")
        yield ami


async def clear(ami: Ami) -> None:
    """Ends every call of the PBX and waits until they are gone."""
    async with asyncio.timeout(10):
        while True:
            start = len(ami.messages)
            channels = await ami.list("CoreShowChannels", "CoreShowChannelsComplete")
            names = [channel["Channel"] for channel in channels]
            if not names:
                return
            for name in names:
                await ami.action("Hangup", Channel=name)
            for name in names:
                await ami.event("Hangup", start=start, Channel=name)


def blocks(raw: bytes) -> list[list[tuple[str, bytes]]]:
    """AMI messages as they stand on the wire: header names and raw values, in order."""
    found = []
    for block in raw.split(b"\r\n\r\n"):
        lines = [line.partition(b":") for line in block.split(b"\r\n") if line]
        if lines:
            found.append([(name.decode("latin-1"), value[1:]) for name, _, value in lines])
    return found


def events(raw: bytes) -> list[list[tuple[str, bytes]]]:
    """The events among `blocks`."""
    return [block for block in blocks(raw) if block[0][0] == "Event"]


def warnings(pbx: Asterisk, start: int = 0) -> list[str]:
    """Warnings and errors in Asterisk's log from character `start` on."""
    return [
        line for line in pbx.log()[start:].splitlines() if re.search(r"\b(WARNING|ERROR)\[", line)
    ]
