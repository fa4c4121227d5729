"""One SIPp process and what it says on the wire, as it says it.

SIPp writes its message trace into a named pipe that we read, so that every SIP message is
known the moment it is on the wire, without asking a file again and again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.demo import LabError
from connectors.demo.debian import Prefix
from connectors.demo.processes import end
from connectors.demo.siptrace import Sip, TraceReader


class Sipp:
    """A running SIPp. `hear` gets each message; `ended` is set when the process is gone."""

    def __init__(
        self, prefix: Prefix, folder: Path, name: str, hear: Callable[[Sip], None]
    ) -> None:
        self.ended = asyncio.Event()
        self.status: int | None = None
        """Exit status once ended; 0 is a scenario played to its end."""
        self._prefix = prefix
        self._base = folder / name
        self._hear = hear
        self._reader = TraceReader()
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(
        self, scenario: str, remote: int, local: int, words: Sequence[str | bytes] = ()
    ) -> None:
        """Plays `scenario` from UDP port `local` towards port `remote`, both on loopback."""
        self._file(".xml").write_text(scenario)
        pipe = self._file(".trace")
        os.mkfifo(pipe)
        stream, transport = await _open_pipe(pipe)
        # Held open by us as well: there is no end of file before SIPp has opened its side.
        keeper = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        self._process = await asyncio.create_subprocess_exec(
            *self._prefix.command("usr/bin/sipp"),
            *(f"127.0.0.1:{remote}", "-i", "127.0.0.1", "-p", str(local), "-nostdin"),
            *("-sf", str(self._file(".xml")), "-trace_msg", "-message_file", str(pipe)),
            *("-trace_err", "-error_file", str(self._file(".errors"))),
            # Else an answer goes to whoever sent last, be it the laboratory with a command.
            *("-rsa", f"127.0.0.1:{remote}"),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._tasks = [
            asyncio.create_task(self._read(stream, transport)),
            asyncio.create_task(self._watch(self._process, keeper)),
        ]

    async def stop(self) -> None:
        """Ends the process by its id, at once; the PBX sees the telephone fall silent."""
        if self._process is not None:
            end(self._process, signal.SIGKILL)
        for task in self._tasks:
            await task
        self._tasks = []

    def errors(self) -> str:
        """The last thing SIPp complained about, in one line."""
        path = self._file(".errors")
        lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
        return lines[-1] if lines else ""

    def _file(self, suffix: str) -> Path:
        return self._base.with_name(self._base.name + suffix)

    async def _read(self, stream: asyncio.StreamReader, transport: asyncio.BaseTransport) -> None:
        while data := await stream.read(65536):
            for message in self._reader.feed(data):
                self._hear(message)
        transport.close()
        self.ended.set()

    async def _watch(self, process: asyncio.subprocess.Process, keeper: int) -> None:
        self.status = await process.wait()
        os.close(keeper)


async def _open_pipe(path: Path) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    stream = asyncio.StreamReader(limit=1 << 20)
    protocol = asyncio.StreamReaderProtocol(stream)
    try:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, file)
    except OSError as error:
        file.close()
        raise LabError(f"cannot read SIPp's trace: {error}") from error
    return stream, transport
