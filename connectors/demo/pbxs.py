"""The PBXs of the demo: simulated ones, and a real Asterisk with SIPp telephones."""

from __future__ import annotations

import contextlib
import re
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from connectors.demo import LabError
from connectors.demo.asterisk import Asterisk
from connectors.demo.debian import Prefix
from connectors.demo.phones import Call as SipCall
from connectors.demo.phones import Phone, Phones
from connectors.simulator import Call, Simulator
from connectors.simulator.asterisk import lab as asterisk_lab
from connectors.simulator.freeswitch import lab as freeswitch_lab
from connectors.simulator.freeswitch.simulator import PASSWORD, FreeSwitchSimulator
from connectors.simulator.simulator import SECRET, USERNAME
from connectors.simulator.switch import SimulatedSwitch
from connectors.simulator.world import Rings

_LINK = re.compile(r"https?://\S+")
WITHIN = 20.0
"""Seconds from the call to the link at the caller's telephone."""


class DemoPbx(Protocol):
    """What the demo does with a PBX. Entered it runs, left it is gone without a trace."""

    title: str
    kind: Literal["asterisk", "freeswitch"]
    port: int
    """AMI or ESL."""
    username: str
    secret: str
    agent: str
    """Name of the endpoint that answers; the agent's URI is made of it."""
    agents: str
    """Pattern of the endpoints that are agents."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def place(self) -> None:
        """The caller calls the queue; an agent answers."""

    async def link(self) -> str:
        """The join link out of the SIP MESSAGE that arrived at the caller's telephone."""

    async def ended(self) -> None:
        """Waits until the call is over."""

    async def hang_up(self) -> None:
        """The caller hangs up, if the call stands."""


class SimulatedPbx:
    """A simulator, in this process."""

    username = USERNAME
    agent = "1001"

    def __init__(self, kind: Literal["asterisk", "freeswitch"]) -> None:
        self.kind = kind
        self._simulator: SimulatedSwitch[Any]
        if kind == "asterisk":
            self.title, self.secret, self.agents = "a simulated Asterisk", SECRET, r"PJSIP/1\d{3}"
            self._simulator = Simulator(asterisk_lab.world(agents=1), answer_delay=0.5)
        else:
            self.title, self.secret, self.agents = (
                "a simulated FreeSWITCH",
                PASSWORD,
                r"user/1\d{3}",
            )
            rings = Rings(answer_after=0.5)
            self._simulator = FreeSwitchSimulator(freeswitch_lab.world(agents=1, rings=rings))
        self._call: Any = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._simulator.start()
        self.port = self._simulator.port
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._simulator.stop()

    async def place(self) -> None:
        self._call = self._simulator.place(Call("form-support"))
        await self._call.until("talking", within=WITHIN)

    async def link(self) -> str:
        phone = self._simulator.phone("caller")
        try:
            text = await phone.next_message(WITHIN)
        except TimeoutError:
            raise LabError(f"no invitation at the caller's telephone after {WITHIN} s") from None
        return _link(text.body)

    async def ended(self) -> None:
        if self._call is not None:
            await self._call.until("gone", within=_LONG)

    async def hang_up(self) -> None:
        if self._call is not None and self._call.caller.alive:
            self._simulator.hang_up(self._call)
            await self._call.until("gone", within=WITHIN)


class RealPbx:
    """A real Asterisk; real SIP between it and SIPp."""

    kind: Literal["asterisk", "freeswitch"] = "asterisk"
    username = "tandem"
    agent = "agent1"
    agents = r"PJSIP/agent\d+"

    def __init__(self, prefix: Prefix) -> None:
        version = re.search(r"\d+(\.\d+)+", prefix.version)
        self.title = f"Asterisk {version[0] if version else prefix.version}"
        self._pbx = Asterisk(prefix)
        self._phones = Phones(self._pbx)
        self._stack = contextlib.AsyncExitStack()
        self._caller: Phone | None = None
        self._call: SipCall | None = None
        self.port = 0
        self.secret = ""

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._pbx)
            await stack.enter_async_context(self._phones)
            self._caller = await self._phones.listen("caller")
            await self._phones.listen(self.agent, answer=0.5)
            self.port, self.secret = self._pbx.ami_port, self._pbx.secrets["tandem"]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def place(self) -> None:
        self._call = await self._phones.call("caller", "form-support", display=b'"Bob Caller" ')
        await self._call.answered(WITHIN)

    async def link(self) -> str:
        if self._caller is None:
            raise LabError("the telephones are not on the line")
        return _link(await self._caller.message(WITHIN))

    async def ended(self) -> None:
        if self._call is not None:
            await self._call.ended(_LONG)

    async def hang_up(self) -> None:
        if self._call is not None and self._call.is_up:
            await self._call.hangup()


_LONG = 7 * 86_400.0
"""Seconds; a demo that stands for a week has been forgotten."""


def _link(text: str) -> str:
    found = _LINK.search(text)
    if found is None:
        raise LabError(f"the message at the caller's telephone has no link: {text!r}")
    return found[0]
