"""A FreeSWITCH that somebody has running, with telephones of this process."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from tests.behaviour import sip
from tests.behaviour.channels import EVENTS, WITHIN, Channels
from tests.behaviour.freeswitch_setup import (
    DOMAIN,
    INSIDE,
    OUTSIDE,
    Plan,
    Setup,
    SetupError,
    channels_of,
    password,
    profile,
)
from tests.behaviour.pbx import CALLERS
from tests.behaviour.real import Board
from tests.behaviour.telephone import Telephone
from tests.simulator.esl_client import Client

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from connectors.simulator import Call, Rings
    from connectors.simulator.script import Step
    from tests.behaviour.dialog import Leg
    from tests.behaviour.real import RealCall


class RealFreeSwitch:
    """A real FreeSWITCH on this machine. Implements `tests.behaviour.pbx.Pbx`."""

    kind: str = "freeswitch"
    username = "tandem"
    agent_endpoints = r"user/agent\d+"
    dial_context = DOMAIN
    support = f"support@{DOMAIN}"

    def __init__(self, host: str, port: int, secret: str, plan: Plan | None = None) -> None:
        self.host, self.port, self.secret = host, port, secret
        self.plan = plan or Plan()
        self.phones: dict[str, Telephone] = {}
        self._doors: dict[str, int] = {}
        self._stack = AsyncExitStack()

    @classmethod
    def named(cls, text: str, plan: Plan | None = None) -> Self:
        """The one that ``host:port:password`` names. Raises SetupError."""
        host, _, rest = text.partition(":")
        port, _, secret = rest.partition(":")
        if not (host and port.isdigit() and secret):
            raise SetupError("it is to be host:port:password, as in 127.0.0.1:8021:ClueCon")
        if not ipaddress.ip_address(socket.gethostbyname(host)).is_loopback:
            raise SetupError(
                f"the telephones here are on loopback: run this on {host} itself, "
                f"with 127.0.0.1:{port}:…"
            )
        return cls(host, int(port), secret, plan)

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
            known_ones = (*self.plan.agents, *self.plan.phones)
            for name in dict.fromkeys((*known_ones, *CALLERS)):
                known = name in known_ones
                phone = await Telephone(name, password=password(name) if known else "").open()
                self._stack.callback(phone.close)
                self.phones[name] = phone
            for door in (OUTSIDE, INSIDE):
                with sip.udp() as sock:
                    self._doors[door] = sock.getsockname()[1]
            ports = {name: phone.port for name, phone in self.phones.items()}
            self._setup = Setup(self.api, self._doors, ports, self.plan)
            self._stack.push_async_callback(self._setup.remove)
            await self._setup.install()
        except BaseException:
            await self._stack.aclose()
            raise
        self._board = Board(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _connect(self) -> None:
        self._asks = await self._connection()
        self._channels = Channels(await self._connection(EVENTS), DOMAIN)
        listening = asyncio.create_task(self._channels.run())
        self._stack.callback(listening.cancel)

    async def again(self) -> None:
        """It was started anew: connect again, and put there again what this needs."""
        await self._connect()
        self._stack.push_async_callback(self._setup.remove)  # while these connections stand
        await self._setup.install()

    async def _connection(self, *commands: str) -> Client:
        where = f"{self.host}:{self.port}"
        try:
            client = await self._stack.enter_async_context(Client(self.host, self.port))
            first = await client.next()
        except OSError as error:
            raise SetupError(
                f"no event socket at {where} ({error}): load mod_event_socket"
            ) from None
        if first.kind != "auth/request":
            raise SetupError(f"{where} lets nobody in from here ({first.body.strip()}): "
                             "apply-inbound-acl in event_socket.conf.xml")  # fmt: skip
        for command in (f"auth {self.secret}", *commands):
            reply = await client.command(command)
            if not reply.startswith("+OK"):
                raise SetupError(f"{where} refuses {command.split()[0]!r} ({reply}): "
                                 "the password is that of event_socket.conf.xml")  # fmt: skip
        return client

    async def api(self, command: str) -> str:
        """What FreeSWITCH answers to an ``api`` command."""
        return await self._asks.api(command)

    async def start(self, script: Call) -> RealCall:
        return await self._board.start(script)

    async def perform(self, call: RealCall, step: Step) -> None:
        await self._board.perform(call, step)

    async def leg(self, call: RealCall, phone: str) -> str:
        if call.placed.phone.name == phone:
            return call.id
        await self._channels.until(
            lambda: self._channels.newest(phone) is not None, f"channel of {phone}"
        )
        return str(self._channels.newest(phone))

    async def answer(self, call: RealCall) -> str:
        said = await self.api(f"uuid_getvar {call.id} collab_answer")
        return "" if said.startswith(("-ERR", "_undef_")) else said.strip()

    def texts(self, phone: str) -> list[str]:
        return list(self.phones[phone].texts)

    async def clear(self) -> None:
        await self._board.over()
        for channel in list(self._channels.standing):
            await self.api(f"uuid_kill {channel}")
        await self._channels.until(lambda: not self._channels.standing, "end of all channels")

    @property
    def trusted(self) -> str:
        """See `tests.behaviour.pbx.Pbx.trusted`."""
        return f"{profile(OUTSIDE, self._doors[OUTSIDE])}/caller3"

    # --- for placed calls

    @property
    def placer(self) -> tuple[str, str]:
        return self.username, self.secret

    def on_ring(self, phone: str, rings: Rings) -> None:
        self.phones[phone].behaves = lambda _leg: rings

    async def hang_up(self, phone: str) -> None:
        # Its queue says that it serves the call a moment before it does.
        await self.bridged(phone, WITHIN)
        leg = next(leg for leg in reversed(self.phones[phone].legs) if not leg.has("over"))
        await leg.hang_up()

    async def transfer(self, phone: str, to: str) -> None:
        leg = next(leg for leg in reversed(self.phones[phone].legs) if not leg.has("over"))
        await leg.transfer(to)

    async def channels(self) -> list[str]:
        return list(channels_of(await self.api("show channels as json")).values())

    # --- for the board

    def door(self, phone: str) -> int:
        known = phone in (*self.plan.agents, *self.plan.phones)
        return self._doors[INSIDE if known else OUTSIDE]

    def now(self) -> int:
        return 0

    async def channel(self, leg: Leg, number: str, since: int) -> str:
        by_call = self._channels.by_call
        await self._channels.until(lambda: leg.call_id in by_call, f"channel for {number}")
        return by_call[leg.call_id]

    async def bridged(self, phone: str, within: float) -> None:
        channels = self._channels
        await channels.until(
            lambda: channels.newest(phone) in channels.other, f"bridge of {phone}", within
        )

    async def move(self, channel: str, number: str) -> None:
        said = await self.api(f"uuid_transfer {channel} {number} XML {DOMAIN}")
        assert said.startswith("+OK"), said
