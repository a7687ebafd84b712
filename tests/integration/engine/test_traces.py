"""Runs as traces at a collector, which is not always there."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from galley import bootstrap
from galley.runs.model import RunState
from galley.server.chronicle import Chronicle
from tests.cli_cast import DUPLICATED, shop
from tests.integration.engine.kit import Works


@dataclass
class Collecting:
    """A collector on this machine: what it was told, by span name."""

    url: str = ""
    status: int = 200
    asked: int = 0
    spans: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, str] = field(default_factory=dict)

    def take(self, body: bytes) -> None:
        told = ExportTraceServiceRequest.FromString(body)
        for one in told.resource_spans:
            self.resource = {a.key: a.value.string_value for a in one.resource.attributes}
            for scope in one.scope_spans:
                self.spans.update({span.name: span for span in scope.spans})


@pytest.fixture
def collecting() -> Iterator[Collecting]:
    found = Collecting()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.asked += 1
            if found.status == 200:
                found.take(body)
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_run_is_a_trace(
    collecting: Collecting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = shop(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collecting.url)
    ana.galley("run")
    spans = dict(collecting.spans)
    assert collecting.resource["service.name"] == "galley"
    root = spans["run shop"]
    assert {"step orders", "step raw_orders", "publish", "attempt 1"} <= spans.keys()
    assert root.parent_span_id == b""
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    assert spans["step orders"].parent_span_id == root.span_id
    for span in spans.values():
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.status.code == 1
    ana.write("pipelines/shop/orders.sql", DUPLICATED)
    ana.galley("run", expect=1)
    failed = collecting.spans["step orders"]
    assert (failed.status.code, failed.trace_id != root.trace_id) == (2, True)
    assert "one_row_each" in collecting.spans["run shop"].status.message


def test_what_is_not_taken_is_sent_again(
    collecting: Collecting,
    works: Works,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And what other processes ended is theirs to tell."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collecting.url}/v1/traces")
    collector = bootstrap.make_collector()
    assert collector is not None
    chronicle = Chronicle(works.home, collector)
    chronicle.look()
    works.sql("s1", "SELECT 1 AS a")
    run = works.run()
    assert run.state is RunState.SUCCEEDED
    caplog.set_level("INFO", "galley.runs")
    collecting.status = 400
    chronicle.look()
    assert (collecting.asked, collecting.spans) == (1, {})
    told = {record.getMessage().split(" after")[0]: vars(record) for record in caplog.records}
    assert told[f"run {run.id} of works/p on kitchen/ana succeeded"]["run"] == run.id
    collecting.status = 200
    chronicle.look()
    assert {"run p", "step s1"} <= collecting.spans.keys()
    before = collecting.asked
    chronicle.look()
    assert collecting.asked == before
    chronicle.close()
