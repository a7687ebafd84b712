"""Warm workers for the whole session, and a project of its own for every test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from galley.runs.pool import PoolSettings
from galley.settings import ENTRY, PRELOAD
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import SLOTS, WarmPool, Works


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPool]:
    """Worker processes that serve one engine after the other."""
    logs = tmp_path_factory.mktemp("logs")
    pool = WarmPool(PoolSettings(slots=SLOTS, log_dir=logs, entry=ENTRY, preload=PRELOAD))
    pool.start()
    yield pool
    pool.end()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test runs on SQLite; those marked ``both_databases``, or all, on PostgreSQL too."""
    if "works_url" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("both_databases")
        wanted: list[Any] = ["sqlite"]
        if marked or metafunc.config.getoption("--all-databases"):
            wanted.append(pytest.param("postgres", marks=pytest.mark.postgres))
        metafunc.parametrize("works_url", wanted, indirect=True)


@pytest.fixture
def works_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The state database's URL, ``None`` for SQLite in the home."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("emptied_url")
    monkeypatch.setenv("GALLEY_DATABASE", url)
    return url


@pytest.fixture
def works(
    request: pytest.FixtureRequest, tmp_path: Path, warm: WarmPool, works_url: str | None
) -> Iterator[Works]:
    """A project without steps; whatever a test does to it must leave nothing half done.

    With the parameter ``store`` its tables stand in an object store.
    """
    found = Works(tmp_path, warm, url=works_url)
    if getattr(request, "param", "folder") == "store":
        found.store = request.getfixturevalue("store")
    yield found
    assert violations(found.home) == []
    found.home.database.close()
