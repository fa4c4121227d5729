"""A running port for each kind of web socket, with a backend in memory."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import pytest

from collab_server.realtime.limits import Limits

from .fake import FakeBackend, RunningPort

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_server.realtime.server import SocketKind


class StartPort(Protocol):
    """Starts a port; without a backend it gets one of its own."""

    def __call__(
        self, backend: FakeBackend | None = None, limits: Limits | None = None
    ) -> RunningPort: ...


@pytest.fixture(params=["picows", "asgi"])
def kind(request: pytest.FixtureRequest) -> SocketKind:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def start(kind: SocketKind) -> Iterator[StartPort]:
    with contextlib.ExitStack() as ports:

        def start_port(
            backend: FakeBackend | None = None, limits: Limits | None = None
        ) -> RunningPort:
            port = RunningPort(backend or FakeBackend(), kind, limits or Limits())
            return ports.enter_context(port)

        yield start_port


@pytest.fixture
def port(start: StartPort) -> RunningPort:
    return start()
