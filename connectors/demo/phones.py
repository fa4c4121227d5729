"""Telephones on an `Asterisk`: SIPp places, answers, holds, transfers and ends the calls.

    async with Phones(pbx) as phones:
        agent = await phones.listen("agent1", answer=0.2)
        caller = await phones.listen("caller")
        call = await phones.call("caller", "form-support")
        await call.answered()
        text = await caller.message()          # the invitation, out of a SIP MESSAGE
        await (await agent.incoming()).hangup()

Every wait has a limit and ends with a LabError that says what was seen instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from connectors.demo import LabError, rtp, scenarios
from connectors.demo.asterisk import Asterisk, free_ports
from connectors.demo.load import Load, LoadCall
from connectors.demo.sipcall import WITHIN, Call, Heard
from connectors.demo.sipp import Sipp
from connectors.demo.siptrace import Sip

__all__ = ["Call", "Load", "LoadCall", "Phone", "Phones"]


class Phone:
    """A telephone that listens on its endpoint's port: calls in, and SIP MESSAGEs in."""

    def __init__(self, name: str, port: int, media: rtp.Media) -> None:
        self.name = name
        self.port = port
        self.heard = Heard(name)
        """Every message of this telephone, calls placed elsewhere not among them."""
        self.calls: list[Call] = []
        """Calls received, oldest first."""
        self.texts: list[str] = []
        """Bodies of the SIP MESSAGEs received."""
        self._media = media
        self._by_id: dict[str, Call] = {}
        self._taken = 0
        self._read = 0

    def hear(self, message: Sip) -> None:
        """Sorts one message of the trace to its call."""
        if message.method == "LAB":
            return
        if message.method == "INVITE" and not message.sent and message.call_id not in self._by_id:
            call = Call(self.name, message.call_id, self.port, self._media)
            self._by_id[message.call_id] = call
            self.calls.append(call)
        if message.method == "MESSAGE" and not message.sent:
            self.texts.append(message.body.decode(errors="replace"))
        if call_of := self._by_id.get(message.call_id):
            call_of.heard.add(message)
        self.heard.add(message)

    async def incoming(self, within: float = WITHIN) -> Call:
        """The next call that rings here, in the order they came."""
        await self.heard.wait(lambda _: len(self.calls) > self._taken, "call", within)
        self._taken += 1
        return self.calls[self._taken - 1]

    async def message(self, within: float = WITHIN) -> str:
        """The body of the next SIP MESSAGE, in the order they came."""
        await self.heard.wait(lambda _: len(self.texts) > self._read, "SIP MESSAGE", within)
        self._read += 1
        return self.texts[self._read - 1]


class Phones:
    """All telephones of one Asterisk. Leaving it ends every SIPp it started."""

    def __init__(self, pbx: Asterisk) -> None:
        self._pbx = pbx
        self._folder: Path | None = None
        self._running: list[Sipp] = []
        self._media: list[rtp.Media] = []
        self._names = itertools.count(1)

    async def __aenter__(self) -> Phones:
        self._folder = Path(tempfile.mkdtemp(prefix="tandem-phones-"))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.hang_up_all()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def hang_up_all(self) -> None:
        """Takes every telephone off the line, at once and without a word to the PBX."""
        for sipp in self._running:
            await sipp.stop()
        for media in self._media:
            media.close()
        self._running, self._media = [], []

    async def listen(
        self, name: str, *, answer: float | None = None, reject: int | None = None
    ) -> Phone:
        """Puts endpoint `name` on the line.

        It answers after `answer` seconds, at `Call.pick_up` when None, or rejects every call
        with the SIP status `reject`.
        """
        media = await self._open_media()
        phone = Phone(name, self._pbx.contacts[name], media)
        await self._start(
            name,
            scenarios.answerer(answer, reject),
            phone.port,
            phone.hear,
            [*_PATIENT, "-key", "rtp", str(media.port)],
        )
        return phone

    async def call(
        self,
        name: str,
        extension: str,
        *,
        headers: Mapping[str, str] | None = None,
        display: bytes = b"",
        lines: bytes = b"",
    ) -> Call:
        """Endpoint `name` calls `extension`.

        `headers` are added to the INVITE; `lines` are whole header lines as raw bytes, CR LF
        between them; `display` is the raw display name with its quotes, and what follows it.
        """
        media = await self._open_media()
        (port,) = free_ports(1, socket.SOCK_DGRAM)
        serial = next(self._names)
        call = Call(name, f"lab-{port}-{serial}@127.0.0.1", port, media)

        def hear(message: Sip) -> None:
            if message.method != "LAB":
                call.heard.add(message)

        extra = [f"{key}: {value}".encode() for key, value in (headers or {}).items()]
        whole = b"\r\n".join([b"Subject: lab", *extra, *([lines] if lines else [])])
        await self._start(
            f"{name}-{serial}",
            scenarios.caller(),
            port,
            hear,
            [
                *_PATIENT,
                *("-m", "1", "-s", extension, "-cid_str", call.call_id),
                *("-key", "rtp", str(media.port), "-key", "user", name),
                *("-key", "display", display or b" ", "-key", "lines", whole),
            ],
        )
        return call

    async def load(self, calls: Sequence[LoadCall], rate: float) -> Load:
        """Places `calls` in order, `rate` a second, all from the trusted trunk's endpoint."""
        if self._folder is None:
            raise LabError("Phones is to be entered first (async with)")
        table = self._folder / f"load-{next(self._names)}.csv"
        lines = [f"{call.extension};{call.caller};{round(call.talk * 1000)};" for call in calls]
        table.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
        media = await self._open_media()
        (port,) = free_ports(1, socket.SOCK_DGRAM)
        running = Load(len(calls))
        running.sipp = await self._start(
            "load",
            scenarios.load(),
            port,
            running.hear,
            [
                *("-m", str(len(calls)), "-l", str(len(calls)), "-inf", str(table)),
                *("-r", str(max(1, round(rate * 1000))), "-rp", "1000000"),
                *("-key", "rtp", str(media.port)),
            ],
        )
        return running

    async def _open_media(self) -> rtp.Media:
        media = await rtp.Media.open()
        self._media.append(media)
        return media

    async def _start(
        self,
        name: str,
        scenario: str,
        port: int,
        hear: Callable[[Sip], None],
        words: Sequence[str | bytes],
    ) -> Sipp:
        if self._folder is None:
            raise LabError("Phones is to be entered first (async with)")
        sipp = Sipp(self._pbx.prefix, self._folder, f"{name}-{next(self._names)}", hear)
        self._running.append(sipp)
        await sipp.start(scenario, self._pbx.sip_port, port, [*words])
        await _listening(port, sipp)
        return sipp


# A message that comes while SIPp is about to send counts as unexpected: it is to be dropped, and
# sent again by the PBX, not to end the call.
_PATIENT = ("-default_behaviors", "all,-abortunexp")


async def _listening(port: int, sipp: Sipp, within: float = 5.0) -> None:
    """Waits until SIPp has its UDP port. Read, not tried: a bind of ours would be in its way."""
    async with asyncio.timeout(within):
        while not _is_bound(port):
            if sipp.ended.is_set():
                if sipp.status:
                    raise LabError(f"SIPp ended at once: {sipp.errors()}")
                return
            # Nothing announces a bound port; SIPp's end, should it come first, wakes us.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(sipp.ended.wait(), 0.01)


def _is_bound(port: int) -> bool:
    """Whether a UDP socket of this machine has the port; the kernel's table, see proc(5)."""
    return f":{port:04X} 00000000:" in Path("/proc/net/udp").read_text()
