"""A small scripted event socket for faults: it answers what a connector asks, or misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Self

GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
CORE = "319c39bb-4c6e-4ea8-b2f1-89d2c14b8a04"


def framed(kind: str, body: bytes) -> bytes:
    """As FreeSWITCH frames an event: the length first."""
    return f"Content-Length: {len(body)}\nContent-Type: {kind}\n\n".encode() + body


def event(name: str, body: str = "", **headers: str) -> bytes:
    """An event of the JSON format; ``Unique_ID="1"`` is the header Unique-ID."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    values = {"Event-Name": name, "Core-UUID": CORE, **named}
    if body:
        values |= {"Content-Length": str(len(body.encode())), "_body": body}
    return framed("text/event-json", json.dumps(values, ensure_ascii=False).encode())


def reply(text: str, *more: str) -> bytes:
    return "\n".join(("Content-Type: command/reply", f"Reply-Text: {text}", *more, "", "")).encode()


def answer(text: str) -> bytes:
    body = text.encode()
    return b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body


def notice(text: bytes = GOODBYE) -> bytes:
    return b"Content-Type: text/disconnect-notice\nContent-Length: %d\n\n" % len(text) + text


class EslDouble:
    """Start with ``async with``; ``port`` is where it listens."""

    def __init__(self) -> None:
        self.port = 0
        self.secret = "right"
        self.user = "tandem@tandem.invalid"
        """Who may log in by ``userauth``, with the same secret."""
        self.greeting = b"Content-Type: auth/request\n\n"
        self.mute = False
        """Reads and answers nothing."""
        self.deaf_to: set[str] = set()
        """Commands, or API commands, it never answers, nor what is asked behind them: as
        FreeSWITCH, which runs the commands of a connection one after the other."""
        self.answers: dict[str, str] = {"uuid_exists": "false", "status": "UP\n"}
        """API command, with its arguments or without, to its answer; others do not exist."""
        self.refuses: dict[str, str] = {}
        """Command (``event``) to the -ERR of its reply."""
        self.holds_jobs = False
        """Results of bgapi wait for `finish`."""
        self.jobs: list[tuple[str, str]] = []
        """Commands and Job-UUIDs whose result waits."""
        self.core = CORE
        self.connections = 0
        self.commands: list[str] = []
        self.before_answer: dict[str, Callable[[], bytes]] = {}
        """API command to bytes to send right before its answer."""
        self.after_answer: dict[str, Callable[[], bytes]] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._held: dict[asyncio.StreamWriter, bytes] = {}
        """Of connections that wait for a command it is deaf to, the answers behind it."""
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
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

    def release(self, late: bytes) -> None:
        """Answer what it was deaf to after all, and what was asked behind it."""
        for writer, held in self._held.items():
            writer.write(late + held)
        self._held.clear()

    def finish(self, job: str, result: str) -> None:
        """Send the result of a job."""
        self.push(self.job_done(job, result))

    def job_done(self, job: str, result: str) -> bytes:
        headers = {"Core-UUID": self.core, "Job-UUID": job}
        values = {"Event-Name": "BACKGROUND_JOB", **headers, "_body": result}
        return framed("text/event-json", json.dumps(values).encode())

    async def until(self, condition: Callable[[], bool], within: float = 15) -> None:
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(condition)

    @property
    def open(self) -> int:
        """Connections that stand."""
        return len(self._writers)

    def asked(self, start: str) -> list[str]:
        return [command for command in self.commands if command.startswith(start)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        writer.write(self.greeting)
        try:
            while True:
                command = (await reader.readuntil(b"\n\n")).decode().removesuffix("\n\n")
                self.commands.append(command)
                if not self.mute:
                    self._reply(writer, command)
                async with self._changed:
                    self._changed.notify_all()
                if command.startswith("auth ") and command != f"auth {self.secret}":
                    return
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            self._held.pop(writer, None)
            writer.close()
            with contextlib.suppress(RuntimeError):  # the loop ends
                async with self._changed:
                    self._changed.notify_all()

    def _reply(self, writer: asyncio.StreamWriter, command: str) -> None:
        if writer in self._held:
            self._held[writer] += self._answer(command)
        elif self.deaf_to & set(command.split()[:2]):
            self._held[writer] = b""
        else:
            writer.write(self._answer(command))

    def _answer(self, command: str) -> bytes:
        verb, _, rest = command.partition(" ")
        api = rest.split("\n")[0]
        named = api.partition(" ")[0]
        if verb in self.refuses:
            return reply(self.refuses[verb])
        if verb == "auth":
            if rest != self.secret:
                return reply("-ERR invalid") + notice()
            return reply("+OK accepted")
        if verb == "userauth":
            if rest != f"{self.user}:{self.secret}":
                return reply("-ERR invalid") + notice()
            return reply("+OK accepted", "Allowed-Events: all", "Allowed-API: show chat")
        if verb == "event":
            return reply("+OK event listener enabled json")
        if verb == "filter":
            return reply("+OK filter added. [{}]=[{}]".format(*rest.split(" ", 1)))
        if verb == "sendmsg":
            return reply("+OK")
        before = self.before_answer.get(named, bytes)()
        after = self.after_answer.get(named, bytes)()
        result = self.answers.get(api, self.answers.get(named))
        if result is None:
            result = f"-ERR {named} command not found!\n"
        if verb == "api":
            return before + answer(result) + after
        if verb == "bgapi":
            job = rest.partition("\nJob-UUID: ")[2]
            done = b""
            if self.holds_jobs:
                self.jobs.append((api, job))
            else:
                done = self.job_done(job, result)
            return before + reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}") + done + after
        return reply("-ERR command not found")
