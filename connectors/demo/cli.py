"""``tandem-connector demo``: a collaboration call to look at, and its links."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Mapping

import click

from connectors.demo import LabError
from connectors.demo.debian import unpack
from connectors.demo.pbxs import DemoPbx, RealPbx, SimulatedPbx
from connectors.demo.show import Demo, Links, as_json

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


KINDS = ("simulator", "freeswitch-sim", "asterisk")
BOTH = ("simulator", "freeswitch-sim")


def _kinds(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    """``simulator``, ``both``, or several with commas between."""
    words = BOTH if text == "both" else tuple(word.strip() for word in text.split(","))
    for word in words:
        if word not in KINDS:
            raise click.BadParameter(f"{word!r} is none of {', '.join(KINDS)}, both")
    if len(set(words)) < len(words):
        raise click.BadParameter(f"each PBX once, not {text!r}")
    return words


@click.command(short_help="Show a call and its session in two browsers.")
@click.option(
    "--pbx",
    "kinds",
    callback=_kinds,
    default="simulator",
    show_default=True,
    metavar="KIND[,KIND…]",
    help="simulator (of Asterisk), freeswitch-sim, or asterisk, a real one unpacked for it. "
    "Several, or both simulators by the word both: each with a connector to one server.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object on one line.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=None,
    help="Port of the pages; 8080 or, if that is taken, another.",
)
def demo(kinds: tuple[str, ...], json_wanted: bool, port: int | None) -> None:
    """Show a call between a caller and an agent, and their shared session, until Ctrl-C."""
    try:
        with _interrupted():
            chosen = {kind: _pbx(kind) for kind in kinds}
            asyncio.run(_show(chosen, port, json_wanted=json_wanted))
    except LabError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        # Asked to stop, and everything is gone: that is no failure.
        sys.exit(0)


def _pbx(kind: str) -> DemoPbx:
    if kind == "asterisk":
        return RealPbx(unpack(progress=_progress))
    return SimulatedPbx("asterisk" if kind == "simulator" else "freeswitch")


async def _show(pbxs: Mapping[str, DemoPbx], port: int | None, *, json_wanted: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOPS:
        loop.add_signal_handler(number, stop.set)
    work = asyncio.create_task(_calls(pbxs, port, json_wanted=json_wanted))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        return
    await work


async def _calls(pbxs: Mapping[str, DemoPbx], port: int | None, *, json_wanted: bool) -> None:
    async with Demo(pbxs, port, _progress) as running:
        again = _Enter() if sys.stdin.isatty() and not json_wanted else None
        while True:
            links = await running.call()
            click.echo(as_json(links) if json_wanted else _text(links, again=again is not None))
            sys.stdout.flush()
            over = asyncio.create_task(running.over())
            pressed = asyncio.create_task(again.wait() if again else asyncio.Event().wait())
            try:
                await asyncio.wait({over, pressed}, return_when=asyncio.FIRST_COMPLETED)
                if over.done():
                    over.result()
                    _progress(
                        ("the call has" if len(links) == 1 else "all calls have")
                        + " ended"
                        + (_NEXT if again else "; Ctrl-C stops the demo")
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
    with contextlib.suppress(BrokenPipeError):  # nobody reads it; what runs has to be ended
        click.echo(f"demo: {line}", err=True)


def _text(links: Mapping[str, Links], *, again: bool) -> str:
    more = "Enter places another call. " if again else ""
    first, *others = links.values()
    if not others:
        return f"""
A call stands between a caller and an agent. Open each link in a browser of its own:

caller: {first.caller}
agent: {first.agent}

The agent's desk: {first.desk} (name {first.username}, password {first.password})
What became of each call: {first.trace}
{more}Ctrl-C stops everything."""
    each = "\n".join(
        f"""{name} caller: {of.caller}
{name} agent: {of.agent}
{name} desk: {of.desk} (name {of.username}, password {of.password})
"""
        for name, of in links.items()
    )
    more = more.replace("another call", "another call on each")
    return f"""
A call stands on each PBX between a caller and an agent, all on one server. Open each link in a
browser of its own:

{each}
What became of each call: {first.trace}
{more}Ctrl-C stops everything."""
