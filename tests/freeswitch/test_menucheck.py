from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from connectors.freeswitch import menucheck, outbound
from connectors.freeswitch.connection import Esl
from connectors.freeswitch.menucheck import menus
from connectors.runtime.driver import Finding
from connectors.settings import PbxSettings
from tests.freeswitch.esl_double import EslDouble
from tests.freeswitch.test_check import OURS, dialplan
from tests.freeswitch.test_outbound import MENU, free_port, listening, served
from tests.runtime.settings_for import settings_for

QUEUE = '<action application="set" data="collab_queue=support@default"/>'
LEAD = '<action application="execute_extension" data="collab_menu_support XML collab"/>'


def settings(pbx: EslDouble, port: int, *names: str) -> PbxSettings:
    return settings_for(
        pbx.port, kind="freeswitch", outbound=f"127.0.0.1:{port}" if port else "",
        menus=dict.fromkeys(names or ("support",), MENU) if port else {},
    )  # fmt: skip


async def found(
    xml: str | None, port: int, *names: str, handed_to: int | None = None
) -> list[Finding]:
    """What is found with this in the dialplan, and collab.xml handing calls to a port."""
    async with EslDouble() as pbx:
        ours = OURS.replace("127.0.0.1:8084", f"127.0.0.1:{handed_to or port}")
        pbx.answers["xml_locate dialplan"] = dialplan(ours, default=xml or "")
        pbx.answers["global_getvar"] = "/etc/freeswitch"
        if xml is None:
            pbx.answers["xml_locate dialplan"] = "-ERR permission denied\n"
        mine = settings(pbx, port, *names)
        esl = await Esl.connect(mine, lambda _event: None)
        try:
            findings: Iterable[Finding] = await menus(esl, mine)
            return list(findings)
        finally:
            await esl.close()


def wrong(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(each.text, each.mend) for each in findings if not each.ok]


async def test_a_menu_that_is_all_there_is_well() -> None:
    async with served() as port:
        findings = await found(QUEUE + LEAD, port)
    assert [finding.text for finding in findings] == [
        f"outbound socket at 127.0.0.1:{port}: the connector serves it",
        "menus: collab.xml hands them over",
    ]
    assert all(finding.ok for finding in findings)


async def test_without_menus_nothing_is_said_of_them() -> None:
    assert await found("", 0) == []


async def test_a_menu_of_the_dialplan_that_nothing_serves() -> None:
    ((text, mend),) = wrong(await found(QUEUE + LEAD, 0))
    assert (
        text == "menus: the dialplan has collab_menu_support, and nothing serves them; calls go on"
    )
    assert mend.startswith('pbx.hq.outbound = "127.0.0.1:8084" and [pbx.hq.menus')


async def test_a_connector_that_does_not_run() -> None:
    port = free_port()
    ((text, mend),) = wrong(await found(QUEUE + LEAD, port))
    assert text.startswith(f"outbound socket at 127.0.0.1:{port}: nobody listens")
    assert mend == "tandem-connector run hq"


@asynccontextmanager
async def another(says: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_somebody_else_on_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(menucheck, "SOCKET_TIMEOUT", 0.1)
    async with another(b"SSH-2.0-x") as port:
        ((text, mend),) = wrong(await found(QUEUE + LEAD, port))
    assert text.endswith("somebody else listens there")
    assert mend.startswith("pbx.hq.outbound = another port")
    async with another(b"") as port:
        ((text, _),) = wrong(await found(QUEUE + LEAD, port))
    assert text.endswith("whoever listens there says nothing")


async def test_a_connector_with_as_many_calls_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "CALLS", 0)
    async with served() as port:
        ((text, _),) = wrong(await found(QUEUE + LEAD, port))
    assert text == (
        f"outbound socket at 127.0.0.1:{port}: it closes at once, as where its menus are full"
    )


async def test_a_dialplan_that_hands_over_elsewhere() -> None:
    async with served() as port:
        ((text, mend),) = wrong(await found(QUEUE + LEAD, port, handed_to=8099))
    assert text == "menus: collab.xml hands calls to 127.0.0.1:8099 async full"
    assert f'data="127.0.0.1:{port} async full"' in mend


async def test_an_older_collab_xml() -> None:
    async with EslDouble() as pbx, served() as port:
        older = OURS.replace('name="collab_menu"', 'name="other"')
        pbx.answers["xml_locate dialplan"] = dialplan(older)
        pbx.answers["global_getvar"] = "/etc/freeswitch"
        mine = settings(pbx, port)
        esl = await Esl.connect(mine, lambda _event: None)
        findings = wrong(await menus(esl, mine))
        await esl.close()
    ((text, mend),) = findings
    assert text == "menus: context collab has no collab_menu"
    assert mend.startswith("cp dialplan/freeswitch/collab.xml /etc/freeswitch/dialplan/;")


async def test_a_menu_that_only_one_side_knows() -> None:
    async with served() as port:
        findings = await found(QUEUE + LEAD.replace("support", "sales"), port)
    ((text, mend),) = wrong(findings)
    assert text == "menus: the dialplan has 'sales', and tandem.toml has not; calls go on"
    assert mend == "[pbx.hq.menus.sales] in tandem.toml"
    assert findings[-1].text == "menus: no extension leads to support yet"
    assert LEAD in findings[-1].mend


@pytest.mark.parametrize("before", ["", LEAD + QUEUE])
async def test_a_menu_without_a_way_on(before: str) -> None:
    async with served() as port:
        findings = wrong(await found(before or LEAD, port))
    assert findings == [
        (
            "menus: support is used without collab_queue; calls go on without it",
            f"in the line before it: {QUEUE}",
        )
    ]


async def test_a_dialplan_that_cannot_be_seen_is_not_guessed_at() -> None:
    async with served() as port:
        await listening(port)
        findings = await found(None, port)
    assert [finding.ok for finding in findings] == [True]
