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
import re
import shutil
import socket
import tempfile
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from connectors.demo import LabError, rtp, scenarios
from connectors.demo.asterisk import Asterisk, free_ports
from connectors.demo.sipp import Sipp
from connectors.demo.siptrace import Sip

WITHIN = 15.0
"""Seconds a wait takes at most unless told otherwise."""


TRANSFER_WITHIN = 2.0
"""Seconds a telephone that transferred its call stays on the line for the target's answer."""


class Heard:
    """SIP messages in order, with a way to wait for one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[Sip] = []
        self._news = asyncio.Event()

    def add(self, message: Sip) -> None:
        self.messages.append(message)
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def wait(
        self, wanted: Callable[[Sip], bool], what: str, within: float = WITHIN, start: int = 0
    ) -> Sip:
        """The first message from index `start` that `wanted` likes."""
        seen = start
        try:
            async with asyncio.timeout(within):
                while True:
                    news = self._news
                    while seen < len(self.messages):
                        seen += 1
                        if wanted(self.messages[seen - 1]):
                            return self.messages[seen - 1]
                    await news.wait()
        except TimeoutError:
            last = [message.first for message in self.messages[-6:]]
            raise LabError(f"{self.name}: no {what} within {within} s; last came {last}") from None


@dataclass(slots=True)
class _Dialog:
    """What a request inside the dialog needs."""

    local: str
    remote: str
    target: str
    number: int


class Call:
    """One leg at a telephone, placed or received. Commands are carried out by SIPp."""

    def __init__(self, name: str, call_id: str, port: int, media: rtp.Media) -> None:
        self.name = name
        self.call_id = call_id
        self.heard = Heard(name)
        self._port = port
        self._media = media
        self._serial = itertools.count(1)
        self._dialog: _Dialog | None = None

    async def answered(self, within: float = WITHIN) -> Sip:
        """Waits for the answer and gives it; LabError when the call is refused instead."""
        found = await self.heard.wait(
            lambda m: m.status >= 200 and _of(m, "INVITE"), "answer", within
        )
        if found.status != 200:
            raise LabError(f"{self.name}: the call was refused: {found.first}")
        return found

    async def refused(self, within: float = WITHIN) -> int:
        """Waits for a final failure and gives its SIP status."""
        found = await self.heard.wait(
            lambda m: m.status >= 300 and _of(m, "INVITE"), "refusal", within
        )
        return found.status

    async def ended(self, within: float = WITHIN) -> None:
        """Waits until either side has hung up, or the call came to nothing."""
        await self.heard.wait(
            lambda m: m.method in ("BYE", "CANCEL") or (m.status >= 300 and _of(m, "INVITE")),
            "end",
            within,
        )

    @property
    def is_up(self) -> bool:
        """Whether the call was answered and neither side has hung up."""
        messages = self.heard.messages
        return any(m.status == 200 and _of(m, "INVITE") for m in messages) and not any(
            m.method == "BYE" for m in messages
        )

    async def pick_up(self) -> None:
        """Answers a call that rings at a telephone told to answer on command."""
        invite = await self.heard.wait(lambda m: m.method == "INVITE", "INVITE")
        await self.heard.wait(lambda m: m.status == 180, "ringing")
        await self._tell("answer", lambda m: m.status == 200, _same(invite))

    async def reject(self) -> None:
        """Answers 486 to a call that rings at a telephone told to answer on command."""
        invite = await self.heard.wait(lambda m: m.method == "INVITE", "INVITE")
        await self.heard.wait(lambda m: m.status == 180, "ringing")
        await self._tell("reject", lambda m: m.status == 486, _same(invite))

    async def cancel(self) -> None:
        """Gives up a call placed here that was not answered."""
        invite = await self.heard.wait(lambda m: m.method == "INVITE", "INVITE")
        await self.heard.wait(lambda m: m.status == 100, "100")
        await self._tell("cancel", lambda m: m.method == "CANCEL", _same(invite))

    async def hangup(self) -> None:
        """Hangs up and waits for the other side's 200."""
        await self._in_dialog("bye", "BYE")
        await self.heard.wait(lambda m: m.status == 200 and _of(m, "BYE"), "200 for the BYE")

    async def hold(self, *, held: bool = True) -> None:
        """Holds the call, or takes it back, by re-INVITE."""
        start = len(self.heard.messages)
        await self._in_dialog("hold" if held else "unhold", "INVITE")
        await self.heard.wait(lambda m: m.method == "ACK", "ACK of the re-INVITE", start=start)

    async def transfer(self, extension: str) -> None:
        """Blind transfer: REFER of the other side to `extension`."""
        start = await self._refer(f"<sip:{extension}@127.0.0.1:{self._pbx_port}>")
        # Telephones wait for the last NOTIFY, which comes when the target answers, but not long.
        with contextlib.suppress(LabError):
            await self.heard.wait(
                lambda m: m.method == "NOTIFY" and "terminated" in m.header("Subscription-State"),
                "last NOTIFY of the transfer",
                TRANSFER_WITHIN,
                start,
            )
        await self.hangup()

    async def transfer_to(self, other: Call) -> None:
        """Attended transfer: REFER with Replaces to the other end of `other`, a call of ours."""
        theirs = other._known()
        replaces = f"{other.call_id};to-tag={_tag(theirs.remote)};from-tag={_tag(theirs.local)}"
        target = theirs.target.strip("<>")
        start = await self._refer(f"<{target}?Replaces={urllib.parse.quote(replaces, safe='')}>")
        told = await self.heard.wait(
            lambda m: m.method == "NOTIFY" and "terminated" in m.header("Subscription-State"),
            "last NOTIFY of the transfer",
            start=start,
        )
        if b" 200 " not in told.body:
            raise LabError(
                f"{self.name}: the transfer failed: {told.body.decode(errors='replace')}"
            )
        await self.hangup()

    async def press(self, digits: str) -> None:
        """Presses keys, sent as RFC 4733 events to where the PBX takes our media."""
        sdp = next(
            m.body
            for m in reversed(self.heard.messages)
            if not m.sent and m.body.startswith(b"v=0")
        )
        await self._media.press(_media_address(sdp), digits)

    async def press_info(self, digits: str) -> None:
        """Presses keys, sent as SIP INFO (application/dtmf-relay), each once the last is taken."""
        for digit in digits:
            await self.info(digit)

    async def info(self, signal: str) -> None:
        """Sends one INFO whose signal is `signal`, be it a key or not, and waits for the answer."""
        start = len(self.heard.messages)
        await self._in_dialog("info", "INFO", signal)
        await self.heard.wait(lambda m: m.status >= 200 and _of(m, "INFO"), "answer", start=start)

    @property
    def _pbx_port(self) -> int:
        return int(self._known().target.rsplit(":", 1)[1].strip(">"))

    async def _refer(self, target: str) -> int:
        start = len(self.heard.messages)
        await self._in_dialog("refer", "REFER", target)
        found = await self.heard.wait(
            lambda m: _of(m, "REFER") and m.status >= 200, "202", start=start
        )
        if found.status != 202:
            raise LabError(f"{self.name}: the REFER was refused: {found.first}")
        return start

    def _known(self) -> _Dialog:
        """The dialog, read once from the messages that made it."""
        if self._dialog is None:
            invite = next((m for m in self.heard.messages if m.method == "INVITE"), None)
            answer = next(
                (m for m in self.heard.messages if m.status == 200 and _of(m, "INVITE")), None
            )
            if invite is None or answer is None:
                raise LabError(f"{self.name}: the call is not answered yet")
            theirs = answer if invite.sent else invite
            near, far = ("From", "To") if invite.sent else ("To", "From")
            target = theirs.header("Contact").split(";")[0].strip("<>")
            self._dialog = _Dialog(answer.header(near), answer.header(far), f"<{target}>", 1)
        return self._dialog

    async def _in_dialog(self, word: str, method: str, argument: str = "-") -> None:
        dialog = self._known()
        dialog.number += 1
        await self._tell(
            word,
            lambda m: m.method == method,
            {
                "Via": "SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-lab",
                "From": dialog.local,
                "To": dialog.remote,
                "CSeq": "1 LAB",
                "X-Uri": dialog.target.strip("<>"),
                "X-Number": str(dialog.number),
                "X-Contact": f"<sip:{self.name}@127.0.0.1:{self._port}>",
                "X-Arg": argument,
            },
        )

    async def _tell(
        self, word: str, done: Callable[[Sip], bool], headers: Mapping[str, str]
    ) -> None:
        """Sends SIPp the command until it acts; see `scenarios` for why it looks like SIP."""
        lines = [
            "LAB sip:lab@127.0.0.1 SIP/2.0",
            *(f"{name}: {value}" for name, value in headers.items()),
            f"Call-ID: {self.call_id}",
            f"X-Lab: {word}",
            # SIPp takes a message that equals the last one for a retransmission.
            f"X-Serial: {next(self._serial)}",
            "Content-Length: 0",
        ]
        text = "".join(f"{line}\r\n" for line in [*lines, ""]).encode(errors="replace")
        start = len(self.heard.messages)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for attempt in range(1, 21):
                sock.sendto(text, ("127.0.0.1", self._port))
                try:
                    await self.heard.wait(
                        lambda m: m.sent and done(m), f"reaction to {word}", 0.1, start
                    )
                except LabError:
                    # Dropped, since SIPp was about to send something: say it again.
                    if attempt == 20:
                        raise
                else:
                    return


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


@dataclass(frozen=True, slots=True)
class LoadCall:
    """One of many calls; the caller hangs up."""

    extension: str
    caller: str
    """The caller's number, as a trusted trunk says it (P-Asserted-Identity)."""
    talk: float
    """Seconds from the answer to the hang-up."""


class Load:
    """Many calls by one SIPp."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.placed = 0
        self.answered = 0
        self.ended = 0
        self.sipp: Sipp | None = None

    def hear(self, message: Sip) -> None:
        """Counts one message of the trace."""
        self.placed += message.sent and message.method == "INVITE"
        self.answered += message.status == 200 and _of(message, "INVITE")
        self.ended += message.status == 200 and _of(message, "BYE")

    async def done(self, within: float) -> None:
        """Waits until every call is over; LabError when one failed or time is up."""
        if self.sipp is None:
            raise LabError("the load was not started")
        try:
            await asyncio.wait_for(self.sipp.ended.wait(), within)
        except TimeoutError:
            raise LabError(f"after {within} s: {self}") from None
        if self.ended != self.calls:
            raise LabError(f"{self}: {self.sipp.errors()}")

    def __str__(self) -> str:
        return (
            f"{self.placed} of {self.calls} calls placed, {self.answered} answered, "
            f"{self.ended} ended well"
        )


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
    """Waits until SIPp has its UDP port: only then a second bind is refused."""
    async with asyncio.timeout(within):
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return
            if sipp.ended.is_set():
                if sipp.status:
                    raise LabError(f"SIPp ended at once: {sipp.errors()}")
                return
            # Nothing announces a bound port; SIPp's end, should it come first, wakes us.
            try:
                await asyncio.wait_for(sipp.ended.wait(), 0.01)
            except TimeoutError:
                continue


def _of(message: Sip, method: str) -> bool:
    return message.header("CSeq").endswith(method)


def _same(message: Sip) -> dict[str, str]:
    """The headers that make an answer, a CANCEL and their INVITE belong together."""
    return {name: message.header(name) for name in ("Via", "From", "To", "CSeq")}


def _tag(address: str) -> str:
    found = re.search(r";\s*tag=([^;>\s]+)", address)
    return found[1] if found else ""


def _media_address(sdp: bytes) -> tuple[str, int]:
    host = re.search(rb"(?m)^c=IN IP4 (\S+)", sdp)
    port = re.search(rb"(?m)^m=audio (\d+)", sdp)
    if host is None or port is None:
        raise LabError("the PBX named no address for media")
    return host[1].decode(), int(port[1])
