"""The REST API over a home with 100,000 runs and 1,000,000 step runs, and its event stream."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from sqlalchemy import Connection, insert

from bench import projects
from bench.record import Record
from bench.setting import Setting
from bench.timing import GALLEY, BenchError, environment
from galley import bootstrap
from galley.lake import refs
from galley.project.codec import manifest_to_json
from galley.project.compile import compile_project
from galley.runs.tables import definition, event, metric, run, step_run, verdict

RUNS, STEPS, PIPELINES, BATCH = 100_000, 10, 40, 2000
MINUTE = 60_000_000
BROWSERS, LISTENERS = 50, 5
REST, LONGEST_REST = 0.25, 2.0
CLOCK = os.sysconf("SC_CLK_TCK")


def pages(setting: Setting) -> tuple[Record, ...]:
    """The slowest of the list pages, and the overview."""
    with setting.folder() as folder:
        project = projects.trivial(folder / "trivial", 200)
        fill(project)
        with served(project) as base:
            found = {path: _timed(base + path, setting.rounds(40)) for path in _paths(base)}
            overview = _timed(f"{base}/overview?project=trivial", setting.rounds(40))
    slowest = max(found, key=lambda path: _p95(found[path]))
    notes = tuple(f"{path}: {1000 * _p95(times):.1f} ms" for path, times in found.items())
    return (
        Record(
            name="api-list",
            what=f"the slowest list page, p95, over HTTP ({RUNS:,} runs, {RUNS * STEPS:,} steps)",
            value=1000 * _p95(found[slowest]),
            unit="ms",
            budget=100,
            notes=(slowest, *notes),
        ),
        Record(
            name="api-overview",
            what="the overview of the same project, p95",
            value=1000 * _p95(overview),
            unit="ms",
            budget=150,
        ),
    )


def events(setting: Setting) -> tuple[Record, ...]:
    """Fifty browsers on a run of 200 steps: the time to each, and what it costs.

    Each asks for the run again as the interface does (``web/src/api/events.ts``).
    """
    with setting.folder() as folder:
        project = projects.trivial(folder / "trivial", 200)
        with served(project) as base:
            heard: list[float] = []
            stop = threading.Event()
            # In a process of their own: what they read must not delay what is measured here.
            crowd = multiprocessing.get_context("spawn").Process(target=_browse, args=(base,))
            crowd.start()
            for _ in range(LISTENERS):
                threading.Thread(target=_listen, args=(base, heard, stop), daemon=True).start()
            time.sleep(3)
            process = _process_of(project)
            begin, cpu = time.monotonic(), _cpu(process)
            _start(base)
            seconds = time.monotonic() - begin
            used = (_cpu(process) - cpu) / seconds
            stop.set()
            crowd.terminate()
            crowd.join()
    return (
        Record(
            name="event-to-browser",
            what=f"from what happens to a listener beside {BROWSERS} browsers, p95 (200 steps)",
            value=1000 * _p95(heard),
            unit="ms",
            budget=300,
        ),
        Record(
            name="browsers",
            what=f"processor time of the API meanwhile ({BROWSERS} browsers, {seconds:.1f} s)",
            value=used,
            unit="cores",
            budget=1,
        ),
    )


def _paths(base: str) -> list[str]:
    """Lists with and without filters, first pages and later ones."""
    runs = "/projects/trivial/runs"
    first = _get(f"{base}{runs}?limit=200")
    cursor = first["next"]
    one = first["items"][0]["run"]
    return [
        f"{runs}?limit=200",
        f"{runs}?limit=200&cursor={cursor}",
        f"{runs}?limit=200&pipeline=p7",
        f"{runs}?limit=200&state=failed",
        f"{runs}?limit=200&state=failed&pipeline=p7&ref=kitchen/ana",
        f"{runs}?limit=200&ref=production&state=superseded",
        f"/runs/{one}/steps?limit=200",
        f"/runs/{one}/attempts?limit=200",
        "/projects/trivial/promotions?limit=200",
        "/projects/trivial/refs?limit=200",
        "/projects/trivial/refs/production/history?limit=200",
        "/projects/trivial/pipelines?limit=200&ref=production",
        "/projects/trivial/tables/t/metrics?limit=200",
        "/projects/trivial/tables/t/metrics?limit=200&name=rows",
        "/projects",
        "/workers",
    ]


def fill(project: Path) -> None:
    """Put the runs into a project's home."""
    home = bootstrap.open_home(project / ".galley")
    manifest = compile_project(project)
    now = home.clock()
    with home.database.write() as connection:
        refs.ensure_project(connection, "trivial", actor="ana", now=now)
        connection.execute(
            insert(definition).values(
                id=manifest.hash,
                project="trivial",
                body=manifest_to_json(manifest),
                folder=str(project),
                actor="ana",
                created=now,
            )
        )
    for start in range(0, RUNS, BATCH):
        with home.database.write(durable=False) as connection:
            _some(connection, range(start, start + BATCH), manifest.hash, now)
    home.database.close()


def _some(connection: Connection, numbers: range, code: str, now: int) -> None:
    rows = [_run(number, code, now - (RUNS - number) * MINUTE) for number in numbers]
    connection.execute(insert(run), rows)
    steps = [_step(one, place) for one in rows for place in range(STEPS)]
    connection.execute(insert(step_run), steps)
    connection.execute(insert(verdict), [_verdict(one) for one in rows])
    connection.execute(insert(metric), [_metric(one) for one in rows])
    told = [
        {"run_id": one["id"], "kind": f"run.{one['state']}", "at": one["finished"]} for one in rows
    ]
    connection.execute(insert(event), told)


def _run(number: int, code: str, at: int) -> dict[str, Any]:
    return {
        "id": f"{number:016d}",
        "project": "trivial",
        "pipeline": f"p{number % PIPELINES}" if number % PIPELINES else "trivial",
        "ref": "production" if number % 3 else "kitchen/ana",
        "state": "failed" if number % 20 == 0 else "succeeded",
        "intention": "go",
        "cause": "promotion" if number % 500 == 0 else "manual",
        "definition": code,
        "request": {"pipelines": [f"p{number % PIPELINES}"], "ref": "production"},
        "actor": "ana",
        "message": "a blocking test failed" if number % 20 == 0 else None,
        "origin": "",
        "size": 0,
        "created": at,
        "started": at + 1000,
        "finished": at + 900_000,
    }


def _step(one: dict[str, Any], place: int) -> dict[str, Any]:
    bad = one["state"] == "failed" and place == STEPS - 1
    return {
        "id": f"{one['id']}{place:02d}",
        "run_id": one["id"],
        "name": f"step{place}",
        "type": "step",
        "state": "failed" if bad else "succeeded",
        "position": place,
        "unmet": 0,
        "epoch": 1,
        "attempts": 1,
        "seconds": 0.1,
        "rows": 1000,
    }


def _verdict(one: dict[str, Any]) -> dict[str, Any]:
    bad = one["state"] == "failed"
    return {
        "id": f"{one['id']}v",
        "project": "trivial",
        "run_id": one["id"],
        "step": "step9",
        "test": "unique",
        "key": one["id"],
        "table_key": "t",
        "outcome": "fail" if bad else "pass",
        "blocks": bad,
        "body": {"message": "3 rows are twice there"},
        "at": one["finished"],
    }


def _metric(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "project": "trivial",
        "table_key": "t",
        "name": "rows",
        "value": 1000.0,
        "estimated": False,
        "content_id": one["id"],
        "run_id": one["id"],
        "at": one["finished"],
    }


@contextmanager
def served(project: Path) -> Iterator[str]:
    """``galley up`` in a project; where its API is."""
    with up(project) as (base, _):
        yield f"{base}/api/v1"


@contextmanager
def up(project: Path) -> Iterator[tuple[str, int]]:
    """``galley up`` in a project; where it answers, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    command = [str(GALLEY), "up", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=project, env=environment({}), stdout=subprocess.DEVNULL, stderr=sys.stderr
    )
    try:
        _wait(base)
        yield base, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait(base: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            _get(f"{base}/ready")
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise BenchError("galley up was not ready within a minute")


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def _timed(url: str, count: int) -> list[float]:
    """Seconds of each call, after a warm one."""
    found = []
    for _ in range(count + 1):
        begin = time.perf_counter()
        _get(url)
        found.append(time.perf_counter() - begin)
    return found[1:]


def _p95(times: list[float]) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def _listen(base: str, heard: list[float], stop: threading.Event) -> None:
    """Note how old each event is when it arrives."""
    for event_ in _events(base):
        heard.append(time.time() - _seconds(event_["at"]))
        if stop.is_set():
            return


def _browse(base: str) -> None:
    """Browsers: each hears what happens, and asks what became of the run."""
    for _ in range(BROWSERS):
        told: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=_hear, args=(base, told), daemon=True).start()
        threading.Thread(target=_ask, args=(base, told), daemon=True).start()
    threading.Event().wait()


def _hear(base: str, told: SimpleQueue[str]) -> None:
    for event_ in _events(base):
        told.put(event_["run"])


def _events(base: str) -> Iterator[dict[str, Any]]:
    with urllib.request.urlopen(f"{base}/events?project=trivial", timeout=120) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def _ask(base: str, told: SimpleQueue[str]) -> None:
    """Ask for a run at once when it is told of, then after rests that grow while more is told."""
    rest = REST
    while True:
        run_ = told.get()
        while not told.empty():
            run_ = told.get()
        _read(f"{base}/runs/{run_}")
        time.sleep(rest)
        rest = REST if told.empty() else min(LONGEST_REST, 2 * rest)


def _read(url: str) -> None:
    asked = urllib.request.Request(url, headers={"accept-encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        answer.read()


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _start(base: str) -> None:
    """Run the pipeline to its end."""
    asked = urllib.request.Request(
        f"{base}/projects/trivial/runs",
        data=b'{"pipeline": "trivial"}',
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        started = json.load(answer)["run"]
    while _get(f"{base}/runs/{started}/steps?limit=1") and (
        _get(f"{base}/projects/trivial/runs?limit=1")["items"][0]["finished"] is None
    ):
        time.sleep(0.2)


def _process_of(project: Path) -> int:
    """The API's process of a project."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                told = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "galley.server.api.process" in told and str(project) in told:
                return int(folder.name)
    raise BenchError("the API has no process")


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK
