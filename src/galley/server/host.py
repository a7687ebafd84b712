"""A controller as a process of its own: an engine, and the execution API for its workers."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from sqlalchemy.exc import DBAPIError

from galley import bootstrap
from galley.environments.home import Home
from galley.errors import InternalError, UnavailableError, UsageError
from galley.project.find import declared_name
from galley.runs import credentials, recovery
from galley.runs.engine import Engine
from galley.runs.hub import Hub
from galley.runs.live import Site
from galley.runs.lockfile import EngineLock, home_gone
from galley.runs.patience import nap
from galley.runs.workforce import Joint, Workforce
from galley.server.api.task import Task
from galley.server.desk import Desk
from galley.server.entry import is_loopback
from galley.server.exec_app import execution_app
from galley.server.front import Front
from galley.server.timekeeper import Timekeeper
from galley.server.tokens import Signer

_log = logging.getLogger("galley.server")

AGAIN = 1.0
"""Seconds between two tries to work when the database is away or another engine has the home."""

STALLED = 30.0
"""Seconds without a round after which the engine counts as stuck."""

_SWITCH = 0.0005


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and with what a server works.

    ``slots`` are worker processes of its own; ``token`` is one with which workers may join.
    ``certificate`` and ``certificate_key`` are files in PEM form. The REST API answers at
    ``api_host`` and ``api_port``; without a port there is none. ``folder`` is that of the project
    that the server was started in. ``identity``: who calls the REST API says who they are;
    ``behind_tls``: a proxy before it speaks TLS with them.
    """

    host: str = "127.0.0.1"
    port: int = 0
    slots: int = 0
    token: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    lease: int | None = None
    api_host: str = "127.0.0.1"
    api_port: int | None = None
    folder: Path | None = None
    identity: bool = False
    behind_tls: bool = False


class Server:
    """One controller. ``run`` works until it is told to stop."""

    def __init__(self, home: Home, serving: Serving) -> None:
        """Bind the port.

        Raises:
            UsageError: others than this machine could reach it, and no worker needs a token; or
                its certificate cannot be used.
            UnavailableError: the port cannot be had.
        """
        self.home = home
        self.serving = serving
        self.guarded = not is_loopback(serving.host)
        signer = Signer(self._prepare())
        self.site = _site(home, serving)
        self.hub = Hub(lease=self.site.lease / 1_000_000)
        self.hub.close()
        self._desk = Desk(self.site, self.hub, signer, serving.token, self.guarded)
        self._settings = self._http_settings()
        self._socket = _bound(serving.host, serving.port)
        self._front = self._make_front()
        self._round: float | None = None
        self._left: list[str] = []

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._url(self._socket)

    @property
    def api_url(self) -> str | None:
        """Where the REST API answers."""
        return self._url(self._api_socket) if self._api_socket else None

    def _url(self, bound: socket.socket) -> str:
        host, port = bound.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"http{'s' if self.serving.certificate else ''}://{shown}:{port}"

    def ready(self) -> bool:
        """Whether an engine is at work here."""
        return self._round is not None and time.monotonic() - self._round < STALLED

    def run(self, stop: Callable[[], bool]) -> None:
        """Answer calls and work on runs until ``stop()``.

        Raises:
            UnavailableError: the home was deleted meanwhile.
            InternalError: calls are answered no more.
        """
        # Calls are answered beside the engine's loop: neither waits long for the other.
        sys.setswitchinterval(_SWITCH)
        http = uvicorn.Server(self._settings)
        timekeeper = Timekeeper(self.home)
        thread = threading.Thread(
            target=http.run, kwargs={"sockets": [self._socket]}, name="http", daemon=True
        )
        thread.start()
        if self._front is not None:
            self._front.start()
        timekeeper.start()
        lock = EngineLock(self.home.path)

        def stopped() -> bool:
            if lock.lost:
                raise home_gone(self.home.path)
            if not thread.is_alive():
                raise InternalError("the thread that answers calls has ended")
            return stop()

        try:
            with lock:
                while not stopped():
                    if self.site.shared or lock.acquire():
                        self._work(stopped)
                    else:
                        nap(AGAIN, stop)
        finally:
            timekeeper.stop()
            self.hub.close()
            http.should_exit = True
            if self._front is not None:
                self._front.stop()
            thread.join(10)
            self._socket.close()

    def _work(self, stop: Callable[[], bool]) -> None:
        """One engine's life. When the database goes away it ends, and another one follows."""
        workers = self._workers()
        slots = self.serving.slots
        engine = Engine(self.site, workers, max(slots, 1), everyones=True, works=slots > 0)
        try:
            self._leave_no_trace()
            engine.open()
            self.hub.open()
            workers.start()
            engine.work(stop, self._tick)
            # Take in what has arrived; nothing new is given out any more.
            self.hub.close()
            engine.step(0)
            engine.close()
            self.hub.fail(UnavailableError("this server stops"))
        except (UnavailableError, DBAPIError) as error:
            _log.warning("the engine stopped: %s", error)
            self._left.append(engine.id)
            workers.close()
            self.hub.fail(UnavailableError("the state database does not answer; try again"))
            nap(AGAIN, stop)
        finally:
            self._round = None

    def _workers(self) -> Workforce:
        if not self.serving.slots:
            return self.hub
        return Joint(bootstrap.make_pool(self.home.path, self.serving.slots), self.hub)

    def _leave_no_trace(self) -> None:
        """What engines of this process held that had to stop is anybody's."""
        while self._left:
            recovery.hand_over(self.site, self._left[-1])
            self._left.pop()

    def _tick(self) -> None:
        self._round = time.monotonic()

    def _prepare(self) -> bytes:
        """The key for tokens, once it is certain that not everybody may come in."""
        with self.home.database.write() as connection:
            known = bool(self.serving.token) or credentials.any_join_token(connection)
            if self.guarded and not known:
                raise UsageError(
                    f"{self.serving.host} can be reached from other machines, and any worker "
                    "could join",
                    hint="`galley server token` makes a token for workers, or set "
                    "GALLEY_WORKER_TOKEN",
                )
            return credentials.signing_key(connection, self.home.clock())

    def _make_front(self) -> Front | None:
        serving = self.serving
        self._api_socket = None
        if serving.api_port is None:
            return None
        if not (serving.identity or is_loopback(serving.api_host)):
            self._socket.close()
            raise UsageError(
                f"{serving.api_host} can be reached from other machines, and nobody would have to "
                "say who they are",
                hint="--identity: people log in, programs show tokens; the first start prints a "
                "one-time link for an admin",
            )
        self._api_socket = _bound(serving.api_host, serving.api_port)
        name = declared_name(serving.folder) if serving.folder else None
        task = Task(
            home=str(self.home.path),
            socket=-1,
            folder=str(serving.folder) if serving.folder else None,
            folders={name: str(serving.folder)} if name else {},
            names=(serving.api_host,),
            identity=serving.identity,
            secure=serving.behind_tls or serving.certificate is not None,
            certificate=serving.certificate,
            certificate_key=serving.certificate_key,
        )
        return Front(task, self._api_socket)

    def _http_settings(self) -> uvicorn.Config:
        serving = self.serving
        settings = uvicorn.Config(
            execution_app(self._desk, self.ready),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
            ssl_certfile=serving.certificate,
            ssl_keyfile=serving.certificate_key,
        )
        try:
            if serving.certificate_key and not serving.certificate:
                raise UsageError("a certificate's key serves nothing without the certificate")
            settings.load()
        except OSError as error:
            raise UsageError(
                f"the certificate {serving.certificate} cannot be used: {error.strerror}"
            ) from error
        return settings


def _site(home: Home, serving: Serving) -> Site:
    return bootstrap.make_site(home, max(serving.slots, 1), lease=serving.lease)


def _bound(host: str, port: int) -> socket.socket:
    """A bound socket whose connections send at once.

    Without TCP_NODELAY every answer on a kept-alive connection waits for a delayed ACK, 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UnavailableError(
            f"the server cannot listen on {host} port {port}: {error.strerror}",
            hint="choose another with --port, or stop what uses it",
        ) from error
    return bound
