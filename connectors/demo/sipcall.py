"""One leg at a SIPp telephone: waiting for what becomes of it, and telling SIPp what to do."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import socket
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.demo import LabError, rtp
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
            lambda m: m.status >= 200 and is_of(m, "INVITE"), "answer", within
        )
        if found.status != 200:
            raise LabError(f"{self.name}: the call was refused: {found.first}")
        return found

    async def refused(self, within: float = WITHIN) -> int:
        """Waits for a final failure and gives its SIP status."""
        found = await self.heard.wait(
            lambda m: m.status >= 300 and is_of(m, "INVITE"), "refusal", within
        )
        return found.status

    async def ended(self, within: float = WITHIN) -> None:
        """Waits until either side has hung up, or the call came to nothing."""
        await self.heard.wait(
            lambda m: m.method in ("BYE", "CANCEL") or (m.status >= 300 and is_of(m, "INVITE")),
            "end",
            within,
        )

    @property
    def is_up(self) -> bool:
        """Whether the call was answered and neither side has hung up."""
        messages = self.heard.messages
        return any(m.status == 200 and is_of(m, "INVITE") for m in messages) and not any(
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
        await self.heard.wait(lambda m: m.status == 200 and is_of(m, "BYE"), "200 for the BYE")

    async def hold(self, *, held: bool = True) -> None:
        """Holds the call, or takes it back, by re-INVITE."""
        start = len(self.heard.messages)
        await self._in_dialog("hold" if held else "unhold", "INVITE")
        await self.heard.wait(lambda m: m.method == "ACK", "ACK of the re-INVITE", start=start)

    async def transfer(self, extension: str) -> None:
        """Blind transfer: REFER of the other side to `extension`."""
        port = (await self._known()).target.rsplit(":", 1)[1].strip(">")
        start = await self._refer(f"<sip:{extension}@127.0.0.1:{port}>")
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
        theirs = await other._known()
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
        await self.answered()
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
        await self.heard.wait(lambda m: m.status >= 200 and is_of(m, "INFO"), "answer", start=start)

    async def _refer(self, target: str) -> int:
        start = len(self.heard.messages)
        await self._in_dialog("refer", "REFER", target)
        found = await self.heard.wait(
            lambda m: is_of(m, "REFER") and m.status >= 200, "202", start=start
        )
        if found.status != 202:
            raise LabError(f"{self.name}: the REFER was refused: {found.first}")
        return start

    async def _known(self) -> _Dialog:
        """The dialog, read once from the messages that made it.

        The PBX may have told of the answer before we have read it in SIPp's trace.
        """
        if self._dialog is None:
            answer = await self.answered()
            invite = next(m for m in self.heard.messages if m.method == "INVITE")
            theirs = answer if invite.sent else invite
            near, far = ("From", "To") if invite.sent else ("To", "From")
            target = theirs.header("Contact").split(";")[0].strip("<>")
            self._dialog = _Dialog(answer.header(near), answer.header(far), f"<{target}>", 1)
        return self._dialog

    async def _in_dialog(self, word: str, method: str, argument: str = "-") -> None:
        dialog = await self._known()
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


def is_of(message: Sip, method: str) -> bool:
    """Whether a message belongs to a transaction of that method."""
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
