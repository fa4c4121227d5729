from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.runtime.checkup import check_pbx_and_server
from connectors.runtime.driver import Finding
from tests.asterisk.captured import stream
from tests.runtime.ami_double import AmiDouble
from tests.runtime.server_double import ServerDouble
from tests.runtime.settings_for import settings_for

Both = tuple[AmiDouble, ServerDouble]


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    async with AmiDouble() as pbx, ServerDouble() as server:
        pbx.queues = [
            ["Event: QueueParams", "Queue: support"],
            ["Event: QueueMember", "Queue: support", "Name: Wang", "Location: PJSIP/1001",
             "StateInterface: PJSIP/1001"],
        ]  # fmt: skip
        yield pbx, server


async def findings(both: Both, **values: Any) -> list[Finding]:
    pbx, server = both
    return await check_pbx_and_server(settings_for(pbx.port, server=server.url, **values))


async def wrong(both: Both, **values: Any) -> list[tuple[str, str]]:
    return [(each.text, each.mend) for each in await findings(both, **values) if not each.ok]


async def test_a_pbx_as_the_samples_set_it_up_is_well(both: Both) -> None:
    texts = [finding.text for finding in await findings(both)]
    assert await wrong(both) == []
    assert "Asterisk 22.10.1" in texts
    assert "queue support: PJSIP/1001" in texts
    assert any("collab.conf is loaded" in text for text in texts)
    assert any("takes this PBX's key" in text for text in texts)


async def test_a_wrong_password(both: Both) -> None:
    ((text, mend),) = await wrong(both, secret="no")
    assert "login refused for AMI user 'tandem'" in text
    assert mend.startswith(
        "manager.conf: [tandem](tandem-connector) with the secret of pbx.hq.secret"
    )


async def test_nobody_on_the_port(both: Both) -> None:
    await both[0].stop()
    ((text, mend),) = await wrong(both)
    assert "nobody listens there" in text
    assert "manager.conf [general]: enabled = yes" in mend
    assert mend.endswith("or pbx.hq.host and port in tandem.toml")


async def test_tls_to_a_plain_port(both: Both) -> None:
    ((text, mend),) = await wrong(both, tls=True)
    assert "no TLS there" in text
    assert "tlsenable" in mend


async def test_an_authority_that_is_none_is_a_setting_of_ours(both: Both, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    ((text, mend),) = await wrong(both, tls=True, ca=str(file))
    assert text == f"pbx.hq.ca: {file}: it holds no certificate"
    assert mend.startswith("pbx.hq.ca in tandem.toml")


async def test_what_no_look_can_show_is_said_with_the_way_to_see_it(both: Both) -> None:
    texts = [finding.text for finding in await findings(both) if finding.ok]
    assert any(
        "tandem-connector check hq --listen 60" in text and "features show" in text
        for text in texts
    )


async def test_a_missing_privilege(both: Both) -> None:
    both[0].allowed.remove("MessageSend")
    ((text, mend),) = await wrong(both)
    assert text == "MessageSend is not allowed: invitations cannot be sent to telephones"
    assert mend == "manager.conf [tandem]: write = …,message"


async def test_privileges_beyond_need_are_mentioned_and_not_wrong(both: Both) -> None:
    both[0].allowed += ["UpdateConfig", "Command"]
    texts = [finding.text for finding in await findings(both) if finding.ok]
    assert any("more than needed (command, config)" in text for text in texts)


async def test_placed_calls_are_the_administrators_choice(both: Both) -> None:
    def of(found: list[Finding]) -> list[Finding]:
        return [finding for finding in found if finding.text.startswith("placed calls")]

    line = "manager.conf: [tandem](tandem-connector,tandem-connector-calls)"
    (advice,) = of(await findings(both))
    assert (advice.ok, advice.mend) == (True, line)
    both[0].contexts["from-internal"] = ["_X."]
    (finding,) = of(await findings(both, dial_context="from-internal"))
    assert (finding.ok, finding.mend) == (False, f'{line}; or pbx.hq.dial_context = ""')
    both[0].allowed += ["Originate", "Hangup", "Redirect", "Setvar"]
    (finding,) = of(await findings(both))
    assert (finding.ok, finding.mend) == (False, line)
    assert finding.text == "placed calls: QueuePause is not allowed"
    both[0].allowed += ["QueuePause"]
    (finding,) = of(await findings(both))
    assert finding.ok
    ((text, _),) = await wrong(both, dial_context="from-internal")
    assert text == (
        "dialplan: there is no context collab-wait and no collab-far and no collab-passed and"
        " no collab-voice and no collab-dial"
    )


async def test_a_dial_context_that_is_not_there(both: Both) -> None:
    both[0].allowed += ["Originate", "Hangup", "Redirect", "Setvar", "QueuePause"]
    for context in ("collab-wait", "collab-far", "collab-passed", "collab-voice", "collab-dial"):
        both[0].contexts[context] = ["_to_!"]
    ((text, mend),) = await wrong(both, dial_context="from-nowhere")
    assert "no context 'from-nowhere'" in text
    assert mend.startswith("pbx.hq.dial_context in tandem.toml")


async def test_it_is_said_whom_the_patterns_make_an_agent(both: Both) -> None:
    both[0].allowed += ["DeviceStateList"]
    both[0].devices = ["PJSIP/1001", "PJSIP/carrier", "PJSIP/1002", "Queue:support_avail"]

    async def agents(pattern: str) -> list[tuple[bool, str]]:
        found = await findings(both, agent_endpoints=(pattern,))
        return [(each.ok, each.text) for each in found if each.text.startswith("agents")]

    told = "agents outside queues: "
    assert await agents(r"PJSIP/1\d{3}") == [(True, f"{told}PJSIP/1001, PJSIP/1002")]
    assert await agents("PJSIP/.*") == [(True, f"{told}PJSIP/1001, PJSIP/1002, PJSIP/carrier")]
    here = "PJSIP/1001, PJSIP/1002, PJSIP/carrier"
    none = f"{told}none; pbx.hq.agent_endpoints matches none of {here}"
    assert await agents(r"1\d{3}") == [(False, none)]
    uris = {"PJSIP/1001": "sip:wang@example.org", "PJSIP/1oo2": "sip:li@example.org"}
    ((text, mend),) = await wrong(both, agents=uris)
    assert (text, mend) == (
        "agents: there is no telephone PJSIP/1oo2 here",
        f"[pbx.hq.agents]: one of {here}",
    )


async def test_a_filter_that_keeps_the_mark_back(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.asterisk.check.EVENT_WAIT", 0.1)
    both[0].keeps_back = {"CollabRequest"}
    ((text, mend),) = await wrong(both)
    assert "a filter keeps back UserEvent CollabRequest" in text
    assert mend.endswith("header(UserEvent),method(exact)) = CollabRequest")
    both[0].keeps_back = {"CollabPair", "CollabFence"}
    assert [mend.rpartition(" ")[2] for _, mend in await wrong(both)] == [
        "CollabPair",
        "CollabFence",
    ]


async def test_no_read_of_user_and_system(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.asterisk.check.EVENT_WAIT", 0.1)
    both[0].keeps_back = {"CollabRequest", "CollabPair", "CollabUnreached", "CollabFence"}
    both[0].fully_booted = False
    assert [mend.partition(" (")[0] for _, mend in await wrong(both)] == [
        "manager.conf [tandem]: read = system,call,agent,user"
    ] * 2


async def test_a_dialplan_without_our_contexts(both: Both) -> None:
    both[0].contexts = {}
    lines = await wrong(both)
    ((text, mend),) = lines
    assert text == "dialplan: there is no context collab and no collab-feature"
    assert '#include "tandem/collab.conf"' in mend


async def test_an_asterisk_that_is_too_old(both: Both) -> None:
    both[0].version = "13.38.3"
    ((text, mend),) = await wrong(both)
    assert (text, mend) == ("Asterisk 13.38.3 is too old", "Asterisk 18 or newer")


async def test_a_local_member_without_a_state_interface_is_pointed_at(both: Both) -> None:
    both[0].queues.append(
        ["Event: QueueMember", "Queue: support", "Name: Li", "Location: Local/1002@from-queue/n",
         "StateInterface: Local/1002@from-queue/n"]
    )  # fmt: skip
    hints = [each for each in await findings(both) if "names no state interface" in each.text]
    assert hints[0].mend.startswith("queues.conf [support]: member => Local/1002@from-queue/n")


async def heard(both: Both, data: bytes, within: float = 5) -> list[tuple[bool, str]]:
    """What --listen finds when `data` comes after the set-up was looked at."""
    pbx, server = both
    listening = asyncio.create_task(
        check_pbx_and_server(settings_for(pbx.port, server=server.url), within)
    )
    await pbx.until(lambda: len(pbx.asked("QueueStatus")) == 1)
    pbx.push(data)
    return [(each.ok, each.text) for each in await listening if each.text.startswith("call: ")]


async def test_a_recorded_call_proves_privileges_and_mark(both: Both) -> None:
    data = stream("queue_answered").split(b"Event: FullyBooted")[1]
    assert await heard(both, b"Event: FullyBooted" + data) == [
        (True, "call: its channels and bridges were seen"),
        (True, "call: a queue's agent was seen"),
        (True, "call: it was marked, type cobrowse"),
    ]


async def test_an_event_a_filter_keeps_back_is_named_with_its_line(both: Both) -> None:
    data = stream("queue_answered").split(b"Event: FullyBooted")[1]
    data = data.replace(b"Event: BridgeEnter", b"Event: Kept").replace(b"CollabRequest", b"Other")
    assert await heard(both, b"Event: FullyBooted" + data) == [
        (False, "call: BridgeEnter did not come with the others (who talks with whom)"),
        (True, "call: a queue's agent was seen"),
        (False, "call: it was not marked as a collaboration call"),
    ]


async def test_a_call_without_any_event_of_a_queue_asks_whether_it_went_through_one(
    both: Both,
) -> None:
    data = stream("queue_answered").split(b"Event: FullyBooted")[1]
    data = data.replace(b"Event: Queue", b"Event: X").replace(b"Event: Agent", b"Event: Y")
    assert (True, "call: no queue was seen in it; if it went through one, read lacks agent") in (
        await heard(both, b"Event: FullyBooted" + data)
    )


async def test_no_call_at_all_is_said(both: Both) -> None:
    assert await heard(both, b"", within=0.2) == [
        (False, "call: no event of a call came within 0.2 s; was there one?")
    ]


async def test_a_server_that_is_down(both: Both) -> None:
    await both[1].stop()
    ((text, mend),) = await wrong(both)
    assert text == f"server {both[1].url}: it cannot be reached (Connection refused)"
    assert "pbx.hq.server" in mend


async def test_a_key_the_server_does_not_take(both: Both) -> None:
    ((text, _),) = await wrong(both, key="another")
    assert "does not take this PBX's key (401)" in text


async def test_a_clock_that_is_not_the_servers(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    behind = SimpleNamespace(time=lambda: time.time() - 3600)
    monkeypatch.setattr("connectors.runtime.checkup.time", behind)
    ((text, mend),) = await wrong(both)
    assert re.fullmatch("clock: this machine is 3[56][0-9]{2} s behind the server http://.+", text)
    assert "set-ntp" in mend


async def test_a_pbx_the_server_does_not_know(both: Both) -> None:
    ((text, mend),) = await wrong(both, name="branch")
    assert "it knows no PBX 'branch' (404)" in text
    assert mend.startswith("[pbx.branch]")
