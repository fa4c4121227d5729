"""A small scripted AMI server for faults: it answers what a connector asks, or misbehaves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Self

Fields = dict[str, str]

ALLOWED = ("Status", "CoreSettings", "CoreStatus", "UserEvent", "MessageSend", "QueueStatus",
           "BridgeList", "ShowDialPlan", "Ping", "ListCommands")  # fmt: skip


def frame(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "")).encode()


class AmiDouble:
    """Start with ``async with``; ``port`` is where it listens."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.secret = "right"
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.mute = False
        """Reads and answers nothing, the login included."""
        self.deaf_to: set[str] = set()
        """Actions it never answers."""
        self.refuses: dict[str, str] = {}
        """Action -> error message."""
        self.channels: list[list[str]] = []
        """Status items as lines, without Event, Privilege and ActionID."""
        self.bridges: list[list[str]] = []
        self.queues: list[list[str]] = []
        """Items of QueueStatus, the Event line first."""
        self.devices: list[str] = []
        """Of DeviceStateList, which is allowed where there is `res_manager_devicestate`."""
        self.contexts = {"collab": ["request"], "collab-feature": ["form", "cobrowse", "chat"]}
        self.allowed = list(ALLOWED)
        self.fully_booted = True
        self.keeps_back: set[str] = set()
        """UserEvents a filter keeps back."""
        self.started = "06:41:27"
        self.version = "22.10.1"
        self.logins = 0
        self.connections = 0
        self.actions: list[Fields] = []
        self.before_answer: dict[str, Callable[[], bytes]] = {}
        """Action -> bytes to send right before its answer."""
        self.after_answer: dict[str, Callable[[], bytes]] = {}
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self, last: bytes = b"") -> None:
        """Close every connection, with `last` as the last bytes."""
        for writer in list(self._writers):
            if last:
                writer.write(last)
            writer.close()

    def push(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    async def until(self, condition: Callable[[], bool], within: float = 15) -> None:
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(condition)

    def asked(self, action: str) -> list[Fields]:
        return [fields for fields in self.actions if fields["Action"] == action]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        writer.write(self.banner)
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = [line.partition(": ") for line in text.split("\r\n") if line]
                fields = {name: value for name, _, value in lines}
                self.actions.append(fields)
                if not self.mute and fields["Action"] not in self.deaf_to:
                    writer.write(self._answer(fields))
                async with self._changed:
                    self._changed.notify_all()
                if fields["Action"] == "Login" and fields["Secret"] != self.secret:
                    return
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, fields: Fields) -> bytes:
        name = fields["Action"]
        before = self.before_answer.get(name, bytes)()
        after = self.after_answer.get(name, bytes)()
        id_ = f"ActionID: {fields['ActionID']}"
        if name in self.refuses:
            return before + frame("Response: Error", id_, f"Message: {self.refuses[name]}") + after
        method = getattr(self, f"_{name.lower()}", None)
        answer = method(fields, id_) if method else frame("Response: Success", id_)
        return before + answer + after

    def _login(self, fields: Fields, id_: str) -> bytes:
        if fields["Secret"] != self.secret:
            return frame("Response: Error", id_, "Message: Authentication failed")
        self.logins += 1
        answer = frame("Response: Success", id_, "Message: Authentication accepted")
        if self.fully_booted:
            answer += frame("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted",
                            "Uptime: 5", "LastReload: 5")  # fmt: skip
        return answer

    def _corestatus(self, fields: Fields, id_: str) -> bytes:
        return frame("Response: Success", id_, "CoreStartupDate: 2026-11-23",
                     f"CoreStartupTime: {self.started}")  # fmt: skip

    def _coresettings(self, fields: Fields, id_: str) -> bytes:
        return frame("Response: Success", id_, f"AsteriskVersion: {self.version}")

    def _list(self, id_: str, items: list[list[str]], complete: str) -> bytes:
        answer = frame("Response: Success", id_, "EventList: start", "Message: will follow")
        answer += b"".join(frame(*item, id_) for item in items)
        return answer + frame(f"Event: {complete}", id_, "EventList: Complete")

    def _status(self, fields: Fields, id_: str) -> bytes:
        items = [["Event: Status", "Privilege: Call", *lines] for lines in self.channels]
        return self._list(id_, items, "StatusComplete")

    def _bridgelist(self, fields: Fields, id_: str) -> bytes:
        items = [["Event: BridgeListItem", *lines] for lines in self.bridges]
        return self._list(id_, items, "BridgeListComplete")

    def _queuestatus(self, fields: Fields, id_: str) -> bytes:
        return self._list(id_, self.queues, "QueueStatusComplete")

    def _devicestatelist(self, fields: Fields, id_: str) -> bytes:
        items = [["Event: DeviceStateChange", f"Device: {device}"] for device in self.devices]
        return self._list(id_, items, "DeviceStateListComplete")

    def _showdialplan(self, fields: Fields, id_: str) -> bytes:
        names = self.contexts.get(fields["Context"])
        if names is None:
            return frame("Response: Error", id_, "Message: Did not find context")
        items = [["Event: ListDialplan", f"Extension: {name}"] for name in names]
        return self._list(id_, items, "ShowDialPlanComplete")

    def _listcommands(self, fields: Fields, id_: str) -> bytes:
        lines = [f"{name}: It does.  (Priv: x)" for name in self.allowed]
        return frame("Response: Success", id_, *lines)

    def _userevent(self, fields: Fields, id_: str) -> bytes:
        answer = frame("Response: Success", id_, "Message: Event Sent")
        if fields["UserEvent"] in self.keeps_back:
            return answer
        return answer + frame(
            "Event: UserEvent",
            "Privilege: user,all",
            f"UserEvent: {fields['UserEvent']}",
            f"Nonce: {fields.get('Nonce', '')}",
            id_,
        )
