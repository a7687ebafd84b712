"""What every test may ask for: a home, and real databases."""

import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings

from tests.pg_cast import Server, pooling, serving
from tests.s3_cast import Store, moto

TESTS = Path(__file__).parent
FIRST = (
    "acceptance/test_docs.py",
    "integration/server/test_servers_and_workers.py",
    "integration/engine/test_kill_points.py",
    "browser/test_day.py",
    "acceptance/test_cli_shop.py",
    "integration/engine/test_promises.py",
    "integration/engine/test_windows.py",
    "acceptance/test_cli_demo.py",
    "integration/engine/test_many_engines.py",
    "integration/engine/test_steady.py",
    "integration/engine/test_control.py",
    "integration/engine/test_lost_database.py",
    "acceptance/test_cli_promotion.py",
    "migration/test_previous_release.py",
    "integration/quality/test_small_tables.py",
    "acceptance/test_stranger.py",
    "integration/server/test_random_kills.py",
    "simulation/test_simulation.py",
)
"""Files that take longest, longest first: one that began last would keep all others waiting.

Those that wait stand among those that work.
"""

settings.register_profile("galley", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("galley")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a long round tests besides."""
    said = "run all tests of the engine on PostgreSQL too, not only those marked both_databases"
    parser.addoption("--all-databases", action="store_true", help=said)
    parser.addoption("--long", action="store_true", help="run the tests marked long too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long is left for long rounds; files that take long begin first."""
    if not config.getoption("--long"):
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
    order = {TESTS / name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_configure() -> None:
    """Nothing set for a developer's own Galley reaches a test."""
    gc.disable()
    for name in [name for name in os.environ if name.startswith(("GALLEY_", "AWS_"))]:
        del os.environ[name]
    os.environ["GALLEY_CONTEXT"] = "local"


def pytest_collection_finish() -> None:
    """What is imported stays: looking it over again and again took a fifth of the fast tests."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_unconfigure() -> None:
    """At the end DuckDB complains loudly of what nobody has looked over."""
    gc.unfreeze()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home, as the first command in a new project finds it."""
    path = tmp_path / ".galley"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def pg_server() -> Iterator[Server]:
    """A PostgreSQL server of our own, on no network port."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def pg_socket(pg_server: Server) -> Path:
    """Its socket's folder."""
    return pg_server.socket


@pytest.fixture
def pg_url(pg_server: Server) -> Iterator[str]:
    """A SQLAlchemy URL of a fresh, empty PostgreSQL database, dropped after the test."""
    with pg_server.database() as name:
        yield pg_server.url(name)


@pytest.fixture(scope="session")
def lasting() -> dict[str, str]:
    """By folder the database that its tests share, one after the other, once one was wanted."""
    return {}


@pytest.fixture
def emptied_url(
    request: pytest.FixtureRequest, pg_server: Server, lasting: dict[str, str]
) -> Iterator[str]:
    """The URL of a database whose tables may be there, and are empty.

    To make one with its tables takes longer than most tests.
    """
    folder = request.path.parent.name
    if folder not in lasting:
        lasting[folder] = pg_server.create()
    yield pg_server.url(lasting[folder])
    pg_server.empty(lasting[folder])


@pytest.fixture(scope="session")
def pooler(pg_server: Server) -> Iterator[Path]:
    """The socket's folder of a pooler in transaction mode before the server."""
    with pooling(pg_server) as socket:
        yield socket


@pytest.fixture
def pooled_url(pg_server: Server, pooler: Path) -> Iterator[str]:
    """A URL of a fresh PostgreSQL database behind the pooler."""
    with pg_server.database() as name:
        yield replace(pg_server, socket=pooler).url(name, port="6432")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What wants a database runs on both, and if it is so marked through a pooler as well."""
    if "db_url" in metafunc.fixturenames:
        wanted: list[Any] = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
        if metafunc.definition.get_closest_marker("through_pooler"):
            wanted.append(pytest.param("pooled", marks=pytest.mark.postgres))
        metafunc.parametrize("db_url", wanted, indirect=True)


@pytest.fixture
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of a fresh database of the kind that the test is run on."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'galley.db'}"
    url: str = request.getfixturevalue("pg_url" if request.param == "postgres" else "pooled_url")
    return url


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an object store of our own: moto's server."""
    with moto() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def s3_bucket(s3_endpoint: str) -> Store:
    """A bucket for all tests."""
    return Store(s3_endpoint, "lake").create()


@pytest.fixture
def store(s3_bucket: Store) -> Store:
    """A place of its own in a bucket, with nothing in it."""
    return replace(s3_bucket, prefix=f"at/{uuid4().hex[:12]}")
