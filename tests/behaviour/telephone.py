"""Telephones of a real PBX, one UDP port of loopback each, in this process and without media.

    phone = await Telephone("agent1", port).open()
    phone.behaves = lambda leg: Rings(answer_after=0.1)   # what it does when it is rung
    leg = caller.dial("form-support", sip_port)
    await leg.until("up")
    await leg.hang_up()

Nothing here knows which PBX it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from connectors.demo.siptrace import Sip
from connectors.simulator import Rings
from tests.behaviour import sip
from tests.behaviour.dialog import WITHIN, Leg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

AGAIN = 0.5
"""Seconds until a request that nothing answered is sent again (RFC 3261, timer E)."""
KEPT = 500


class Telephone(asyncio.DatagramProtocol):
    """A telephone with as many lines as it is called on."""

    def __init__(self, name: str, port: int = 0, password: str = "") -> None:
        self.name = name
        self.port = port
        self.password = password
        self.behaves: Callable[[Leg], Rings] = lambda _leg: Rings(answer_after=None)
        """What it does when it is rung."""
        self.legs: deque[Leg] = deque(maxlen=KEPT)
        """Its calls, the newest last."""
        self.texts: deque[str] = deque(maxlen=KEPT)
        """Bodies of the MESSAGEs that came, in a call or outside one."""
        self.came: Callable[[], None] = lambda: None
        """Called when it is rung, or refused."""
        self._speaking: set[asyncio.Task[None]] = set()
        self._by_id: dict[str, Leg] = {}
        self._asked: dict[str, asyncio.Future[Sip]] = {}
        self._said: dict[tuple[str, str], bytes] = {}
        """Answers, by Call-ID and CSeq, for a request that comes again."""

    async def open(self) -> Self:
        """Take the port; OSError when somebody has it."""
        sock, self._sink = sip.udp(self.port), sip.udp()
        self.port, self.media = sock.getsockname()[1], self._sink.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)
        return self

    def close(self) -> None:
        """Give the port back, whatever stands."""
        self._transport.close()
        self._sink.close()

    def dial(self, number: str, port: int, *, headers: Mapping[str, str] | None = None) -> Leg:
        """Call a number at the PBX that listens on `port`."""
        leg = Leg(self, f"{sip.token()}@{sip.HOST}", (sip.HOST, port))
        self._add(leg)
        leg.dial(number, headers or {}, self.password)
        return leg

    def _add(self, leg: Leg) -> None:
        if len(self.legs) == KEPT:
            del self._by_id[self.legs[0].call_id]
        self.legs.append(leg)
        self._by_id[leg.call_id] = leg

    def speak(self, port: int, seconds: float) -> None:
        """Send silence for a while, as telephones do: Asterisk takes the next of several keys when
        a packet comes."""
        if port:
            task = asyncio.get_running_loop().create_task(self._speak(port, seconds))
            self._speaking.add(task)
            task.add_done_callback(self._speaking.discard)

    async def _speak(self, port: int, seconds: float) -> None:
        for packet in sip.silence(seconds):
            with contextlib.suppress(OSError):  # the call, or the telephone, is no more
                self._sink.sendto(packet, (sip.HOST, port))
            await asyncio.sleep(sip.PACE)  # the pace of RTP, not a wait for something

    # --- messages

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        """Put a message on the wire."""
        self._transport.sendto(data, address)

    async def ask(self, data: bytes, branch: str, address: tuple[str, int]) -> Sip:
        """Send a request until it is answered; gives the final answer."""
        answer: asyncio.Future[Sip] = asyncio.get_running_loop().create_future()
        self._asked[branch] = answer
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    self.send(data, address)
                    with contextlib.suppress(TimeoutError):
                        return await asyncio.wait_for(asyncio.shield(answer), AGAIN)
        finally:
            del self._asked[branch]

    def reply(
        self, to: Sip, status: int, reason: str, leg: Leg | None = None, *, offer: bool = False
    ) -> None:
        """Answer a request; `offer`: with a description of our media."""
        headers = [("Contact", f"<sip:{self.name}@{sip.HOST}:{self.port}>")]
        body = ""
        if offer:
            headers.append(("Content-Type", "application/sdp"))
            body = sip.sdp(self.media, sip.direction_answered(to.body))
        tag = sip.tag_of(leg.local) if leg is not None else sip.token()
        data = sip.response(to, status, reason, tag, headers, body)
        if len(self._said) >= KEPT:
            del self._said[next(iter(self._said))]
        self._said[to.call_id, to.header("CSeq")] = data
        via = to.header("Via").partition(";")[0].rpartition(":")[2]
        self.send(data, (sip.HOST, int(via) if via.isdigit() else 5060))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A message came."""
        message = Sip(sent=False, raw=data)
        leg = self._by_id.get(message.call_id)
        if not message.method:
            self._response(message, leg)
        elif (said := self._said.get((message.call_id, message.header("CSeq")))) is not None:
            self.send(said, addr)
        else:
            self._request(message, leg)

    def _response(self, message: Sip, leg: Leg | None) -> None:
        via = message.header("Via")
        branch = via.partition("branch=")[2].partition(";")[0]
        if (waiting := self._asked.get(branch)) is not None:
            if message.status >= 200 and not waiting.done():
                waiting.set_result(message)
        elif leg is not None and message.header("CSeq").endswith("INVITE"):
            leg.answered(message)

    def _request(self, message: Sip, leg: Leg | None) -> None:
        match message.method:
            case "INVITE" if leg is not None:
                self.reply(message, 200, "OK", leg, offer=True)
            case "INVITE":
                self._rung(message)
            case "ACK":
                if leg is not None and leg.was_answered:
                    leg.set("up")
            case "CANCEL" if leg is not None and leg.invite is not None:
                self.reply(message, 200, "OK", leg)
                self.reply(leg.invite, 487, "Request Terminated", leg)
                leg.set("over")
            case "BYE":
                self.reply(message, 200, "OK", leg)
                if leg is not None:
                    leg.set("over")
            case "NOTIFY" if leg is not None:
                self.reply(message, 200, "OK", leg)
                leg.progress.append(message.body)
                if "terminated" in message.header("Subscription-State"):
                    leg.set("transferred")
            case _:
                if message.method == "MESSAGE":
                    self.texts.append(message.body.decode(errors="replace"))
                self.reply(message, 200, "OK", leg)

    def _rung(self, message: Sip) -> None:
        leg = Leg(self, message.call_id, (sip.HOST, sip.port_of(message.header("Contact"))))
        leg.accepted(message)
        self._add(leg)
        rings = self.behaves(leg)
        if rings.busy:
            leg.turn_down()
        else:
            self.reply(message, 180, "Ringing", leg)
            leg.set("rings")
            if rings.answer_after is not None:
                asyncio.get_running_loop().call_later(rings.answer_after, leg.pick_up)
        self.came()
