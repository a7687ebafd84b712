"""Controllers of a simulation: an engine, and the desk that its remote workers call.

The desk, the hub and the tokens are the product's. What stands between, the HTTP application,
is put in its place by ``Server.claims`` and its like, which do the same in simulated time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from greenlet import getcurrent
from sqlalchemy.exc import DBAPIError

from galley.errors import GalleyError, UnavailableError
from galley.runs import recovery
from galley.runs.engine import Engine
from galley.runs.hub import Hub
from galley.runs.live import Site
from galley.runs.workforce import Joint, Workforce
from galley.server import wire
from galley.server.desk import Desk
from galley.server.tokens import Signer
from tests.simulation.store import SimulatedWarehouse
from tests.simulation.workers import SimulatedPool
from tests.simulation.world import MILLISECOND, SECOND, Host, SimulatedBell, World

T = TypeVar("T")

LEASE = 2 * SECOND
SLOTS = 3
ROUNDS = (0.2, 0.5, 1.0)
GOODBYE = SECOND
_SIGNER = Signer(b"a key that every controller of the database has")


class SimulatedDesk(Desk):
    """A desk whose waiting takes simulated time."""

    world: World

    def wait(self, told: Future[None]) -> None:
        """Until the engine has acted."""
        await_future(self.world, told, GOODBYE)
        told.result(0)


class Server:
    """One life of a controller; ``own`` and ``afar`` say whose workers it has."""

    def __init__(
        self, world: World, site: Site, warehouse: SimulatedWarehouse, *, own: bool, afar: bool
    ) -> None:
        self.world = world
        self.site = site
        self.warehouse = warehouse
        self.host = Host()
        self.bell = SimulatedBell(world)
        self.own = own
        self.engine: Engine | None = None
        self.hub: Hub | None = None
        if afar:
            lease = site.lease / SECOND
            self.hub = Hub(quiet=lease / 4, lease=lease, bell=self.bell, clock=world.seconds)
            self.hub.close()
            self.desk = SimulatedDesk(site, self.hub, _SIGNER, None, guarded=False)
            self.desk.world = world

    def run(self) -> None:
        """What the controller's process does until it is killed, or told to stop."""
        before: str | None = None
        while True:
            workers = self._workers()
            engine = self.engine = Engine(self.site, workers, SLOTS, everyones=True)
            try:
                if before is not None:
                    recovery.hand_over(self.site, before)
                    before = None
                engine.open()
                self._work(engine)
                return
            except (UnavailableError, DBAPIError):
                before = engine.id
                workers.close()
                if self.hub is not None:
                    self.hub.fail(UnavailableError("the database does not answer"))
                self.world.sleep(self.world.random.randrange(300 * MILLISECOND))

    def _work(self, engine: Engine) -> None:
        world = self.world
        if self.hub is not None:
            self.hub.open()
        while not world.fails(world.misfortune.stop / 4):
            try:
                engine.step(world.random.choice(ROUNDS))
            except UnavailableError:
                if self.hub is not None:
                    raise
                self._patiently(engine.reopen)
        if self.hub is not None:
            self.hub.close()
        engine.step(0)
        engine.close()
        if self.hub is not None:
            self.hub.fail(UnavailableError("this server stops"))

    def _patiently(self, call: Callable[[], None]) -> None:
        while True:
            try:
                call()
            except UnavailableError:
                self.world.sleep(self.world.random.randrange(300 * MILLISECOND))
            else:
                return

    def _workers(self) -> Workforce:
        if self.hub is None:
            return SimulatedPool(self.world, self.warehouse, SLOTS)
        if not self.own:
            return self.hub
        return Joint(SimulatedPool(self.world, self.warehouse, 1, self.bell), self.hub)

    def leaks(self) -> Iterator[str]:
        """What it believes to be at work although nothing is."""
        jobs = list(self.engine.jobs._jobs) if self.engine is not None else []
        if jobs:
            yield f"an engine awaits {jobs}, and nothing is at work"
        if self.hub is None:
            return
        exchange = self.hub._exchange
        # Who calls another controller by now is told when it comes back, or is over.
        for session, seat in exchange.present():
            if seat.offers:
                yield f"session {session} keeps room for {list(seat.offers)}, which are over"
        if exchange.unseated:
            yield "tasks wait for a worker, and nothing is at work"

    # The calls

    def session(self, token: str) -> str:
        """Whose token it is; one of another controller's session is admitted."""
        session = self.desk.signer.session_of(token)
        if not self.desk.hub.counter.knows(session):
            self.desk.admit(session)
        return session

    def register(self, told: wire.Registration) -> wire.Registered:
        """Open a session."""
        return self.desk.register(None, told)

    def claims(self, token: str, asked: wire.Ask) -> wire.Orders:
        """Wait for orders."""
        session = self.session(token)
        bell = SimulatedBell(self.world)
        ring = bell.ring
        end = self.world.now + int(asked.wait * SECOND)
        counter = self.desk.hub.counter
        counter.ask(session, asked.capacity, asked.has, ring)
        try:
            while True:
                bell.hush()
                orders = counter.orders(session)
                if orders or self.world.now >= end:
                    break
                bell.wait((end - self.world.now) / SECOND)
        finally:
            counter.hang_up(session, ring)
        tasks = tuple(self.desk.task(session, offer) for offer in orders.offers)
        return wire.Orders(tasks=tasks, cancels=orders.cancels, closing=orders.closing)

    def answers(self, token: str, told: Sequence[wire.Answer]) -> list[wire.Outcome]:
        """Take what became of tasks."""
        session = self.session(token)
        claims = [(self.desk.claim(session, answer.token), answer) for answer in told]
        future = self.desk.report(claims)
        await_future(self.world, future, 10 * SECOND)
        future.result(0)
        return self.desk.outcomes(claims)

    def fields(self, token: str, asked: wire.Question) -> wire.Reply:
        """Answer a task's question."""
        return self.desk.fields(self.desk.claim(self.session(token), asked.token), asked)

    def beats(self, token: str, told: wire.Beat) -> wire.Beaten:
        """Note a heartbeat."""
        return self.desk.beat(self.session(token), told)

    def leave(self, token: str) -> None:
        """The worker goes."""
        self.desk.end(self.session(token))


class Net:
    """The network between workers and controllers: calls are lost, late or done twice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.servers: list[Server] = []
        self.lost = 0

    def call(self, at: int, request: Callable[[Server], T], limit: int) -> T:
        """Have a controller do something.

        Raises:
            UnavailableError: no answer came; whether it was done nobody knows.
            GalleyError: it refused.
        """
        world, chance = self.world, self.world.misfortune
        listening = [server for server in self.servers if not server.host.dead]
        if not listening:
            world.sleep(world.random.randrange(50 * MILLISECOND))
            raise UnavailableError("nobody listens")
        server = listening[at % len(listening)]
        answer: Future[T] = Future()
        for _ in range(1 + world.fails(chance.twice)):
            if world.fails(chance.call_lost):
                self.lost += 1
                continue
            late = world.fails(chance.late)
            after = world.random.randrange(2 * LEASE if late else 4 * MILLISECOND)
            world.spawn(self._served(server, request, answer), server.host, after)
        await_future(world, answer, limit)
        if not answer.done():
            raise UnavailableError("no answer")
        return answer.result(0)

    def _served(
        self, server: Server, request: Callable[[Server], T], answer: Future[T]
    ) -> Callable[[], None]:
        def serve() -> None:
            done: Callable[[], None]
            try:
                found = request(server)
                done = lambda: answer.set_result(found)  # noqa: E731
            except (GalleyError, DBAPIError, TimeoutError) as raised:
                error = _as_told(raised)
                done = lambda: answer.set_exception(error)  # noqa: E731
            if self.world.fails(self.world.misfortune.answer_lost):
                self.lost += 1
            elif not answer.done():
                done()

        return serve


def await_future(world: World, future: Future[T], limit: int) -> None:
    """Until something is done, but not longer."""
    me, end = getcurrent(), world.now + limit
    future.add_done_callback(lambda _done: world.wake(me))
    while not future.done() and world.now < end:
        world.sleep(end - world.now)


def _as_told(error: Exception) -> GalleyError:
    """What HTTP makes of it: trouble of the server's is no answer."""
    if isinstance(error, GalleyError) and error.status not in (500, 502, 503, 504):
        return error
    return UnavailableError(f"the server is in trouble: {error}")
