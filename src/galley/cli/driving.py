"""Seeing a run through: follow it, show it, let the user interrupt it, and say how it ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from galley import bootstrap
from galley.cli import screen
from galley.cli.progress import watcher
from galley.cli.session import Session
from galley.cli.summary import print_run
from galley.environments import collection, traces
from galley.environments.inspect_runs import run_facts
from galley.errors import GalleyError
from galley.lake.model import RefKind
from galley.runs.follow import ask_to_stop, follow
from galley.runs.model import Reason, Run, RunState

if TYPE_CHECKING:
    from galley.runs.pool import Pool

INTERRUPTED = 130
CONFLICTS = (Reason.CONFLICT, Reason.SUPERSEDED)


LAST_WORDS = 2.0
"""Seconds after which the second Ctrl-C ends this process, recorded or not."""


def _nothing() -> None:
    """Where there is no run to be asked."""


@dataclass(slots=True)
class Interrupts:
    """Counts Ctrl-C: the first asks, the second ends this process once ``ask`` has been recorded.

    Two of them may come before the engine looks. A run of which nobody has written down that it is
    to stop would go on at the next command.
    """

    ask: Callable[[], None] = _nothing
    count: int = 0

    def __call__(self) -> bool:
        """Whether the user asked to stop."""
        return self.count > 0

    def note(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        self.count += 1
        if self.count > 2:
            _leave(told=False)
        if self.count == 2:
            # Not here: what this signal interrupts may hold the database's lock, and has to go on.
            for act, wait in ((self._ask_and_leave, 0.0), (_give_up, LAST_WORDS)):
                timer = threading.Timer(wait, act)
                timer.daemon = True
                timer.start()
            return
        sys.stderr.write("\nstopping the run; press Ctrl-C again to leave at once\n")

    def _ask_and_leave(self) -> None:
        told = False
        try:
            self.ask()
            told = True
        finally:
            _leave(told=told)


def _give_up() -> None:
    _leave(told=False)


def _leave(*, told: bool) -> NoReturn:
    """End at once. The workers' supervisor sees this process end and kills what still runs."""
    sys.stderr.write("\x1b[?25h\n" if sys.stderr.isatty() else "\n")
    if not told:
        sys.stderr.write("the run may not know that it is to stop: galley cancel\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)


@contextmanager
def interrupts(ask: Callable[[], None] = _nothing) -> Iterator[Interrupts]:
    """Take Ctrl-C over while a run is followed; ``ask`` records that it is to stop."""
    found = Interrupts(ask)
    before = signal.signal(signal.SIGINT, found.note)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)


def drive(session: Session, pool: Pool, run: Run, *, as_json: bool) -> int:
    """Follow a queued run to its end and report it; returns the exit status."""
    watch = watcher(session.home.database, run, screen.err(), live=on_terminal(as_json))
    with interrupts(lambda: ask_to_stop(session.site, run.id)) as interrupted:
        try:
            ended = follow(
                session.site,
                pool,
                run.id,
                slots=bootstrap.slots(),
                watch=watch,
                interrupted=interrupted,
                tell=screen.note,
            )
        finally:
            watch.close()
    report(session, ended, as_json=as_json)
    _trace(session, ended)
    tidy(session)
    return INTERRUPTED if interrupted() and not _published(ended) else exit_status(ended)


def on_terminal(as_json: bool) -> bool:
    """Whether progress may change in place."""
    return not as_json and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def report(session: Session, run: Run, *, as_json: bool) -> None:
    """Print a run as JSON, or in words."""
    with session.home.database.read() as connection:
        facts = run_facts(connection, run)
    if as_json:
        screen.print_json(facts)
    else:
        print_run(facts, brief=True)


def _trace(session: Session, run: Run) -> None:
    """Send a run that was ended here to whoever collects traces."""
    try:
        collector = bootstrap.make_collector()
        if collector is None:
            return
        with session.home.database.read() as connection:
            ended = traces.ended_here(connection, run.id)
            trace = traces.trace_of(connection, ended) if ended else None
        taken = trace is None or collector.send(trace)
    except GalleyError as error:
        screen.note(f"! no trace was sent: {error.message}; {error.hint}")
        return
    if not taken:
        screen.note("! the trace of the run was not taken by its collector")


def tidy(session: Session) -> None:
    """Once a day, collect what is over; kitchens that go are named.

    Where the project's files do not say what is kept, nothing goes.
    """
    try:
        gone = collection.collect_daily(session.home, session.project, session.manifest.retention)
    except GalleyError as error:
        screen.note(f"! nothing old was removed: {error.message}")
        return
    for ref in gone.expired.refs if gone else ():
        if ref.kind is RefKind.KITCHEN:
            screen.note(f"! {ref.name} of {ref.owner} was not used for a week and is removed")
    for problem in gone.problems if gone else ():
        screen.note(f"! not collected: {problem}")


def exit_status(run: Run) -> int:
    """0 if the run was published; 4 if somebody else was first; else 1."""
    return status_of(run.state, run.reason)


def status_of(state: RunState, reason: Reason | None) -> int:
    """The exit status that stands for the end of a run."""
    if state is RunState.SUCCEEDED:
        return 0
    return 4 if state is RunState.SUPERSEDED or reason in CONFLICTS else 1


def _published(run: Run) -> bool:
    return run.state is RunState.SUCCEEDED
