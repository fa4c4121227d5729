"""``python -m connectors.simulator``: a simulated PBX to play with, by hand or under load."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import click

from .asterisk import lab as asterisk_lab
from .asterisk.users import ManagerUser
from .freeswitch import lab as freeswitch_lab
from .freeswitch.simulator import PASSWORD, FreeSwitchSimulator
from .mixes import Maker, kinds, mix
from .simulator import CONNECTOR, LAB, SECRET, USERNAME, Simulator
from .switch import SimulatedSwitch
from .world import Rings

ENDLESS = 10**9
PORTS = {"asterisk": ("AMI", 5038), "freeswitch": ("ESL", 8021)}


def _address(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> tuple[str, int] | None:
    if text is None:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"expected HOST:PORT, got {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kind", default="asterisk", type=click.Choice(list(PORTS)), help="Which PBX it is.")
@click.option(
    "--listen",
    callback=_address,
    help="HOST:PORT for AMI (127.0.0.1:5038) or ESL (127.0.0.1:8021); port 0: any.",
)
@click.option("--rate", default=0.0, type=click.FloatRange(0, 1000), help="Calls a second.")
@click.option(
    "--calls", default=0, type=click.IntRange(0), help="How many, then end; 0: until Ctrl-C."
)
@click.option("--mix", "mixture", default="queue", help="Kinds of calls: queue=8,abandon=1 …")
@click.option("--agents", default=10, type=click.IntRange(2, 1000), help="Agents' telephones.")
@click.option("--talk", default=5.0, type=click.FloatRange(0), help="Seconds of conversation.")
@click.option("--ring", default=0.5, type=click.FloatRange(0), help="Seconds until the answer.")
@click.option(
    "--at-once", default=1000, type=click.IntRange(1), help="Calls that may stand at once."
)
@click.option("--username", default=USERNAME, help="Manager user, with a connector's rights.")
@click.option("--secret", default=None, help="Its secret, or the password of the event socket.")
def main(
    kind: str,
    listen: tuple[str, int] | None,
    rate: float,
    calls: int,
    mixture: str,
    agents: int,
    talk: float,
    ring: float,
    at_once: int,
    username: str,
    secret: str | None,
) -> None:
    """A simulated Asterisk or FreeSWITCH: AMI or ESL on a real port, calls of a chosen mix at a
    chosen rate.

    Kinds of calls: queue plain local direct outbound agent-hangup abandon abandon-ringing timeout
    hold blind attended redirect feature. On Asterisk, user "lab", secret "lab-secret", may see and
    do all.
    """
    names = [str(1001 + n) for n in range(agents)]
    freeswitch = kind == "freeswitch"
    known = kinds(names, talk=talk, ring=ring)
    try:
        chosen = mix(mixture, known)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--mix") from None
    simulator: SimulatedSwitch[Any]
    if freeswitch:
        world = freeswitch_lab.world(agents, rings=Rings(ring))
        simulator = FreeSwitchSimulator(world, password=secret or PASSWORD)
    else:
        user = ManagerUser(username, secret or SECRET, CONNECTOR.read, CONNECTOR.write)
        simulator = Simulator(asterisk_lab.world(agents, rings=Rings(ring)), users=(user, LAB))
    protocol, port = PORTS[kind]
    address = listen or ("127.0.0.1", port)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_play(simulator, protocol, address, chosen, rate, calls, at_once))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}"
        ) from None


async def _play(
    simulator: SimulatedSwitch[Any],
    protocol: str,
    listen: tuple[str, int],
    chosen: list[tuple[float, Maker]],
    rate: float,
    calls: int,
    at_once: int,
) -> None:
    await simulator.start(*listen)
    click.echo(f"{protocol} on {simulator.host}:{simulator.port}")
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    tasks: list[asyncio.Task[object]] = [loop.create_task(stop.wait())]
    if rate:
        tasks.append(loop.create_task(_load(simulator, chosen, calls or ENDLESS, rate, at_once)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await simulator.stop()


async def _load(
    simulator: SimulatedSwitch[Any],
    chosen: list[tuple[float, Maker]],
    calls: int,
    rate: float,
    at_once: int,
) -> None:
    outcome = await simulator.run_many(chosen, calls=calls, rate=rate, at_once=at_once)
    click.echo(
        f"{outcome.finished} calls finished, {outcome.failed} failed, {simulator.events} events, "
        f"at most {outcome.most_at_once} calls at once"
    )
    for error in outcome.errors:
        click.echo(f"failed: {error}")


if __name__ == "__main__":
    main()
