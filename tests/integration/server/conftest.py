"""Projects whose runs are worked on by servers and workers, on both databases."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from galley.runs.pool import Pool, PoolSettings
from galley.server.host import Server, Serving
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import Works
from tests.integration.server.kit import Hand, Site, until


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A project without steps. Whatever happened to it, nothing is left half done."""
    url = request.getfixturevalue("emptied_url") if request.param == "postgres" else None
    if url:
        monkeypatch.setenv("GALLEY_DATABASE", url)
    unused = Pool(PoolSettings(slots=1, log_dir=tmp_path, entry="none:none"))
    found = Site(Works(tmp_path, unused, url=url))
    try:
        yield found
    finally:
        found.close()
    assert violations(found.works.home) == []
    found.works.home.database.close()


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    """A project on SQLite, for a server in this process."""
    found = Works(tmp_path, Pool(PoolSettings(slots=1, log_dir=tmp_path, entry="none:none")))
    yield found
    found.home.database.close()


@pytest.fixture
def lease() -> int:
    """Microseconds."""
    return 10_000_000


@pytest.fixture
def server(works: Works, lease: int) -> Iterator[Server]:
    """A server in this process, with a token for workers."""
    found = Server(works.home, Serving(token="let-me-in", lease=lease))
    stop = threading.Event()
    thread = threading.Thread(target=found.run, args=(stop.is_set,))
    thread.start()
    until(found.ready, "the server")
    yield found
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def hands(server: Server) -> Iterator[Callable[[], Hand]]:
    """Makes workers that are not registered yet."""
    made: list[Hand] = []

    def make() -> Hand:
        made.append(Hand(server.url))
        return made[-1]

    yield make
    for one in made:
        one.client.close()


@pytest.fixture
def hand(hands: Callable[[], Hand]) -> Hand:
    """A worker that is registered."""
    found = hands()
    assert found.register("let-me-in").status_code == 201
    return found
