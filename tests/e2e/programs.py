"""Tandem's programs as an administrator starts them, each in a process ended by its id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from typing import TYPE_CHECKING

from connectors.demo.processes import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

KEPT = 2_000
"""Lines of output kept of each program."""
READY = 30.0
"""Seconds a program may take until it says that it is ready."""


class Program:
    """A program that runs until it is ended, killed, or started again."""

    def __init__(self, folder: Path, words: Sequence[str], ready: str) -> None:
        """`ready` is how the line begins that says it is."""
        self.words = words
        self.lines: deque[str] = deque(maxlen=KEPT)
        """What it wrote on both streams, over all its lives."""
        self._folder = folder
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        since = len(self.lines)
        await self.launch()
        try:
            async with asyncio.timeout(READY):
                while not any(line.startswith(self._ready) for line in list(self.lines)[since:]):
                    assert self._process is not None
                    assert self._process.returncode is None, self.said()
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.words[0]} is not ready: {self.said()}") from None

    async def launch(self) -> None:
        """Start it and wait for nothing."""
        self._process = await asyncio.create_subprocess_exec(
            program(self.words[0]),
            *self.words[1:],
            cwd=self._folder,
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def stop(self) -> int | None:
        """SIGTERM, and SIGKILL for one that does not heed it; gives its exit status."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL: it has no time for anything."""
        await self._end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """Of the life it has now."""
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """SIGSTOP: it stands still with its sockets open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    async def line(self, text: str, within: float = 20.0, since: int = 0) -> str:
        """Wait for a line with `text` in it among those from index `since` of `lines` on."""
        try:
            async with asyncio.timeout(within):
                while True:
                    for line in list(self.lines)[since:]:
                        if text in line:
                            return line
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.words[0]} never said {text!r}: {self.said()}") from None

    def said(self) -> str:
        """Its last lines."""
        return "\n".join(list(self.lines)[-15:])

    async def _end(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None or self._reader is None:
            return None
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()
        await self._reader
        return process.returncode

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.lines.append(line.decode(errors="replace").rstrip())
            self._news.set()
        await process.wait()
        self._news.set()


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our own environment without settings of a Tandem of ours."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
    return own | {"PYTHONUNBUFFERED": "1"} | dict(more or {})


async def run_once(
    folder: Path, words: Sequence[str], text: str = "", within: float = 30.0
) -> tuple[int, str]:
    """Run a program to its end; gives its exit status and what it wrote on both streams."""
    process = await asyncio.create_subprocess_exec(
        program(words[0]),
        *words[1:],
        cwd=folder,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within):
            output, _ = await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace")
