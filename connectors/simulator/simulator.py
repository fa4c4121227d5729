"""A simulated Asterisk, its port and its telephones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from .asterisk import lab
from .asterisk.board import Switchboard
from .asterisk.bus import EventBus
from .asterisk.calls import PlacedCall
from .asterisk.dialplan import Dialplan, Feature
from .asterisk.pbx import Pbx
from .asterisk.server import AmiServer
from .asterisk.users import ManagerUser, classes
from .clock import Clock
from .switch import SimulatedSwitch
from .world import WorldSpec

USERNAME = "tandem"
SECRET = "tandem-secret"  # noqa: S105  # of a simulation on the loopback
CONNECTOR = ManagerUser(
    USERNAME,
    SECRET,
    classes("system,call,agent,user"),
    classes("reporting,message,user,originate,call,agent"),
)
"""The connector's user, with the classes of both templates of the sample manager.conf."""
LAB = ManagerUser("lab", "lab-secret", classes("all"), classes("all"))
"""May see and do everything."""


class Simulator(SimulatedSwitch[PlacedCall]):
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
        super().__init__(self.server, self.board, self.pbx.phones)

    @property
    def events(self) -> int:
        """Events that happened since its making, wanted or not."""
        return sum(self.pbx.bus.emitted.values())
