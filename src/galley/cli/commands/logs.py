"""``galley logs``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import Session, open_session
from galley.environments.inspect_runs import find_run
from galley.errors import NotFoundError
from galley.lake.names import nearest
from galley.runs import queue, records

POLL = 0.2
"""Seconds between two looks at files that may grow."""


class Stream(StrEnum):
    """What a process prints to."""

    OUT = "out"
    ERR = "err"
    BOTH = "both"


@dataclass(slots=True)
class _Tail:
    """A log file that is read on from where it was left."""

    path: Path
    label: str
    at: int = 0
    begun: bool = False


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
    if step is not None and step not in names:
        meant = nearest(step, names)
        raise NotFoundError(
            f"run {words.short(found.id)} has no step {step}",
            hint=f"did you mean {meant}?" if meant else f"its steps: {', '.join(names)}",
        )
    folder = session.home.path / "logs" / found.id
    tails: dict[Path, _Tail] = {}
    while True:
        ended = _ended(session, found.id)
        _collect(folder, step, stream, tails)
        for tail in tails.values():
            _print_new(tail)
        if ended or not follow:
            break
        time.sleep(POLL)
    if not any(tail.begun for tail in tails.values()):
        screen.note(
            f"{step or 'no step'} of run {words.short(found.id)} printed "
            f"{'nothing' if step else 'anything'}"
        )


def _ended(session: Session, run_id: str) -> bool:
    with session.home.database.read() as connection:
        return records.get_run(connection, run_id).state.terminal


def _collect(folder: Path, step: str | None, stream: Stream, tails: dict[Path, _Tail]) -> None:
    endings = ("out", "err") if stream is Stream.BOTH else (stream.value,)
    for path in sorted(_files(folder), key=_age):
        name, _, ending = path.name.rpartition(".")
        owner, _, attempt = name.removesuffix(".tests").rpartition(".")
        if ending not in endings or (step is not None and owner != step):
            continue
        what = " (tests)" if name.endswith(".tests") else ""
        tails.setdefault(path, _Tail(path, f"{owner} #{attempt} {ending}{what}"))


def _files(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()


def _age(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.name


def _print_new(tail: _Tail) -> None:
    with tail.path.open("rb") as file:
        file.seek(tail.at)
        data = file.read()
    if not data:
        return
    if not tail.begun:
        tail.begun = True
        screen.note(f"── {tail.label} ──")
    tail.at += len(data)
    sys.stdout.write(data.decode(errors="replace"))
    sys.stdout.flush()


app = app_of(logs)
