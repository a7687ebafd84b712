"""What goes on, as numbers in Prometheus' text format.

Numbers of the present are read at most every few seconds, however often they are asked for. What
is counted is counted from the start of this process on, from the events of the outbox.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from galley.clock import SECOND
from galley.environments.home import Home
from galley.environments.inspect_workers import lost
from galley.lake import ages
from galley.runs import outbox, sessions, tallying
from galley.runs.model import Reason, RunState, StepState
from galley.runs.outbox import News
from galley.server.api import shapes as s
from galley.server.api.guard import HOME, Routes
from galley.version import VERSION

FORMAT = "text/plain; version=0.0.4; charset=utf-8"
AGE = 5.0
"""Seconds for which the numbers of the present are good."""

TABLES = 500
"""So many tables of an environment get series of their own; the others count as one."""

OTHERS = "(others)"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
NEWS = 5000
SLOWEST = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

routes = Routes("metrics")


class Metrics:
    """The numbers of a home. Safe for threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._read = 0.0
        self._text = b""
        self._present: list[Metric] = []
        self._seen: int | None = None
        self._publishing: dict[str, int] = {}
        self._tables: dict[str, set[str]] = {}
        self._made: dict[tuple[str, str], tuple[str, dict[str, int]]] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self.requests = self._counter(
            "galley_http_requests", "Requests answered", "method", "route", "status"
        )
        self._runs = self._counter("galley_runs_ended", "Runs that ended", "state")
        self._steps = self._counter("galley_steps_ended", "Steps that ended", "state")
        self._losses = self._counter("galley_leases_lost", "Steps whose worker or engine was lost")
        self._verdicts = self._counter(
            "galley_verdicts", "Tests of tables by outcome", "project", "table", "outcome"
        )
        self._publish = Histogram(
            "galley_publish_seconds",
            "From the start of a publish to its end",
            registry=self._registry,
            buckets=SLOWEST,
        )

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(name, help_, labels, registry=self._registry)

    def text(self) -> bytes:
        """All numbers, not older than a few seconds."""
        with self._lock:
            if not self._text or time.monotonic() - self._read > AGE:
                self._look()
                self._read = time.monotonic()
                self._text = generate_latest(self._registry)
            return self._text

    def collect(self) -> Iterator[Metric]:
        """The numbers of the present, for the registry."""
        yield from self._present

    def describe(self) -> Iterator[Metric]:
        """Nothing: what there is is told when it is collected."""
        return iter(())

    def _look(self) -> None:
        home, now = self._home, self._home.clock()
        with home.database.read() as connection:
            if self._seen is None:
                self._seen = outbox.last_id(connection)
            while news := outbox.since(connection, self._seen, limit=NEWS):
                self._count(news, tallying.tested(connection, news))
                self._seen = news[-1].id
            standing = tallying.standing(connection)
            workers = sessions.open_sessions(connection)
            ages_ = self._ages(connection)
        self._present = [
            _gauge("galley_build_info", "The version", {(VERSION,): 1}, "version"),
            _gauge("galley_runs", "Runs that are kept", _keyed(standing.runs), "state"),
            _gauge("galley_steps", "Steps of runs under way", _keyed(standing.steps), "state"),
            _gauge("galley_alerts_open", "Alerts", _keyed(standing.alerts), "kind"),
            _gauge(
                "galley_queue_oldest_seconds",
                "Since when the oldest that waits is waiting; zero: nothing waits",
                {
                    ("run",): _since(standing.oldest_run, now),
                    ("step",): _since(standing.oldest_step, now),
                },
                "what",
            ),
            _workers(workers, now),
            _gauge(
                "galley_table_age_seconds",
                "Since when a table's version in an environment is there",
                {key: _since(at, now) for key, at in ages_.items()},
                "project",
                "environment",
                "table",
            ),
        ]

    def _count(self, news: list[News], verdicts: list[tallying.Verdicts]) -> None:
        for one in news:
            subject, _, state = one.kind.partition(".")
            lost_ = (one.body or {}).get("reason") == Reason.LOST_WORKER.value
            if subject == "run":
                self._count_run(one, state)
            elif subject == "step" and state in _ENDS:
                self._steps.labels(state).inc()
            if subject == "step" and lost_:
                self._losses.inc()
        for found in verdicts:
            table = self._bounded(found.project, found.table)
            self._verdicts.labels(found.project, table, found.outcome).inc(found.count)

    def _count_run(self, one: News, state: str) -> None:
        if state == RunState.PUBLISHING:
            self._publishing[one.run] = one.at
        elif state in _RUN_ENDS:
            self._runs.labels(state).inc()
            begun = self._publishing.pop(one.run, None)
            if begun is not None and state == RunState.SUCCEEDED:
                self._publish.observe((one.at - begun) / SECOND)

    def _bounded(self, project: str, table: str) -> str:
        known = self._tables.setdefault(project, set())
        if table not in known and len(known) >= TABLES:
            return OTHERS
        known.add(table)
        return table

    def _ages(self, connection: Connection) -> dict[tuple[str, ...], int]:
        """When the tables of environments were made; read again only where a head has moved."""
        found: dict[tuple[str, ...], int] = {}
        for project, name, head in ages.environments(connection):
            known = self._made.get((project, name))
            if known is None or known[0] != head:
                known = (head, ages.made(connection, project, head, TABLES))
                self._made[project, name] = known
            for table, at in known[1].items():
                found[project, name, table] = at
        return found


_ENDS = frozenset(one.value for one in StepState if one.terminal)
_RUN_ENDS = frozenset(one.value for one in RunState if one.terminal)


class Counted:
    """Counts the requests of an application by route, as its paths are written."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", None) or "(none)"
                known = route != "(none)" and scope["method"] in _METHODS
                labels = (scope["method"] if known else "(any)", route)
                self._metrics.requests.labels(*labels, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


@routes.get("/metrics", s.Shape(s.TEXT), kind=HOME)
def read_metrics(request: Request) -> Response:
    """All numbers."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), media_type=FORMAT)


def _gauge(
    name: str, help_: str, values: dict[tuple[str, ...], float], *labels: str
) -> GaugeMetricFamily:
    made = GaugeMetricFamily(name, help_, labels=labels)
    for key, value in values.items():
        made.add_metric(key, value)
    return made


def _workers(found: list[sessions.Session], now: int) -> GaugeMetricFamily:
    slots: dict[tuple[str, ...], float] = {}
    for one in found:
        key = (one.kind.value, "lost" if lost(one, now) else "there")
        slots[key] = slots.get(key, 0) + 1
    return _gauge("galley_workers", "Engines and workers", slots, "kind", "state")


def _keyed(counts: dict[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in counts.items()}


def _since(at: int | None, now: int) -> float:
    return 0.0 if at is None else max(0, now - at) / SECOND
