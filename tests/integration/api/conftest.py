"""The API of a real home, over HTTP, with an engine at work behind it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from galley.environments.home import Home
from galley.runs.engine import Engine
from galley.runs.lockfile import EngineLock
from galley.runs.pool import PoolSettings
from galley.server.api.app import api_app
from galley.server.api.call import Place
from galley.server.api.serving import ApiServer
from galley.server.sockets import bound, url_of
from galley.settings import ENTRY, PRELOAD
from tests.integration.engine.kit import SLOTS, WarmPool, Works
from tests.integration.server.kit import until

CSV = "order_id,amount\n1,10\n2,20\n3,30\n"


@dataclass
class Served:
    """A project, and a client of its API. ``client`` calls below ``/api/v1``."""

    works: Works
    client: httpx.Client
    url: str
    app: Any

    @property
    def home(self) -> Home:
        return self.works.home

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = self.client.get(path, params=params or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def run(self, **wish: Any) -> str:
        """Run the pipeline; its id once it has ended."""
        started = self.post("/projects/works/runs", {"pipeline": "p", **wish}, 202)
        return self.ended(started["run"])

    def ended(self, run: str) -> str:
        over = {"succeeded", "failed", "cancelled", "superseded"}
        until(lambda: self.get(f"/runs/{run}")["state"] in over, "the end of the run")
        return run


def project(works: Works) -> None:
    """Two steps and two tests."""
    works.load("raw", CSV)
    works.sql(
        "orders",
        "SELECT order_id, amount * 2 AS amount FROM raw",
        tests=[{"unique": {"column": "order_id"}}, {"not_null": {"column": "amount"}}],
    )
    works.python(
        "talk",
        """
        @step(stable=True)
        def talk(orders):
            print("grüße", flush=True)
            return [{"n": 1}]
        """,
    )


def serve(works: Works, *, engine: bool = True, folder: bool = True) -> Iterator[Served]:
    """Serve a project from threads of this process; without its folder, if that is wanted."""
    listening = bound("127.0.0.1", 0)
    folders = {works.name: works.folder} if folder else {}
    place = Place(works.home, works.site, folders, SLOTS)
    app = api_app(place)
    config = uvicorn.Config(
        app, log_config=None, lifespan="on", access_log=False, timeout_graceful_shutdown=1
    )
    http = ApiServer(app, config)
    stop = threading.Event()
    threads = [threading.Thread(target=http.run, kwargs={"sockets": [listening]})]
    if engine:
        threads.append(threading.Thread(target=_work, args=(works, stop)))
    for thread in threads:
        thread.start()
    url = url_of(listening, tls=False)
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60, trust_env=False) as client:
        until(lambda: http.started, "the API")
        yield Served(works, client, url, app)
    stop.set()
    http.should_exit = True
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    listening.close()


def _work(works: Works, stop: threading.Event) -> None:
    with EngineLock(works.home.path) as lock:
        assert lock.acquire()
        engine = Engine(works.site, works.pool, SLOTS, everyones=True)
        engine.open()
        works.pool.start()
        engine.work(stop.is_set, lambda: None)
        engine.close()


def works_in(root: Path, url: str | None = None) -> Works:
    """A project whose steps' output is kept in its home."""
    settings = PoolSettings(
        slots=SLOTS, log_dir=root / "home" / "logs", entry=ENTRY, preload=PRELOAD
    )
    works = Works(root, WarmPool(settings), url=url)
    project(works)
    return works


def prepared(works: Works) -> Iterator[Served]:
    """Served, run once in its owner's kitchen, and promoted."""
    for found in serve(works):
        found.run()
        found.ended(found.post("/projects/works/promotions", {}, 202)["run"]["run"])
        yield found
    pool = works.pool
    assert isinstance(pool, WarmPool)
    pool.end()
    works.home.database.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A project that ran once in its owner's kitchen and was promoted; for all tests."""
    yield from prepared(works_in(tmp_path_factory.mktemp("served")))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """A project in which nothing ran, without an engine."""
    works = works_in(tmp_path)
    yield from serve(works, engine=False)
    works.home.database.close()
