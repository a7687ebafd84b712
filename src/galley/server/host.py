"""A controller as a process of its own: an engine, and the execution API for its workers."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import uvicorn
from sqlalchemy.exc import DBAPIError

from galley import bootstrap
from galley.environments.home import Home
from galley.errors import InternalError, UnavailableError, UsageError
from galley.runs import credentials, recovery
from galley.runs.engine import Engine
from galley.runs.hub import Hub
from galley.runs.live import Site
from galley.runs.lockfile import EngineLock, home_gone
from galley.runs.patience import nap
from galley.runs.workforce import Joint, Workforce
from galley.server.desk import Desk
from galley.server.exec_app import execution_app
from galley.server.sockets import bound, is_loopback, url_of
from galley.server.timekeeper import Timekeeper
from galley.server.tokens import Signer
from galley.server.troubles import Troubles

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
    ``certificate`` and ``certificate_key`` are files in PEM form.
    """

    host: str = "127.0.0.1"
    port: int = 0
    slots: int = 0
    token: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    lease: int | None = None


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
        self._socket = bound(serving.host, serving.port)
        self._round: float | None = None
        self._left: list[str] = []
        self._begun = 0.0
        self._troubles = Troubles(_log.warning)

    @property
    def url(self) -> str:
        """Where it answers."""
        return url_of(self._socket, tls=self.serving.certificate is not None)

    def ready(self) -> bool:
        """Whether an engine is at work here, and does not stop again and again."""
        at_work = self._round is not None and time.monotonic() - self._round < STALLED
        return at_work and not self._troubles.unsettled

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
            thread.join(10)
            self._socket.close()

    def _work(self, stop: Callable[[], bool]) -> None:
        """One engine's life. When the database goes away it ends, and another one follows."""
        workers = self._workers()
        slots = self.serving.slots
        engine = Engine(self.site, workers, max(slots, 1), everyones=True, works=slots > 0)
        try:
            self._begun = time.monotonic()
            self._leave_no_trace()
            engine.open()
            self.hub.open()
            workers.start()
            self._begun = time.monotonic()
            engine.work(stop, self._tick)
            # Take in what has arrived; nothing new is given out any more.
            self.hub.close()
            engine.step(0)
            engine.close()
            self.hub.fail(UnavailableError("this server stops"))
        except (UnavailableError, DBAPIError) as error:
            pause = self._troubles.stopped(error)
            self._round = None
            self._left.append(engine.id)
            workers.close()
            self.hub.fail(UnavailableError("the state database does not answer; try again"))
            with suppress(UnavailableError, DBAPIError):
                # Nobody is to take it for one at work until the next begins.
                self._leave_no_trace()
            nap(pause, stop)
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
        self._troubles.worked(self._round - self._begun)

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
