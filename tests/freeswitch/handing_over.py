"""FreeSWITCH's side of the outbound socket, for tests: a channel in the application `socket`.

It answers as the real one does (recording 06) until a test has it do something else; each end of
`HandingOver` is a call. What the connector sent is in `commands`, one string each.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Self
from urllib.parse import quote

from tests.freeswitch.captured import stream
from tests.freeswitch.esl_double import answer, framed, notice, reply

LEG = "5f5ae70c-86bf-4a52-9f31-4e2a7a2ac0a5"
WITHIN = 10.0

_RECORDED = re.split(rb"(?<=\n)\n", stream("06-outbound-async-full"), maxsplit=1)[0].decode()


def channel(changes: Mapping[str, str] | None = None) -> bytes:
    """The reply to `connect`: the recorded one, as a call that is in a menu."""
    headers = {
        "Unique-ID": LEG,
        "variable_collab_menu": "support",
        "variable_socket_resume": "true",
        **(changes or {}),
    }
    lines = [line for line in _RECORDED.splitlines() if line.partition(": ")[0] not in headers]
    lines[:0] = [f"{name}: {quote(value)}" for name, value in headers.items() if value]
    return ("\n".join(lines) + "\n\n").encode()


class HandingOver:
    """One call that is handed over. Use as ``async with``."""

    def __init__(self, port: int, digit: str = "1") -> None:
        self.commands: list[str] = []
        self.digit = digit
        """What the caller presses; empty: nothing, until the menu is through."""
        self.shown = channel()
        """The reply to `connect`."""
        self.deaf_to: set[str] = set()
        """Beginnings of commands that are not answered."""
        self.holds: set[str] = set()
        """Applications that do not end by themselves."""
        self.state = "4"
        """``Channel-State-Number`` in what it says of ends: CS_EXECUTE."""
        self.closed = False
        """The connector ended the connection."""
        self._port = port
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        self._reading.cancel()
        await asyncio.wait({self._reading})

    async def until(self, condition: Callable[[Self], object]) -> None:
        async with asyncio.timeout(WITHIN), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def ended(self) -> None:
        """Wait until the connector closed the connection."""
        await self.until(lambda call: call.closed)

    async def asked(self, part: str) -> None:
        """Wait for a command that holds `part`."""
        await self.until(lambda call: any(part in each for each in call.commands))

    @property
    def ran(self) -> list[str]:
        """Applications and their arguments, in order."""
        found = []
        for command in self.commands:
            lines = dict(line.partition(": ")[::2] for line in command.split("\n")[1:])
            if "execute-app-name" in lines:
                argument = lines.get("execute-app-arg", "")
                found.append(f"{lines['execute-app-name']} {argument}".strip())
        return found

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def hang_up(self) -> None:
        """The caller hangs up: without linger, a notice and the end."""
        self._writer.write(notice())
        self._writer.close()

    def complete(self, application: str, number: str, digit: str = "") -> None:
        """Say that an application is done."""
        headers = {
            "Event-Name": "CHANNEL_EXECUTE_COMPLETE",
            "Unique-ID": LEG,
            "Channel-State-Number": self.state,
            "Application": application,
            "Application-UUID": number,
            **({"variable_collab_menu_digit": digit} if digit else {}),
        }
        self.send(framed("text/event-json", json.dumps(headers).encode()))

    async def _read(self) -> None:
        try:
            while True:
                command = (await self._reader.readuntil(b"\n\n")).decode().strip()
                self.commands.append(command)
                if not any(command.startswith(each) for each in self.deaf_to):
                    self._answer(command)
                async with self._changed:
                    self._changed.notify_all()
        except (asyncio.IncompleteReadError, OSError):
            self.closed = True
            async with self._changed:
                self._changed.notify_all()

    def _answer(self, command: str) -> None:
        verb = command.split()[0]
        if verb == "connect":
            self.send(self.shown)
        elif verb == "api":
            self.send(answer("+OK Added: 7\n"))
        elif verb == "sendmsg":
            self.send(reply("+OK"))
            lines = dict(line.partition(": ")[::2] for line in command.split("\n"))
            name, number = lines["execute-app-name"], lines["Event-UUID"]
            if name not in self.holds:
                self.complete(name, number, self.digit if name == "play_and_get_digits" else "")
        else:
            self.send(reply("+OK"))
