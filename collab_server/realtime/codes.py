"""The pages that show pairing codes: each hears what becomes of its code, and is let go then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collab_server.realtime.backend import Refusal
from collab_server.realtime.channels import PushSocket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from collab_server.realtime.limits import Limits

    First = Callable[[], Awaitable[Sequence[dict[str, Any]] | None]]

_LATER = 0.1
"""Seconds past a code's time when it is looked at again: two clocks never agree."""


class CodeSocket(PushSocket):
    """Open as long as its code is."""

    _timer: asyncio.TimerHandle | None = None

    def _send(self, message: dict[str, Any]) -> None:
        super()._send(message)
        if message["state"] != "open":
            self.close(4410, "the code is over")
        elif "seconds" in message:
            self._stop_timer()
            self._timer = self._loop.call_later(message["seconds"] + _LATER, self.begin_again)

    def _leave(self) -> None:
        self._stop_timer()
        super()._leave()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Codes:
    """Only for the event loop's thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, list[CodeSocket]] = {}

    def open(
        self, code: str, loop: asyncio.AbstractEventLoop, first: First
    ) -> CodeSocket | Refusal:
        """Admit a page's socket; `first` as `PushSocket` has it."""
        if (
            len(self._open.get(code, ())) >= self._limits.code_sockets_of_code
            or len(self.sockets()) >= self._limits.code_sockets
        ):
            return Refusal(429, "This code is shown in too many windows.")

        def gone(socket: PushSocket) -> None:
            here = self._open[code]
            here.remove(socket)  # type: ignore[arg-type]
            if not here:
                del self._open[code]

        opened = CodeSocket(self._limits, loop, first, gone)
        self._open.setdefault(code, []).append(opened)
        return opened

    def tell(self, codes: Iterable[str], state: str) -> None:
        """Say what became of codes."""
        for code in codes:
            for socket in list(self._open.get(code, ())):
                socket.push({"state": state})

    def sockets(self) -> list[CodeSocket]:
        """All of them."""
        return [socket for opened in self._open.values() for socket in opened]
