"""``tandem-connector demo``: a collaboration call to look at, and its links."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator

import click

from connectors.demo import LabError
from connectors.demo.debian import unpack
from connectors.demo.pbxs import DemoPbx, RealPbx, SimulatedPbx
from connectors.demo.show import Demo, Links

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(short_help="Show a call and its session in two browsers.")
@click.option(
    "--pbx",
    type=click.Choice(["simulator", "freeswitch-sim", "asterisk"]),
    default="simulator",
    show_default=True,
    help="A simulated Asterisk or FreeSWITCH, or a real Asterisk unpacked for it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on one line.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=None,
    help="Port of the pages; 8080 or, if that is taken, another.",
)
def demo(pbx: str, as_json: bool, port: int | None) -> None:
    """Show a call between a caller and an agent, and their shared session, until Ctrl-C."""
    try:
        with _interrupted():
            chosen: DemoPbx
            if pbx == "asterisk":
                chosen = RealPbx(unpack(progress=_progress))
            else:
                chosen = SimulatedPbx("asterisk" if pbx == "simulator" else "freeswitch")
            asyncio.run(_show(chosen, port, as_json=as_json))
    except LabError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        # Asked to stop, and everything is gone: that is no failure.
        sys.exit(0)


async def _show(pbx: DemoPbx, port: int | None, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOPS:
        loop.add_signal_handler(number, stop.set)
    work = asyncio.create_task(_calls(pbx, port, as_json=as_json))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        return
    await work


async def _calls(pbx: DemoPbx, port: int | None, *, as_json: bool) -> None:
    async with Demo(pbx, port, _progress) as running:
        again = _Enter() if sys.stdin.isatty() and not as_json else None
        while True:
            links = await running.call()
            click.echo(links.as_json() if as_json else _text(links, again=again is not None))
            sys.stdout.flush()
            over = asyncio.create_task(running.over())
            pressed = asyncio.create_task(again.wait() if again else asyncio.Event().wait())
            try:
                await asyncio.wait({over, pressed}, return_when=asyncio.FIRST_COMPLETED)
                if over.done():
                    over.result()
                    _progress(
                        "the call has ended" + (_NEXT if again else "; Ctrl-C stops the demo")
                    )
                    await pressed
                await running.hang_up()
            finally:
                over.cancel()
                pressed.cancel()


_NEXT = "; Enter places another, Ctrl-C stops the demo"


class _Enter:
    """The Enter key, without a thread that would outlive us."""

    def __init__(self) -> None:
        self._pressed = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)

    async def wait(self) -> None:
        self._pressed.clear()
        await self._pressed.wait()

    def _read(self) -> None:
        if not sys.stdin.readline():
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        self._pressed.set()


@contextlib.contextmanager
def _interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is not asynchronous yet as Ctrl-C does, with its cleaning up."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupt) for number in _STOPS[1:]}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _progress(line: str) -> None:
    click.echo(f"demo: {line}", err=True)


def _text(links: Links, *, again: bool) -> str:
    more = "Enter places another call. " if again else ""
    return f"""
A call stands between a caller and an agent. Open each link in a browser of its own:

caller: {links.caller}
agent: {links.agent}

The agent's desk: {links.desk} (name {links.username}, password {links.password})
What became of each call: {links.trace}
{more}Ctrl-C stops everything."""
