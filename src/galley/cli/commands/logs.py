"""``galley logs``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import Session, open_session
from galley.environments import printed
from galley.environments.inspect_runs import find_run
from galley.environments.printed import Printed
from galley.errors import NotFoundError
from galley.lake.names import nearest
from galley.runs import queue, records

POLL = 0.2
"""Seconds between two looks at files that may grow."""

MOST = 1 << 20
"""Bytes that are read at once."""


class Stream(StrEnum):
    """What a process prints to."""

    OUT = "out"
    ERR = "err"
    BOTH = "both"


class Output(Protocol):
    """Where what a run prints is read from."""

    def over(self) -> bool:
        """Whether nothing will be added to what ``files`` gives now."""

    def files(self) -> Iterable[Printed]:
        """What there is by now, the oldest first."""

    def read(self, file: Printed, offset: int) -> bytes:
        """What stands there from an offset on; nothing at its end."""


@dataclass(frozen=True, slots=True)
class _Here:
    """The files of a home at hand."""

    session: Session
    run: str

    def over(self) -> bool:
        with self.session.home.database.read() as connection:
            return records.get_run(connection, self.run).state.terminal

    def files(self) -> Iterable[Printed]:
        return printed.files(self.session.home, self.run)

    def read(self, file: Printed, offset: int) -> bytes:
        return printed.read_file(self.session.home, self.run, file.name, offset, MOST).data


def logs(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            autocompletion=complete.runs,
            help="A run, by the beginning of its id. Default: the last one.",
            show_default=False,
        ),
    ] = "last",
    step: Annotated[
        str | None,
        typer.Argument(metavar="STEP", autocompletion=complete.steps, help="Only this step."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    stream: Annotated[Stream, typer.Option("--stream", help="Which output.")] = Stream.BOTH,
    project: options.Project = None,
) -> None:
    """What the steps of a run printed, secrets blotted out; one file per attempt and stream."""
    session = open_session(project)
    with session.home.database.read() as connection:
        found = find_run(connection, session.project, run)
        names = [one.name for one in queue.steps_of(connection, found.id)]
    show(_Here(session, found.id), found.id, names, Wanted(step, stream, follow))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose output is shown, and whether until it ends."""

    step: str | None
    stream: Stream
    follow: bool

    def holds(self, file: Printed) -> bool:
        """Whether a file is to be shown."""
        ours = self.step is None or file.step == self.step
        return ours and self.stream in (Stream.BOTH, _STREAMS[file.stream])


_STREAMS = {printed.Stream.STDOUT: Stream.OUT, printed.Stream.STDERR: Stream.ERR}


def show(
    output: Output, run: str, names: Sequence[str], wanted: Wanted, poll: float = POLL
) -> None:
    """Print what a run printed, one file after the other, and what is added.

    Raises:
        NotFoundError: the run has no such step.
    """
    step = wanted.step
    if step is not None and step not in names:
        meant = nearest(step, names)
        raise NotFoundError(
            f"run {words.short(run)} has no step {step}",
            hint=f"did you mean {meant}?" if meant else f"its steps: {', '.join(names)}",
        )
    shown: dict[str, int] = {}
    while True:
        over = output.over()
        for file in output.files():
            if wanted.holds(file):
                _print_new(output, file, shown)
        if over or not wanted.follow:
            break
        time.sleep(poll)
    if not shown:
        screen.note(
            f"{step or 'no step'} of run {words.short(run)} printed "
            f"{'nothing' if step else 'anything'}"
        )


def _print_new(output: Output, file: Printed, shown: dict[str, int]) -> None:
    """What was added to a file since it was last looked at."""
    while file.bytes > shown.get(file.name, 0):
        data = output.read(file, shown.get(file.name, 0))
        if not data:
            return
        if file.name not in shown:
            screen.note(f"── {file.label} ──")
        shown[file.name] = shown.get(file.name, 0) + len(data)
        sys.stdout.write(data.decode(errors="replace"))
        sys.stdout.flush()


app = app_of(logs)
