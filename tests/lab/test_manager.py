"""The sample manager.conf: the connector's user sees what it needs, and may do nothing else."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from connectors.asterisk.events import EVENTS
from connectors.demo import LabError
from connectors.demo.ami import Ami
from connectors.demo.asterisk import samples_folder

if TYPE_CHECKING:
    from connectors.demo.asterisk import Asterisk
    from connectors.demo.phones import Phones

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORBIDDEN: dict[str, dict[str, str]] = {
    "Originate": {"Channel": "PJSIP/agent1", "Application": "Wait", "Data": "1"},
    "Command": {"Command": "core show version"},
    "Redirect": {"Channel": "x", "Context": "from-sip", "Exten": "echo", "Priority": "1"},
    "Hangup": {"Channel": "x"},
    "Setvar": {"Variable": "X", "Value": "1"},
    "Atxfer": {"Channel": "x", "Exten": "echo"},
    "BlindTransfer": {"Channel": "x", "Exten": "echo"},
    "Bridge": {"Channel1": "x", "Channel2": "y"},
    "QueueAdd": {"Queue": "support", "Interface": "PJSIP/agent9"},
    "QueuePause": {"Interface": "PJSIP/agent1", "Paused": "true"},
    "UpdateConfig": {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"},
    "GetConfig": {"Filename": "manager.conf"},
    "ModuleLoad": {"LoadType": "load", "Module": "app_echo.so"},
    "Reload": {},
    "DBPut": {"Family": "x", "Key": "y", "Val": "z"},
    "DialplanExtensionAdd": {
        "Context": "x",
        "Extension": "1",
        "Priority": "1",
        "Application": "Wait",
    },
    "Filter": {"Operation": "Add", "Filter": "Event: .*"},
}


ALLOWED_WITH = {
    "Originate", "Redirect", "Hangup", "Setvar", "QueuePause",
    # Asterisk has no finer classes: these come with `call` and `agent`, and are never sent.
    "Atxfer", "BlindTransfer", "Bridge", "QueueAdd",
}  # fmt: skip
"""What may be done besides with the second template."""

HARMLESS = {
    "Originate": {"Channel": "PJSIP/nosuch"},
    "QueueAdd": {"Queue": "nosuch"},
    "QueuePause": {"Interface": "PJSIP/nosuch"},
}
"""Allowed, and without a trace for the tests after it."""


async def test_the_filter_lets_through_exactly_what_the_connector_decodes() -> None:
    text = (samples_folder() / "manager.conf").read_text()
    first, second = text.split("\n[tandem-connector-calls](!)\n")
    passed = [
        set(re.findall(r"(?m)^eventfilter\(action\(include\),name\((\w+)\)", template))
        for template in (first, second)
    ]
    assert passed == [set(EVENTS) | {"FullyBooted", "Shutdown"}, {"OriginateResponse"}]
    for name in ("read", "write"):
        assert len(re.findall(rf"(?m)^{name} = ", first)) == 1
    assert "secret = " not in re.sub(r"(?m)^;.*$", "", text), "no secret everybody knows"


@pytest.mark.parametrize("action", sorted(FORBIDDEN))
async def test_an_action_it_does_not_need_is_refused(action: str, tandem: Ami) -> None:
    answer = await tandem.action(action, 10.0, **FORBIDDEN[action])
    assert answer["Response"] == "Error"
    assert answer["Message"] == "Permission denied"


@pytest.mark.parametrize("action", sorted(FORBIDDEN))
async def test_the_second_template_allows_what_placing_calls_takes(
    action: str, pbx: Asterisk
) -> None:
    given = {**FORBIDDEN[action], **HARMLESS.get(action, {})}
    async with pbx.ami("placing") as placing:
        answer = await placing.action(action, 10.0, **given)
    refused = answer.get("Message") == "Permission denied"
    assert refused is (action not in ALLOWED_WITH)


async def test_the_actions_it_needs_are_allowed(tandem: Ami) -> None:
    for action in ("Ping", "CoreSettings", "CoreStatus", "ListCommands"):
        assert (await tandem.action(action))["Response"] == "Success"
    assert await tandem.list("QueueStatus", "QueueStatusComplete")
    await tandem.list("BridgeList", "BridgeListComplete")
    await tandem.list("Status", "StatusComplete")


async def test_no_other_event_reaches_it_in_a_whole_call(phones: Phones, tandem: Ami) -> None:
    agent = await phones.listen("agent1", answer=0.01)
    call = await phones.call("caller", "form-support")
    await call.answered()
    await (await agent.incoming()).answered()
    await call.press_info("*22")
    await tandem.event("UserEvent", Feature="1")
    await call.hangup()
    await tandem.event("Hangup")

    seen = {m["Event"] for m in tandem.messages if "Event" in m}
    assert seen <= set(EVENTS) | {"FullyBooted", "Shutdown"}
    assert seen >= {"Newchannel", "UserEvent", "QueueCallerJoin", "AgentCalled", "AgentConnect",
                    "DialBegin", "DialEnd", "BridgeEnter", "Hangup"}  # fmt: skip


async def test_its_own_fence_comes_back_and_other_user_events_do_not(lab: Ami, tandem: Ami) -> None:
    await lab.action("UserEvent", UserEvent="Somebodys", Value="1")
    await tandem.action("UserEvent", UserEvent="CollabFence", Nonce="n1")

    await tandem.event("UserEvent", UserEvent="CollabFence", Nonce="n1")
    names = [m.get("UserEvent") for m in tandem.messages if m.get("Event") == "UserEvent"]
    assert names == ["CollabFence"]


async def test_it_hears_of_a_shutdown(phones: Phones, pbx: Asterisk, tandem: Ami) -> None:
    await pbx.stop()
    try:
        await tandem.event("Shutdown")
    finally:
        await pbx.start()


async def test_a_message_reaches_the_callers_telephone(phones: Phones, tandem: Ami) -> None:
    caller = await phones.listen("caller")
    text = "Wang teilt ein Formular:\nhttps://collab.example.org/join#t0ken.ü"
    answer = await tandem.action(
        "MessageSend",
        To="pjsip:caller",
        From="sip:collab@pbx.example.org",
        Base64Body=base64.b64encode(text.encode()).decode(),
    )
    assert answer["Response"] == "Success"
    assert (await caller.message()).replace("\r\n", "\n") == text


async def test_a_wrong_secret_is_refused(pbx: Asterisk) -> None:
    with pytest.raises(LabError, match="Authentication failed"):
        await Ami(pbx.ami_port, "tandem", "wrong").connect()
