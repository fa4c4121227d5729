"""A real Asterisk of one's own: configured, started, restarted and ended on loopback ports.

Several run side by side; each has its own folder, which goes when it stops. Tandem's samples
(``dialplan/asterisk``) are included the way an administrator would.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import secrets
import shutil
import signal
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from connectors.demo import LabError, labconfig, processes
from connectors.demo.ami import Ami
from connectors.demo.debian import Prefix

_RTP_PORTS = 1200
_PORTS = range(20_000, 32_000)
"""Below what Linux gives to whoever asks for any port (from 32,768): no socket of ours or of a
neighbour's lands on a port that is handed out here and opened a moment later."""
_places = itertools.cycle(random.sample(_PORTS, len(_PORTS)))  # two labs begin apart
_SAMPLES = ("collab.conf", "features.conf", "queues.conf", "manager.conf")


@dataclass(slots=True)
class Asterisk:
    """One instance. `async with Asterisk(prefix) as pbx` starts it and leaves nothing behind.

    `sip_port` and `ami_port` stay the same over a restart, and so do AstDB and its members.
    """

    prefix: Prefix
    extensions: str = ""
    """More dialplan, whole contexts, behind the laboratory's own."""
    manager: str = ""
    """More AMI users."""
    folder: Path = field(init=False)
    sip_port: int = field(init=False)
    ami_port: int = field(init=False)
    contacts: dict[str, int] = field(init=False)
    """Endpoint -> the loopback UDP port on which its telephone listens."""
    secrets: dict[str, str] = field(init=False)
    """AMI user -> secret: `tandem` is the sample's, `placing` the sample's for placed calls, `lab`
    may do anything."""
    process: asyncio.subprocess.Process | None = field(init=False, default=None)

    async def __aenter__(self) -> Asterisk:
        self.folder = Path(tempfile.mkdtemp(prefix="tandem-asterisk-"))
        try:
            self._configure()
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ami(self, user: str = "lab") -> Ami:
        """A connection of that AMI user, not opened yet."""
        return Ami(self.ami_port, user, self.secrets[user])

    async def start(self, within: float = 30.0) -> None:
        """Starts the process and waits until it is fully booted."""
        self.process = await asyncio.create_subprocess_exec(
            *self.prefix.command("usr/sbin/asterisk"),
            *("-f", "-n", "-C", str(self.folder / "etc" / "asterisk.conf")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # Ctrl-C at the terminal is for the one who started this; we stop it in order.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(within):
                await self._booted(self.process)
        except TimeoutError:
            await self.stop()
            raise LabError(
                f"Asterisk was not ready after {within:.0f} s{self._last_words()}"
            ) from None

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL. The files stay, for a `start` after it."""
        process, self.process = self.process, None
        await processes.stop(process)

    async def kill(self) -> None:
        """SIGKILL: no event, no goodbye."""
        process, self.process = self.process, None
        if process is not None:
            processes.end(process, signal.SIGKILL)
            await process.wait()

    async def restart(self) -> None:
        """Stops and starts it: calls are lost, ports and AstDB stay."""
        await self.stop()
        await self.start()

    async def cli(self, command: str) -> str:
        """What a command at Asterisk's own prompt prints."""
        process = await asyncio.create_subprocess_exec(
            *self.prefix.command("usr/sbin/asterisk"),
            *("-C", str(self.folder / "etc" / "asterisk.conf"), "-rx", command),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        return output.decode(errors="replace")

    def log(self) -> str:
        """Notices, warnings and errors so far."""
        path = self.folder / "log" / "messages"
        return path.read_text(errors="replace") if path.is_file() else ""

    def _configure(self) -> None:
        etc = self.folder / "etc"
        (etc / "tandem").mkdir(parents=True)
        for name in _SAMPLES:
            shutil.copy(samples_folder() / name, etc / "tandem" / name)
        # SIP telephones, our own port and media: all picked now and kept.
        ports = free_ports(len(labconfig.ENDPOINTS) + 1, socket.SOCK_DGRAM)
        self.sip_port = ports[-1]
        self.contacts = dict(zip(labconfig.ENDPOINTS, ports, strict=False))
        (self.ami_port,) = free_ports(1, socket.SOCK_STREAM)
        self.secrets = {user: secrets.token_hex(16) for user in ("tandem", "placing", "lab")}
        rtp = random.randrange(10_000, _PORTS.start - _RTP_PORTS, 2)  # noqa: S311 - a place, no secret
        data = self.prefix.data
        files = {
            "asterisk.conf": labconfig.asterisk_conf(self.folder, self.prefix.modules, data),
            "modules.conf": labconfig.modules_conf(),
            "logger.conf": labconfig.logger_conf(),
            "musiconhold.conf": labconfig.musiconhold_conf(data),
            "rtp.conf": labconfig.rtp_conf(rtp, rtp + _RTP_PORTS),
            "manager.conf": labconfig.manager_conf(self.ami_port, self.secrets, self.manager),
            "pjsip.conf": labconfig.pjsip_conf(self.sip_port, self.contacts),
            "features.conf": labconfig.features_conf(),
            "queues.conf": labconfig.queues_conf(),
            "extensions.conf": labconfig.extensions_conf(self.extensions),
        }
        for name, text in {**labconfig.EMPTY, **files}.items():
            (etc / name).write_text(text)

    async def _booted(self, process: asyncio.subprocess.Process) -> None:
        """Asks AMI until it says FullyBooted; the port opens some time before that."""
        while True:
            if process.returncode is not None:
                raise LabError(f"Asterisk ended at once{self._last_words()}")
            ami = self.ami()
            with contextlib.suppress(OSError, LabError):
                await ami.connect()
                await ami.event("FullyBooted")
                await ami.close()
                return
            await ami.close()
            # Nothing tells that the port opens; its end, should it come first, wakes us.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.05)

    def _last_words(self) -> str:
        lines = [line for line in self.log().splitlines() if "ERROR" in line or "WARNING" in line]
        return f": {lines[-1]}" if lines else ""


def samples_folder() -> Path:
    """``dialplan/asterisk`` of the checkout."""
    folder = Path(__file__).resolve().parents[2] / "dialplan" / "asterisk"
    if not (folder / "collab.conf").is_file():
        raise LabError("dialplan/asterisk is missing: run this from a checkout of Tandem")
    return folder


def free_ports(count: int, kind: socket.SocketKind) -> list[int]:
    """Loopback ports nobody has; none is given twice before every other was."""
    ports: list[int] = []
    for port in itertools.islice(_places, len(_PORTS)):
        if len(ports) == count:
            break
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
    if len(ports) < count:
        raise LabError(f"fewer than {count} ports from {_PORTS.start} to {_PORTS.stop} are free")
    return ports
