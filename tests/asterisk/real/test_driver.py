"""The driver on a real Asterisk: check, resync under calls, messages, restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from connectors.application import Application
from connectors.asterisk.check import check_asterisk
from connectors.asterisk.connection import Ami
from connectors.asterisk.driver import AsteriskDriver
from connectors.demo.asterisk import Asterisk
from connectors.demo.debian import Prefix
from connectors.demo.phones import Phones
from connectors.model import CallReport, LinkDown, PbxEvent, SendMessage, Snapshot
from connectors.runtime.attach import Attachment
from connectors.runtime.connector import core_settings
from connectors.runtime.driver import ActionError, RefusedError
from connectors.settings import PbxSettings
from tests.runtime.settings_for import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="session")


def settings(pbx: Asterisk, user: str = "tandem", **values: object) -> PbxSettings:
    return settings_for(
        pbx.ami_port, username=user, **{"secret": pbx.secrets.get(user, ""), **values}
    )


class Watcher:
    """A driver with a core behind it, and everything both said."""

    def __init__(self, settings: PbxSettings) -> None:
        self.driver = AsteriskDriver(settings)
        self.core = Application(core_settings(settings))
        self.events: list[PbxEvent] = []
        self.latest: dict[str, CallReport] = {}
        self.ready = asyncio.Event()
        self._arrived = asyncio.Event()

    def take(self, event: PbxEvent) -> None:
        self.events.append(event)
        for report in self.core.handle(event, time.time()):
            self.latest[report.id] = report
        self._arrived.set()

    async def until(self, condition: Callable[[], bool], within: float = 30) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

    def standing(self) -> dict[str, tuple[object, ...]]:
        """What both a witness and a late-comer must agree on."""
        return {
            call.id: (call.state, call.type, call.user_uri, call.agent_uri, call.held)
            for call in self.core.calls()
        }


@asynccontextmanager
async def watching(settings: PbxSettings) -> AsyncIterator[Watcher]:
    watcher = Watcher(settings)
    attachment = Attachment(watcher.driver, watcher.take, watcher.ready.set)
    task = asyncio.create_task(attachment.run())
    try:
        async with asyncio.timeout(20):
            await watcher.ready.wait()
        yield watcher
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_check_finds_nothing_wrong_with_the_samples(pbx: Asterisk) -> None:
    findings = await check_asterisk(settings(pbx))
    assert [finding.text for finding in findings if not finding.ok] == []
    texts = [finding.text for finding in findings]
    assert any(text.startswith("Asterisk 22.") for text in texts)
    assert "queue support: PJSIP/agent1, PJSIP/agent2" in texts
    assert any("collab.conf is loaded" in text for text in texts)


async def test_check_sees_that_a_user_may_do_more_than_needed(pbx: Asterisk) -> None:
    texts = [finding.text for finding in await check_asterisk(settings(pbx, "lab"))]
    assert any("more than needed (command, config)" in text for text in texts)


async def test_a_wrong_password_and_a_wrong_user_are_refused_alike(pbx: Asterisk) -> None:
    for user, secret in (("tandem", "wrong"), ("nobody", "x")):
        with pytest.raises(RefusedError, match=f"login refused for AMI user '{user}'"):
            await Ami.connect(settings(pbx, user, secret=secret), lambda frame: None)


POOR = """
[poor]
secret = poor
permit = 127.0.0.1/255.255.255.255
read = call,agent
write = reporting
"""


async def test_check_names_the_line_for_each_missing_privilege(prefix: Prefix) -> None:
    async with Asterisk(prefix, manager=POOR) as poor:
        findings = await check_asterisk(settings(poor, "poor", secret="poor"))
        wrong = {finding.text: finding.mend for finding in findings if not finding.ok}
        assert wrong == {
            "UserEvent is not allowed: lists cannot be closed off from older events":
                "manager.conf [poor]: write = …,user",
            "MessageSend is not allowed: invitations cannot be sent to telephones":
                "manager.conf [poor]: write = …,message",
        }  # fmt: skip


async def test_without_its_fence_a_resync_still_works(prefix: Prefix) -> None:
    async with (
        Asterisk(prefix, manager=POOR) as poor,
        watching(settings(poor, "poor", secret="poor")) as watcher,
    ):
        assert isinstance(watcher.events[0], Snapshot)


async def test_a_message_reaches_the_telephone_word_for_word(pbx: Asterisk, phones: Phones) -> None:
    text = "Sie können mitlesen:\r\nhttps://tandem.example.org/join#" + "x" * 200
    phone = await phones.listen("agent1", answer=None)
    async with watching(settings(pbx)) as watcher:
        outcome = await watcher.driver.perform(SendMessage("1.1", "PJSIP/agent1", text))
        assert outcome.status == "done"
        assert await phone.message() == text
        outcome = await watcher.driver.perform(SendMessage("1.1", "PJSIP/nosuch", "x"))
        assert outcome.status == "failed"


async def test_the_longest_text_fits_and_one_byte_more_is_refused(
    pbx: Asterisk, phones: Phones
) -> None:
    phone = await phones.listen("agent1", answer=None)
    async with watching(settings(pbx)) as watcher:
        longest = "y" * 756
        outcome = await watcher.driver.perform(SendMessage("1.1", "PJSIP/agent1", longest))
        assert outcome.status == "done"
        assert await phone.message() == longest
        outcome = await watcher.driver.perform(SendMessage("1.1", "PJSIP/agent1", "y" * 758))
        assert (outcome.status, "758 bytes" in outcome.detail) == ("failed", True)


async def test_asterisk_takes_no_line_longer_than_we_send(pbx: Asterisk) -> None:
    ami = await Ami.connect(settings(pbx), lambda frame: None)
    await ami.ask({"Action": "Ping", "Junk": "x" * (1022 - len("Junk: "))})
    with pytest.raises(ActionError, match="1023 bytes"):
        await ami.ask({"Action": "Ping", "Junk": "x" * (1023 - len("Junk: "))})
    await ami.close()


async def test_who_attaches_amid_calls_agrees_with_who_saw_them_all(
    pbx: Asterisk, phones: Phones
) -> None:
    """Late-comers, each in the middle of calls coming, being answered and going."""
    for number in range(1, 6):
        await phones.listen(f"agent{number}", answer=0.05)
    async with watching(settings(pbx)) as witness:
        calls = []
        late: list[Watcher] = []
        async with AsyncExitStack() as stack:
            for number in range(12):
                extension = ("form-team", "form-nobody", "form-agent1")[number % 3]
                calls.append(await phones.call("caller", extension))
                if number % 3 == 1:
                    late.append(await stack.enter_async_context(watching(settings(pbx))))
                if number % 3 == 0 and number >= 6:
                    await calls[number - 6].answered()
                    await calls[number - 6].hangup()
            await witness.until(lambda: len(witness.latest) == 12)
            fence = await Ami.connect(settings(pbx), lambda frame: None)
            await fence.ask({"Action": "Ping"})
            await fence.close()
            for watcher in late:
                await watcher.until(
                    lambda watcher=watcher: watcher.standing() == witness.standing()
                )
            for watcher in late:
                assert not watcher.driver.refused, "no genuine event was taken for forged"
        assert not witness.driver.refused


async def test_a_restart_of_asterisk_is_seen_and_survived(prefix: Prefix) -> None:
    async with (
        Asterisk(prefix) as own,
        Phones(own) as phones,
        watching(settings(own)) as watcher,
    ):
        await phones.call("caller", "form-nobody")
        await watcher.until(lambda: len(watcher.latest) == 1)
        first = len([e for e in watcher.events if isinstance(e, Snapshot)])
        await own.restart()
        await watcher.until(
            lambda: len([e for e in watcher.events if isinstance(e, Snapshot)]) > first
        )
        downs = [e.why for e in watcher.events if isinstance(e, LinkDown)]
        assert downs[0] == "Asterisk is shutting down"
        last = [e for e in watcher.events if isinstance(e, Snapshot)][-1]
        assert last.restarted
        assert last.legs == ()
        (call,) = watcher.latest.values()
        assert call.state.value == "ended"
