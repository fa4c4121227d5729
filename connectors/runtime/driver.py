"""What the runtime asks of a PBX driver, and what a driver can go wrong with.

PbxError
+-- UnreachableError     nobody there, no TLS, silence: tried again soon
+-- RefusedError         wrong password, missing privilege: tried again slowly
+-- ActionError          the PBX answered, with an error: nothing happened
+-- UnansweredError      sent, and no answer came: it may have happened
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from connectors.model import Effect, PbxEvent


class PbxError(Exception):
    """Base of all; the message is one line for an administrator."""


class UnreachableError(PbxError):
    """The PBX cannot be reached or does not speak its protocol."""


class RefusedError(PbxError):
    """The PBX is there and does not let us in, or not far enough."""


class ActionError(PbxError):
    """The PBX refused one action."""


class UnansweredError(PbxError):
    """The PBX took an action and did not answer in time, or the connection broke before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an effect on the PBX; the words of `connectors.model.Result`."""

    status: Literal["done", "failed", "unknown"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``tandem-connector check``."""

    ok: bool
    text: str
    mend: str = ""
    """The line that mends it, with the file it belongs into; empty when there is none."""


EventSink = Callable[[PbxEvent], None]


class Driver(Protocol):
    """One PBX. All methods run on the connector's event loop."""

    @property
    def title(self) -> str:
        """Kind, version if known and address, for log lines."""

    async def session(self, on_event: EventSink, on_ready: Callable[[], None]) -> str:
        """One connection, from connecting to its end; returns why it ended.

        Delivers a `Snapshot` first and calls `on_ready` behind it, then events as they come,
        with another `Snapshot` where the PBX makes one necessary. Raises `PbxError` when it did
        not get as far as the first.
        """

    async def perform(self, effect: Effect) -> Outcome:
        """Carry an effect out, trying once. Never raises for what the PBX does."""
