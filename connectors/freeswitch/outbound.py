"""The outbound event socket: keypad menus for calls that a dialplan hands over.

Every call has a greenlet in the hub's thread that leads it through its menu, and one that puts
the dialplan's guard off as long as the connector lives (dialplan/freeswitch/collab.xml). What goes
wrong ends the connection, and with that FreeSWITCH goes on in the dialplan: a call is refused,
dropped and let go in one and the same way. Nothing here reaches the core; it learns of a choice
by the mark, as of any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent import socket
from gevent.server import StreamServer

from connectors.freeswitch.hub import the_hub
from connectors.freeswitch.menu import DIGIT, GUARD, guard, is_leg, is_there, let_go, prompt, steps
from connectors.freeswitch.session import CallSession, GoneError, SessionError
from connectors.menus import Menu
from connectors.runtime.trouble import Trouble
from connectors.settings import PbxSettings

log = logging.getLogger(__name__)

CALLS = 200
"""Calls in menus at one time; later ones go on without."""
BACKLOG = 4096
"""Calls the kernel takes on while the connector hangs (no more than net.core.somaxconn); behind
them FreeSWITCH's connect waits, as measured for 134 s, and no guard ends that."""
MENU_LIMIT = 300.0
"""Seconds a call may be in its menu."""
STEP_LIMIT = 10.0
"""Seconds for whatever is not the prompt."""
BEAT = 1.5
"""Seconds after which the guard is put off again."""
STALE = GUARD - 1.0
"""Seconds after which it is too late for that: the call may be in a queue, or with an agent, where
no command of a connector that hung may reach it."""
FIRST = 1.4
"""The same for the guard that the dialplan set. When FreeSWITCH has answered `connect` and its
``socket_resume`` stood, the guard ends in a second and a half at the earliest."""
AGAIN = 5.0
"""Seconds until a port that is taken is tried again."""
STOP_TIMEOUT = 2.0


class Outbound:
    """Serves the menus of one PBX."""

    def __init__(self, settings: PbxSettings) -> None:
        host, _, port = settings.outbound.rpartition(":")
        self._address = (host, int(port))
        self._setting = f"pbx.{settings.name}.outbound"
        self._menus: Mapping[str, Menu] = settings.menus
        self._hub = the_hub()
        self._trouble = Trouble(log)
        self._server: StreamServer | None = None
        """Made and used in the hub's thread, as all that follows."""
        self._calls: set[CallSession] = set()
        self._refused: Counter[str] = Counter()

    async def run(self) -> None:
        """Serve until cancelled; the calls that are in menus then go on at once.

        A port that somebody else has is tried for until it is free: without menus a connector is
        still worth running, and a predecessor that is about to end is no reason to fail.
        """
        try:
            while True:
                why = await self._in_the_hub(self._open)
                if not why:
                    log.info("%s: menus are served at %s:%d", self._setting, *self._address)
                    await asyncio.get_running_loop().create_future()  # until cancelled
                line = f"{self._setting}: {why}; no menus, calls go on without (trying again)"
                self._trouble.say(logging.ERROR, why, line)
                await asyncio.sleep(AGAIN)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT):
                    await self._in_the_hub(self._stop)

    async def _in_the_hub(self, function: Callable[[], str]) -> str:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()

        def settle(result: str) -> None:
            if not done.done():
                done.set_result(result)

        self._hub.call(lambda: loop.call_soon_threadsafe(settle, function()))
        return await done

    # --- in the hub's thread -------------------------------------------------------------

    def _open(self) -> str:
        """Listen; why that cannot be, or ''."""
        where = "{}:{}".format(*self._address)
        listener = None
        try:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self._address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            if listener is not None:
                listener.close()
            return f"{where} cannot be served ({error.strerror or error})"
        self._server = StreamServer(listener, self._serve)
        self._server.start()
        return ""

    def _stop(self) -> str:
        if self._server is not None:
            self._server.close()
            self._server = None
        for call in list(self._calls):
            call.end(GoneError("the connector is stopping"))
        return ""

    def _serve(self, sock: Any, address: object) -> None:
        if self._server is None:  # stopped, since this one was accepted
            sock.close()
            return
        if len(self._calls) >= CALLS:
            self._refuse("too many", f"{CALLS} calls are in menus; the next go on without")
            sock.close()
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        call = CallSession(address, sock)
        self._calls.add(call)
        try:
            with gevent.Timeout(MENU_LIMIT, SessionError(f"more than {MENU_LIMIT:g} s in a menu")):
                self._lead(call)
        except GoneError as error:
            log.debug("a call left its menu: %s", error)
        except SessionError as error:
            self._refuse("broken", f"a call goes on without its menu: {error}")
        except Exception:
            log.exception("a menu failed; its call goes on without")
        finally:
            call.end()
            self._calls.discard(call)

    def _lead(self, call: CallSession) -> None:
        now = time.monotonic()
        data = call.take()
        call.until = now + FIRST
        leg, name = data.get("Unique-ID", ""), data.get("variable_collab_menu", "")
        if not is_leg(leg):
            raise SessionError("what connected shows no call")
        if data.get("variable_socket_resume") != "true":
            raise SessionError("the connector came too late; FreeSWITCH has the call again")
        menu = self._menus.get(name)
        if menu is None:
            raise SessionError(f"there is no menu {name[:32]!r}; {self._names()}")
        _put_off(call, leg)
        guarding = gevent.spawn(_guard, call, leg)
        try:
            call.listen()
            call.run("answer", "", STEP_LIMIT)
            asked = call.run("play_and_get_digits", prompt(menu), MENU_LIMIT)
            digit = asked.get(f"variable_{DIGIT}") if is_there(asked) else ""
            for application, argument in steps(menu, digit):
                call.run(application, argument, STEP_LIMIT)
            chosen = menu.choices.get(digit)
            log.debug("menu %s: %s chose %s", name, leg, chosen.type if chosen else "nothing")
        finally:
            guarding.kill()  # and wait for it: behind `let_go` nothing may put the guard off
        for command in let_go(leg):
            call.send(command)

    def _names(self) -> str:
        return f"pbx…menus has {', '.join(sorted(self._menus))}"

    def _refuse(self, kind: str, line: str) -> None:
        """Log, but no flood of lines: the first, second, fourth, eighth …"""
        self._refused[kind] += 1
        count = self._refused[kind]
        if count & (count - 1) == 0:
            log.warning("%s: %s (%d so far)", self._setting, line, count)


def _guard(call: CallSession, leg: str) -> None:
    """Put the guard off again and again, until the call is over."""
    try:
        while True:
            gevent.sleep(BEAT)
            _put_off(call, leg)
    except SessionError as error:
        call.end(error)


def _put_off(call: CallSession, leg: str) -> None:
    now = time.monotonic()
    call.post(guard(leg))
    call.until = now + STALE
