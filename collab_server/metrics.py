"""What ``/metrics`` counts; one registry an application, so that a process may have several."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from collab_server.db.calls import Command
from collab_server.db.engine import BusyError
from collab_server.db.placed import PlacedCall
from collab_server.placed.stages import OVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Row

    from collab_server.calls.reports import Outcome
    from collab_server.services import Services

log = logging.getLogger(__name__)

METRICS = "tandem.metrics"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class _Sockets(Collector):
    """The hub's own numbers, read when asked for."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Any]:
        family = GaugeMetricFamily(
            "tandem_realtime", "Numbers of the web sockets' side", labels=["what"]
        )
        for name, value in self._counts().items():
            family.add_metric([name], value)
        yield family


class _Standing(Collector):
    """What waits or stands, read from the database when asked for."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Any]:
        now = self._services.clock()
        placed = GaugeMetricFamily(
            "tandem_placed_calls",
            "Calls without a telephone, by where they are",
            labels=["pbx", "stage"],
        )
        waiting = GaugeMetricFamily(
            "tandem_open_commands", "Commands without a result yet", labels=["pbx", "kind"]
        )
        oldest = GaugeMetricFamily(
            "tandem_open_command_seconds", "Age of the oldest of them", labels=["pbx"]
        )
        try:
            calls, commands = self._read()
        except (SQLAlchemyError, BusyError) as error:
            log.error("metrics: %s", " ".join(str(error).split())[:500])
            return
        ages: dict[str, float] = {}
        for pbx, stage, count in calls:
            placed.add_metric([pbx, stage], count)
        for pbx, kind, count, since in commands:
            waiting.add_metric([pbx, kind], count)
            ages[pbx] = max(ages.get(pbx, 0.0), now - since)
        for pbx, age in ages.items():
            oldest.add_metric([pbx], age)
        yield from (placed, waiting, oldest)

    def _read(self) -> tuple[Sequence[Row[str, str, int]], Sequence[Row[str, str, int, float]]]:
        stands = (
            select(PlacedCall.pbx, PlacedCall.stage, func.count())
            .where(PlacedCall.stage != OVER)
            .group_by(PlacedCall.pbx, PlacedCall.stage)
        )
        opened = (
            select(Command.pbx, Command.kind, func.count(), func.min(Command.created))
            .where(Command.status == "open")
            .group_by(Command.pbx, Command.kind)
        )
        with self._services.database.read() as db:
            return db.execute(stands).all(), db.execute(opened).all()


class Metrics:
    """The counters."""

    def __init__(self, services: Services) -> None:
        self._counted = services.counted
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "tandem_http_request_seconds",
            "Time Flask worked on a request",
            ["endpoint", "status"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.calls = Counter(
            "tandem_reported_calls",
            "Calls in reports, by what became of them",
            ["pbx", "outcome"],
            registry=self.registry,
        )
        self.states = Counter(
            "tandem_call_states", "Calls that reached a state", ["state"], registry=self.registry
        )
        self.sessions = Counter(
            "tandem_sessions", "Sessions made out of reports", registry=self.registry
        )
        self.registry.register(_Sockets(services.hub.counts))
        self.registry.register(_Standing(services))

    def reported(self, pbx: str, outcome: Outcome) -> None:
        """Count a report."""
        self.calls.labels(pbx, "accepted").inc(outcome.accepted)
        self.calls.labels(pbx, "ignored").inc(outcome.ignored)
        self.sessions.inc(outcome.sessions)
        for state in outcome.states:
            self.states.labels(state).inc()

    def started(self) -> None:
        """Before each request."""
        g.started = time.perf_counter()

    def finished(self, response: Response) -> Response:
        """After each request."""
        started = g.pop("started", None)
        if started is not None:
            endpoint = request.endpoint or "none"
            spent = time.perf_counter() - started
            self.requests.labels(endpoint, str(response.status_code)).observe(spent)
        return response

    def text(self) -> bytes:
        """The answer of ``/metrics``."""
        return generate_latest(self.registry) + generate_latest(self._counted.registry)
