"""Warm workers for the whole session, and a project of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def works(request: pytest.FixtureRequest, tmp_path: Path, warm: WarmPool) -> Iterator[Works]:
    """A project without steps; whatever a test does to it must leave nothing half done.

    With the parameter ``store`` its tables stand in an object store.
    """
    found = Works(tmp_path, warm)
    if getattr(request, "param", "folder") == "store":
        found.store = request.getfixturevalue("store")
    yield found
    assert violations(found.home) == []
    found.home.database.close()
