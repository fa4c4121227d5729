"""One AMI connection: connect, log in, ask, notice that the other side is dead."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Self

from panoramisk.actions import Action

from connectors.asterisk.protocol import AmiManager, AmiProtocol, frames_of
from connectors.asterisk.wire import Frame
from connectors.runtime.driver import (
    ActionError,
    PbxError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from connectors.settings import PbxSettings

CONNECT_TIMEOUT = 5.0
ACTION_TIMEOUT = 5.0
LIST_TIMEOUT = 15.0
PING_EVERY = 4.0
SILENCE_LIMIT = 9.0
"""Seconds without a byte, pings included, after which the peer is dead."""
PINGS_LOST = 4
"""Unanswered pings in a row after which a peer that still sends events is dead too."""

EVENT_CLASSES = "system,call,agent,user"
"""Asked for at login, so that a user with ``read = all`` is not sent VarSet and the like."""


class Ami:
    """A logged-in connection. Ends by itself when the peer does; `ended` then says why."""

    def __init__(self, manager: AmiManager, ended: asyncio.Future[str]) -> None:
        self._manager = manager
        self._protocol: AmiProtocol = manager.protocol
        self.ended = ended
        self._keepalive = asyncio.create_task(self._keep_alive(), name="AMI keepalive")

    @classmethod
    async def connect(
        cls,
        settings: PbxSettings,
        on_event: Callable[[Frame], None],
        items: frozenset[str] = frozenset(),
    ) -> Self:
        """Connect and log in. `items`: events of lists that only this connection asks for.

        Raises `UnreachableError` or `RefusedError`.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()

        def lost(why: str) -> None:
            if not ended.done():
                ended.set_result(why)

        manager = AmiManager(
            loop=loop,
            username=settings.username,
            secret=settings.secret.get_secret_value(),
            events=EVENT_CLASSES,
            protocol_factory=lambda: AmiProtocol(on_event, lost, items),
        )
        try:
            await _open(manager, settings)
            async with asyncio.timeout(CONNECT_TIMEOUT):
                answer = await manager.authenticated_future
        except (TimeoutError, UnansweredError) as error:
            why = ended.result() if ended.done() else str(error)
            manager.close()
            why = why or "connected, but the login was not answered"
            raise UnreachableError(f"{_where(settings)}: {why}") from None
        except BaseException:
            manager.close()
            raise
        if answer.response != "Success":
            manager.close()
            if "shutting down" in answer.message:
                # It says so to everybody in its last moments: no fault of the log-in's.
                raise UnreachableError(f"{_where(settings)}: {answer.message}")
            raise RefusedError(
                f"{_where(settings)}: login refused for AMI user {settings.username!r}"
                f" ({answer.message})"
            )
        return cls(manager, ended)

    @property
    def banner(self) -> str:
        """``Asterisk Call Manager/11.0.0``."""
        return self._protocol.reader.banner or ""

    @property
    def skipped(self) -> int:
        """Frames that were too large to be read."""
        return self._protocol.reader.skipped

    async def ask(
        self, fields: Mapping[str, str | list[str]], within: float = ACTION_TIMEOUT
    ) -> Frame:
        """One action, one answer. Raises `ActionError` or `UnansweredError`."""
        # Said, since panoramisk takes an answer "successfully queued" for the beginning of a list.
        return (await self._ask(Action(fields), within, as_list=False))[0]

    async def ask_list(
        self, fields: Mapping[str, str | list[str]], within: float = LIST_TIMEOUT
    ) -> list[Frame]:
        """One action whose answer is a list: the response, then the items."""
        return await self._ask(Action(fields), within)

    async def _ask(
        self, action: Action, within: float, *, as_list: bool | None = None
    ) -> list[Frame]:
        future: asyncio.Future[Any] = self._manager.send_action(action, as_list=as_list)
        try:
            async with asyncio.timeout(within):
                frames = frames_of(await future)
        except TimeoutError:
            raise UnansweredError(
                f"Asterisk did not answer {action['Action']} within {within:g} s"
            ) from None
        finally:
            self._protocol.forget(action)
        if frames[0].get("Response") not in ("Success", "Goodbye"):
            raise ActionError(f"{action['Action']}: {frames[0].get('Message') or 'refused'}")
        return frames

    async def allowed(self) -> set[str]:
        """The actions this user may send: ListCommands names no others."""
        answer = await self.ask({"Action": "ListCommands"})
        return {name for name, value in answer.headers.items() if "(Priv:" in value}

    def drop(self, why: str) -> None:
        """End the connection; `ended` gets `why`."""
        self._protocol.drop(why)

    async def close(self) -> None:
        """End the connection and its keepalive."""
        self._keepalive.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keepalive
        self._manager.close()

    async def _keep_alive(self) -> None:
        """Ping; any byte that comes back counts, silence ends the connection."""
        loop = asyncio.get_running_loop()
        unanswered = 0
        while not self._protocol.closed:
            try:
                await self.ask({"Action": "Ping"}, within=PING_EVERY)
                unanswered = 0
            except PbxError:
                unanswered += 1
            silent = loop.time() - self._protocol.heard
            if silent > SILENCE_LIMIT - PING_EVERY:
                self.drop(f"Asterisk has said nothing for {silent:.0f} s")
            elif unanswered >= PINGS_LOST:
                self.drop(f"Asterisk sends events but answered none of {unanswered} pings")
            else:
                await asyncio.sleep(PING_EVERY - min(silent, PING_EVERY))


async def _open(manager: AmiManager, settings: PbxSettings) -> None:
    """Connect and hand the connection to panoramisk, which sends the login."""
    loop = asyncio.get_running_loop()
    where = _where(settings)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            opened = await loop.create_connection(
                manager.config["protocol_factory"],
                settings.host,
                settings.port,
                ssl=_tls(settings),
            )
    except TimeoutError:
        raise UnreachableError(f"{where}: no connection within {CONNECT_TIMEOUT:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise UnreachableError(
            f"{where}: its TLS certificate is not trusted ({error.verify_message});"
            " set ca to the certificate that signed it"
        ) from None
    except ssl.SSLError as error:
        raise UnreachableError(
            f"{where}: no TLS there ({error.reason or error}); is this the tlsbindaddr port?"
        ) from None
    except ConnectionRefusedError:
        raise UnreachableError(f"{where}: nobody listens there (connection refused)") from None
    except OSError as error:
        raise UnreachableError(f"{where}: {error.strerror or error}") from None
    done = loop.create_future()
    done.set_result(opened)
    manager.connection_made(done)
    if manager.pinger is not None:
        manager.pinger.cancel()


def _tls(settings: PbxSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca or None)
    except (OSError, ssl.SSLError) as error:
        plain = not isinstance(error, ssl.SSLError) and getattr(error, "strerror", None)
        why = plain or "it holds no certificate"
        raise RefusedError(f"pbx.{settings.name}.ca: {settings.ca}: {why}") from None


def _where(settings: PbxSettings) -> str:
    return f"Asterisk at {settings.host}:{settings.port}"
