"""What ``/metrics`` counts; one registry an application, so that a process may have several."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from collab_server.calls.reports import Outcome

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


class Metrics:
    """The counters."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
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
        self.registry.register(_Sockets(counts))

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
        return generate_latest(self.registry)
