"""One call at a telephone of `tests.behaviour.telephone`: its dialog, and what its person does."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.parse
from typing import TYPE_CHECKING

from tests.behaviour import sip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.demo.siptrace import Sip
    from tests.behaviour.telephone import Telephone

WITHIN = 10.0
"""Seconds a wait takes at most."""
NOTICED = 1.5
"""Seconds a telephone that transferred its call waits for word of the target's answer."""


class Leg:
    """One call of a telephone, placed or received."""

    def __init__(self, phone: Telephone, call_id: str, address: tuple[str, int]) -> None:
        self.phone = phone
        self.call_id = call_id
        self.number = ""
        """Who the other side says it is, of a call received."""
        self.invite: Sip | None = None
        """The INVITE of a call received."""
        self.refusal = 0
        """The status it was refused with."""
        self.local = self.remote = self.target = ""
        self.media = 0
        """The port where the other side takes media; 0: not known."""
        self.progress: list[bytes] = []
        """Bodies of the NOTIFYs about a transfer."""
        self._address = address
        self._cseq = 0
        self._answered = False
        self._branch = ""
        self._uri = ""
        self._state = {name: asyncio.Event() for name in ("rings", "up", "over", "transferred")}

    def has(self, state: str) -> bool:
        """Whether it has reached ``rings``, ``up`` (answered and acknowledged) or ``over``."""
        return self._state[state].is_set()

    @property
    def was_answered(self) -> bool:
        """Whether it was, or has been, talked on."""
        return self._answered

    async def until(self, state: str, within: float = WITHIN) -> None:
        """Wait until it has. Raises TimeoutError, at once when it ended before."""
        wanted, over = self._state[state], self._state["over"]
        waits = [asyncio.create_task(each.wait()) for each in (wanted, over)]
        try:
            await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not wanted.is_set():
            end = f" but over ({self.refusal or 'hung up'})" if over.is_set() else ""
            raise TimeoutError(f"{self.phone.name} was not {state} within {within} s{end}")

    # --- what its person does

    def pick_up(self) -> None:
        """Answer what rings."""
        if self.invite is not None and not self._answered and not self.has("over"):
            self._answered = True
            self.phone.reply(self.invite, 200, "OK", self, offer=True)

    async def hang_up(self) -> None:
        """BYE, CANCEL of a call that was not answered, or a refusal of one that rings."""
        if self.has("over"):
            return
        if self.invite is not None and not self._answered:
            self.turn_down()
        elif self.invite is None and not self._answered:
            headers = self._headers("CANCEL", self._cseq, self._branch)
            self.phone.send(sip.request("CANCEL", self._uri, headers), self._address)
            await self.until("over")
        else:
            await self.request("BYE")
            self.set("over")

    def turn_down(self) -> None:
        """486 to what rings."""
        assert self.invite is not None
        self.phone.reply(self.invite, 486, "Busy Here", self)
        self.set("over")

    async def press(self, digits: str) -> None:
        """Keys, each an INFO (application/dtmf-relay) once the one before was taken."""
        self.phone.speak(self.media, 0.3 * len(digits) + 0.5)
        for digit in digits:
            body = f"Signal={digit}\r\nDuration=160\r\n"
            answer = await self.request("INFO", [("Content-Type", "application/dtmf-relay")], body)
            assert answer.status == 200, answer.first

    async def hold(self, *, on: bool) -> None:
        """Put the other side on hold, or take it back, by re-INVITE."""
        offer = sip.sdp(self.phone.media, "sendonly" if on else "sendrecv")
        answer = await self.request("INVITE", [("Content-Type", "application/sdp")], offer)
        assert answer.status == 200, answer.first

    async def transfer(self, number: str) -> None:
        """Blind transfer: REFER, then off the line once the target has answered, or soon."""
        await self._refer(f"<sip:{number}@{sip.HOST}:{sip.port_of(self.target)}>")
        with contextlib.suppress(TimeoutError):
            await self.until("transferred", NOTICED)
        await self.hang_up()

    async def transfer_to(self, other: Leg) -> None:
        """Attended transfer: REFER to the other end of a call of ours, with Replaces."""
        known = f"{other.call_id};to-tag={sip.tag_of(other.remote)}"
        replaces = urllib.parse.quote(f"{known};from-tag={sip.tag_of(other.local)}", safe="")
        await self._refer(f"<{other.target}?Replaces={replaces}>")
        with contextlib.suppress(TimeoutError):
            await self.until("transferred")
        assert any(b" 200" in body for body in self.progress), self.progress
        await self.hang_up()

    async def _refer(self, target: str) -> None:
        by = f"<sip:{self.phone.name}@{sip.HOST}:{self.phone.port}>"
        answer = await self.request("REFER", [("Refer-To", target), ("Referred-By", by)])
        assert answer.status == 202, answer.first

    # --- the dialog

    def set(self, state: str) -> None:
        """It has reached a state."""
        self._state[state].set()

    def dial(self, number: str, headers: Mapping[str, str], password: str) -> None:
        """Send the INVITE; the answers come to `answered`."""
        phone = self.phone
        self._uri = f"sip:{number}@{sip.HOST}:{self._address[1]}"
        self.local = f"<sip:{phone.name}@{sip.HOST}>;tag={sip.token()}"
        self.remote = f"<{self._uri}>"
        self._more = [*headers.items(), ("Content-Type", "application/sdp")]
        self._password = password
        self._send_invite()

    def _send_invite(self, *more: tuple[str, str]) -> None:
        self._cseq += 1
        self._branch = sip.token("z9hG4bK")
        headers = [*self._headers("INVITE", self._cseq, self._branch), *self._more, *more]
        invite = sip.request("INVITE", self._uri, headers, sip.sdp(self.phone.media))
        self.phone.send(invite, self._address)

    def answered(self, message: Sip) -> None:
        """An answer to the INVITE of a call that was placed."""
        status = message.status
        if status < 200:
            if status > 100:
                self.set("rings")
            return
        self._acknowledge(message, self._branch)
        if self.has("over") or self._answered:
            return  # it came again
        if status in (401, 407) and self._password and self._cseq == 1:
            name, word = self.phone.name, self._password
            self._send_invite(sip.credentials(message, "INVITE", self._uri, name, word))
        elif status < 300:
            self._answered = True
            self.remote = message.header("To")
            self.target = sip.uri_of(message.header("Contact"))
            self.media = sip.media_of(message.body)
            self.set("up")
        else:
            self.refusal = status
            self.set("over")
            self.phone.came()

    def accepted(self, message: Sip) -> None:
        """The INVITE of a call received: the dialog it begins."""
        self.invite = message
        self.number = sip.user_of(message.header("From"))
        self.local = f"{message.header('To')};tag={sip.token()}"
        self.remote = message.header("From")
        self.target = sip.uri_of(message.header("Contact"))
        self.media = sip.media_of(message.body)

    async def request(
        self, method: str, headers: list[tuple[str, str]] | None = None, body: str = ""
    ) -> Sip:
        """A request within the dialog; gives its final answer."""
        self._cseq += 1
        branch = sip.token("z9hG4bK")
        lines = [*self._headers(method, self._cseq, branch), *(headers or [])]
        address = (sip.HOST, sip.port_of(self.target))
        answer = await self.phone.ask(
            sip.request(method, self.target, lines, body), branch, address
        )
        if method == "INVITE":
            self._acknowledge(answer, branch)
        return answer

    def _acknowledge(self, answer: Sip, branch: str) -> None:
        """The ACK: of its own transaction for a 2xx, of the INVITE's else (RFC 3261, 17.1.1.3)."""
        good = answer.status < 300
        contact = sip.uri_of(answer.header("Contact"))
        uri = (contact or self.target) if good else self._uri
        number = int(answer.header("CSeq").split()[0])
        headers = self._headers("ACK", number, sip.token("z9hG4bK") if good else branch)
        headers = [(n, answer.header("To") if n == "To" else v) for n, v in headers]
        address = (sip.HOST, sip.port_of(uri)) if good else self._address
        self.phone.send(sip.request("ACK", uri, headers), address)

    def _headers(self, method: str, number: int, branch: str) -> list[tuple[str, str]]:
        phone = self.phone
        return [
            ("Via", f"SIP/2.0/UDP {sip.HOST}:{phone.port};branch={branch};rport"),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:{phone.name}@{sip.HOST}:{phone.port}>"),
        ]
