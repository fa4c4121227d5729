"""``python -m connectors.simulator``: a simulated PBX to play with, by hand or under load."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import click

from .asterisk import lab
from .asterisk.users import ManagerUser
from .mixes import Maker, kinds, mix
from .simulator import CONNECTOR, LAB, SECRET, USERNAME, Simulator
from .world import Rings

ENDLESS = 10**9


def _address(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"expected HOST:PORT, got {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--listen", default="127.0.0.1:5038", callback=_address, help="HOST:PORT for AMI; port 0: any."
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
@click.option("--secret", default=SECRET, help="Its secret.")
def main(
    listen: tuple[str, int],
    rate: float,
    calls: int,
    mixture: str,
    agents: int,
    talk: float,
    ring: float,
    at_once: int,
    username: str,
    secret: str,
) -> None:
    """A simulated Asterisk: AMI on a real port, calls of a chosen mix at a chosen rate.

    Kinds of calls: queue plain local direct outbound agent-hangup abandon abandon-ringing timeout
    hold blind attended redirect feature. User "lab", secret "lab-secret", may see and do all.
    """
    names = [str(1001 + n) for n in range(agents)]
    try:
        chosen = mix(mixture, kinds(names, talk=talk, ring=ring))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--mix") from None
    user = ManagerUser(username, secret, CONNECTOR.read, CONNECTOR.write)
    simulator = Simulator(lab.world(agents, rings=Rings(ring)), users=(user, LAB))
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_play(simulator, listen, chosen, rate, calls, at_once))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {listen[0]}:{listen[1]}: {error.strerror or error}"
        ) from None


async def _play(
    simulator: Simulator,
    listen: tuple[str, int],
    chosen: list[tuple[float, Maker]],
    rate: float,
    calls: int,
    at_once: int,
) -> None:
    await simulator.start(*listen)
    click.echo(f"AMI on {simulator.host}:{simulator.port}")
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
    simulator: Simulator, chosen: list[tuple[float, Maker]], calls: int, rate: float, at_once: int
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
