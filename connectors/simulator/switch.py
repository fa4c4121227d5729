"""A simulated switch as tests, the demo and a person use it, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Protocol, Self, TypeVar

from .faults import Faults
from .runner import Board, Outcome, run, run_many
from .script import CALLER, Call
from .world import Phone

Placed = TypeVar("Placed")


class Port(Protocol):
    """The control port of a switch."""

    host: str
    port: int

    @property
    def faults(self) -> Faults:
        """What can go wrong, on command."""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError when the port is taken."""

    async def stop(self) -> None:
        """Close the port, every session and every call."""


class Telephones(Board[Placed], Protocol[Placed]):
    """The telephones of a switch, and the control interface where a script asks."""

    def place(self, script: Call) -> Placed:
        """Dial."""

    def answer(self, call: Placed, phone: str) -> None:
        """Pick up."""

    def hang_up(self, call: Placed, phone: str = CALLER) -> None:
        """Hang up, give up or turn down."""


class SimulatedSwitch(Generic[Placed]):
    """A switch that listens for its control protocol. Use as ``async with``, or `start`/`stop`."""

    def __init__(
        self, server: Port, board: Telephones[Placed], phones: Mapping[str, Phone]
    ) -> None:
        self._port = server
        self._telephones = board
        self._phones = phones

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._port.host

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port.port

    @property
    def faults(self) -> Faults:
        """What can go wrong, on command."""
        return self._port.faults

    @property
    def events(self) -> int:
        """Events that happened since its making, wanted or not."""
        raise NotImplementedError

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self._port.start(host, port)

    async def stop(self) -> None:
        """Close the port, every session and every call."""
        await self._port.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def phone(self, name: str) -> Phone:
        """A telephone by name. Raises KeyError."""
        return self._phones[name]

    def place(self, script: Call) -> Placed:
        """Dial, and leave the steps of the script alone."""
        return self._telephones.place(script)

    async def run(self, script: Call) -> Placed:
        """Dial and do every step."""
        return await run(self._telephones, script)

    async def run_many(
        self, mix: Sequence[tuple[float, Callable[[int], Call]]], *, calls: int, rate: float,
        at_once: int = 1000,
    ) -> Outcome:  # fmt: skip
        """`calls` calls at `rate` a second; see `runner.run_many`."""
        return await run_many(self._telephones, mix, calls=calls, rate=rate, at_once=at_once)

    def answer(self, call: Placed, phone: str) -> None:
        """Pick up a telephone that rings for a call."""
        self._telephones.answer(call, phone)

    def hang_up(self, call: Placed, phone: str = CALLER) -> None:
        """A telephone hangs up."""
        self._telephones.hang_up(call, phone)
