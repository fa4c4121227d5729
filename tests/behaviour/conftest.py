"""Each PBX and a Tandem beside it, started once; the behaviours are tried on them in turn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from connectors.demo.debian import unpack
from tests.behaviour.real_asterisk import RealAsterisk
from tests.behaviour.real_freeswitch import RealFreeSwitch
from tests.behaviour.simulated import SimulatedAsterisk, SimulatedFreeSwitch
from tests.behaviour.world import Tandem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.behaviour.pbx import Pbx

NAMED = "TANDEM_TEST_FREESWITCH"
PBXS = ["asterisk", "asterisk-sim", "freeswitch-sim"] + ["freeswitch"] * (NAMED in os.environ)
"""A real FreeSWITCH comes from no package: it is tried where somebody names one."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """There is but one real FreeSWITCH: modules that have it for themselves (`pbx`) go before those
    that share it to the end (`beside`)."""
    items.sort(
        key=lambda item: (
            not (
                isinstance(item, pytest.Function)
                and hasattr(item, "callspec")
                and item.callspec.params.get("pbx") == "freeswitch"
            )
        )
    )


def pbx_named(name: str) -> Pbx:
    """One of `PBXS`, not running yet."""
    match name:
        case "asterisk":
            return RealAsterisk(unpack(progress=lambda line: print(f"lab: {line}")))
        case "asterisk-sim":
            return SimulatedAsterisk()
        case "freeswitch-sim":
            return SimulatedFreeSwitch()
    return RealFreeSwitch.named(os.environ[NAMED])


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=PBXS)
async def beside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Tandem]:
    """A PBX with a server and a connector beside it, for all behaviours."""
    async with (
        pbx_named(request.param) as pbx,
        Tandem(pbx, tmp_path_factory.mktemp(request.param)) as tandem,
    ):
        yield tandem


@pytest_asyncio.fixture(loop_scope="session")
async def tandem(beside: Tandem) -> AsyncIterator[Tandem]:
    """The same for one behaviour, which is to leave nothing that it did not ask after."""
    await beside.begin()
    yield beside
    await beside.finish()
