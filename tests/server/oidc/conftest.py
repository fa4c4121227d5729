"""A provider, and a server that agents log in to by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.openid import OpenIdProvider, provider
from tests.server.conftest import Clock, Server
from tests.server.oidc.office import Office


@pytest.fixture
def openid() -> Iterator[OpenIdProvider]:
    with provider(Clock()) as made:
        yield made


@pytest.fixture
def office(start: Callable[..., Server], openid: OpenIdProvider) -> Office:
    server = start(oidc=openid.settings())
    openid.clock = server.clock
    return Office(server, openid)
