"""A simulated FreeSWITCH, its event socket and its telephones."""

from __future__ import annotations

import random
from collections.abc import Mapping

from ..clock import Clock
from ..switch import SimulatedSwitch
from ..world import WorldSpec
from . import lab
from .board import Switchboard
from .calls import PlacedCall
from .dialplan import Dialplan
from .faults import FreeSwitchFaults
from .pbx import FreeSwitch
from .rights import DirectoryUser
from .server import EslServer

PASSWORD = "ClueCon"  # noqa: S105  # FreeSWITCH's own, of a simulation on the loopback


class FreeSwitchSimulator(SimulatedSwitch[PlacedCall]):
    """A simulated FreeSWITCH that listens for ESL. Use as ``async with``, or `start`/`stop`."""

    def __init__(
        self,
        world: WorldSpec | None = None,
        dialplan: Dialplan | None = None,
        password: str = PASSWORD,
        *,
        speed: float = 1.0,
        seed: int | None = None,
        heartbeat: float = 20.0,
        bowout: float = 2.0,
        users: Mapping[str, DirectoryUser] | None = None,
    ) -> None:
        """Without arguments the switch of `freeswitch.lab`, in real time.

        `speed`: how many times faster than real all that is timed in calls goes. `heartbeat`:
        seconds between HEARTBEAT events; 0: none. `bowout`: seconds after which a ``loopback``
        pair with talk on both its sides gives way to them; 0: telephones send no media, and it
        stays. `users`: who may come by ``userauth``.
        """
        spec = world or lab.world()
        self.pbx = FreeSwitch(
            spec,
            dialplan or lab.dialplan(spec),
            clock=Clock(speed),
            seed=random.randrange(2**32) if seed is None else seed,  # noqa: S311
            heartbeat=heartbeat,
            bowout=bowout,
        )
        self.server = EslServer(self.pbx, password, users)
        self.board = Switchboard(self.pbx)
        super().__init__(self.server, self.board, self.pbx.phones)

    @property
    def faults(self) -> FreeSwitchFaults:
        """What can go wrong, on command."""
        return self.server.faults

    @property
    def events(self) -> int:
        """Events that happened since its making, wanted or not."""
        return sum(self.pbx.bus.emitted.values())
