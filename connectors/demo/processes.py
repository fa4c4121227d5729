"""Child processes of the demo: started, watched until they are ready, ended by their id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from connectors.demo import LabError

_KEPT = 50


def end(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Sends a signal by the process's id, unless it has ended.

    Not `Process.send_signal`: that one may reap the process before asyncio's own watcher does.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


async def stop(process: asyncio.subprocess.Process | None, within: float = 5.0) -> None:
    """SIGTERM, and after `within` seconds SIGKILL."""
    if process is None:
        return
    end(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), within)
    except TimeoutError:
        end(process, signal.SIGKILL)
        await process.wait()


class Child:
    """A program of Tandem in a process of its own, with what it last said."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.ended = asyncio.Event()
        self._folder = folder
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, words: Sequence[str], ready: str, within: float = 30.0) -> None:
        """Starts the program and waits for the first line that begins with `ready`."""
        self._process = await self._spawn(words)
        self._tasks = [
            asyncio.create_task(self._read(self._process.stdout, ready)),
            asyncio.create_task(self._read(self._process.stderr, "")),
            asyncio.create_task(self._watch(self._process)),
        ]
        waits = [asyncio.create_task(event.wait()) for event in (self._ready, self.ended)]
        await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self.ended.is_set():
            raise LabError(f"{self.name} ended: {self.last_words()}")
        if not self._ready.is_set():
            raise LabError(f"{self.name} is not ready after {within:.0f} s: {self.last_words()}")

    async def run(self, words: Sequence[str], text: str, within: float = 30.0) -> None:
        """Runs the program to its end with `text` on its standard input."""
        process = await self._spawn(words, asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(within):
                output, errors = await process.communicate(text.encode())
        except TimeoutError:
            raise LabError(f"{self.name} did not end within {within:.0f} s") from None
        finally:
            end(process, signal.SIGKILL)
            # Else asyncio reaps it before its own watcher does, and says so on the terminal.
            await process.wait()
        if process.returncode:
            said = (errors or output).decode(errors="replace").strip().splitlines()
            raise LabError(f"{self.name} failed: {said[-1] if said else 'it said nothing'}")

    async def stop(self) -> None:
        """Ends it in order, then by force."""
        await stop(self._process)
        for task in self._tasks:
            await task
        self._tasks = []

    def last_words(self) -> str:
        """The last line it said."""
        return self._lines[-1] if self._lines else "it said nothing"

    async def _spawn(
        self, words: Sequence[str], stdin: int = asyncio.subprocess.DEVNULL
    ) -> asyncio.subprocess.Process:
        own = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
        return await asyncio.create_subprocess_exec(
            program(words[0]),
            *words[1:],
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env={**own, "PYTHONUNBUFFERED": "1"},
            # Ctrl-C at the terminal is for the demo, which then ends its children in order.
            start_new_session=True,
        )

    async def _read(self, stream: asyncio.StreamReader | None, ready: str) -> None:
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the reader's limit; what was said is dropped
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self._lines.append(text)
            if ready and text.startswith(ready):
                self._ready.set()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self.ended.set()


def program(name: str) -> str:
    """Where a command of this project is: beside the Python that runs us, else on the PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise LabError(f"{name} is not installed: `make install`, or pip install tandem")
    return found
