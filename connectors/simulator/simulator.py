"""The simulator as tests, the demo and a person use it: a switch, its port and its telephones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from .asterisk import lab
from .asterisk.board import Switchboard
from .asterisk.bus import EventBus
from .asterisk.calls import PlacedCall
from .asterisk.dialplan import Dialplan, Feature
from .asterisk.faults import Faults
from .asterisk.pbx import Pbx
from .asterisk.server import AmiServer
from .asterisk.users import ManagerUser, classes
from .clock import Clock
from .runner import Outcome, run, run_many
from .script import CALLER, Call
from .world import Phone, WorldSpec

USERNAME = "tandem"
SECRET = "tandem-secret"  # noqa: S105  # of a simulation on the loopback
CONNECTOR = ManagerUser(
    USERNAME, SECRET, classes("system,call,agent,user"), classes("reporting,message,user")
)
"""The connector's user, with the classes of the sample manager.conf."""
LAB = ManagerUser("lab", "lab-secret", classes("all"), classes("all"))
"""May see and do everything."""


class Simulator:
    """A simulated Asterisk that listens for AMI. Use as ``async with``, or `start` and `stop`."""

    def __init__(
        self,
        world: WorldSpec | None = None,
        dialplan: Dialplan | None = None,
        features: Sequence[Feature] = lab.FEATURES,
        users: Iterable[ManagerUser] = (CONNECTOR, LAB),
        *,
        speed: float = 1.0,
        seed: int | None = None,
        answer_delay: float = 0.0,
        timestamps: bool = True,
        auth_timeout: float = 30.0,
        refusal_delay: float = 1.0,
    ) -> None:
        """Without arguments the switch of `asterisk.lab`, in real time.

        `speed`: how many times faster than real all that is timed in calls goes.
        """
        clock = Clock(speed)
        spec = world or lab.world()
        self.pbx = Pbx(
            spec,
            dialplan or lab.dialplan(spec),
            tuple(features),
            bus=EventBus(clock, timestamps=timestamps),
            clock=clock,
            seed=random.randrange(2**32) if seed is None else seed,  # noqa: S311
            answer_delay=answer_delay,
        )
        self.server = AmiServer(
            self.pbx, users, auth_timeout=auth_timeout, refusal_delay=refusal_delay
        )
        self.board = Switchboard(self.pbx)

    @property
    def host(self) -> str:
        """Where it listens."""
        return self.server.host

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server.port

    @property
    def faults(self) -> Faults:
        """What can go wrong, on command."""
        return self.server.faults

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self.server.start(host, port)

    async def stop(self) -> None:
        """Close the port, every session and every call."""
        await self.server.stop()

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def phone(self, name: str) -> Phone:
        """A telephone by name. Raises KeyError."""
        return self.pbx.phones[name]

    def place(self, script: Call) -> PlacedCall:
        """Dial, and leave the steps of the script alone."""
        return self.board.place(script)

    async def run(self, script: Call) -> PlacedCall:
        """Dial and do every step."""
        return await run(self.board, script)

    async def run_many(
        self, mix: Sequence[tuple[float, Callable[[int], Call]]], *, calls: int, rate: float,
        at_once: int = 1000,
    ) -> Outcome:  # fmt: skip
        """`calls` calls at `rate` a second; see `runner.run_many`."""
        return await run_many(self.board, mix, calls=calls, rate=rate, at_once=at_once)

    def answer(self, call: PlacedCall, phone: str) -> None:
        """Pick up a telephone that rings for a call."""
        self.board.answer(call, phone)

    def hang_up(self, call: PlacedCall, phone: str = CALLER) -> None:
        """A telephone hangs up."""
        self.board.hang_up(call, phone)
