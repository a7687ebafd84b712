"""What the steps of a run printed, and what the engine says of them: any part, by offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from galley.clock import iso
from galley.environments.home import Home
from galley.errors import NotFoundError, UsageError
from galley.lake.names import listed, nearest
from galley.runs import queue, records
from galley.runs.model import Run

MOST_EVENTS = 100_000


class Stream(StrEnum):
    """What is read."""

    STDOUT = "stdout"
    STDERR = "stderr"
    ENGINE = "engine"


_ENDINGS = {Stream.STDOUT: "out", Stream.STDERR: "err"}
_STREAMS = {ending: stream for stream, ending in _ENDINGS.items()}


@dataclass(frozen=True, slots=True)
class Source:
    """One stream of one attempt, or what the engine says of a step or the whole run."""

    run: str
    stream: Stream
    step: str | None = None
    attempt: str | None = None


@dataclass(frozen=True, slots=True)
class Printed:
    """A file of what an attempt, or the tests of its results, printed to one stream."""

    name: str
    step: str
    attempt: str
    stream: Stream
    tests: bool
    bytes: int

    @property
    def label(self) -> str:
        """What it is, for people."""
        ending = _ENDINGS[self.stream]
        return f"{self.step} #{self.attempt} {ending}{' (tests)' if self.tests else ''}"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a log. ``next`` is where they end, ``size`` how many there are altogether now."""

    data: bytes
    offset: int
    next: int
    size: int


def check(connection: Connection, run: Run, source: Source) -> None:
    """Raise unless there is such a log, or will be.

    Raises:
        UsageError: a step is needed and not named.
        NotFoundError: the run has no such step, or the step no such attempt.
    """
    if source.step is None:
        if source.stream is not Stream.ENGINE:
            raise UsageError("say which step's output is meant", hint="?step=NAME")
        return
    names = [step.name for step in queue.steps_of(connection, run.id)]
    if source.step not in names:
        meant = nearest(source.step, names)
        raise NotFoundError(
            f"run {run.id} has no step {source.step}",
            hint=f"did you mean {meant}?" if meant else f"its steps: {listed(names)}",
            details={"nearest": meant},
        )
    if source.attempt is not None and attempt_of(connection, source) is None:
        raise NotFoundError(f"{source.step} of run {run.id} has no attempt {source.attempt}")


def attempt_of(connection: Connection, source: Source) -> Mapping[str, Any] | None:
    """The attempt that is meant, by its id or number; the newest where none is named."""
    steps = {step.name: step.id for step in queue.steps_of(connection, source.run)}
    if source.step not in steps:
        return None
    found = records.attempts_of(connection, source.run, steps[source.step])
    if source.attempt is not None:
        found = [row for row in found if source.attempt in (row["id"], str(row["epoch"]))]
    return found[-1] if found else None


def read(home: Home, source: Source, offset: int, limit: int) -> Part:
    """Some of a log; a negative offset counts from its end. What is cut is never half a letter."""
    if source.stream is Stream.ENGINE:
        whole = _engine(home, source)
        return _part(whole, _begin(offset, len(whole)), limit, len(whole))
    return _part_of(_path(home, source), offset, limit)


def _part_of(path: Path | None, offset: int, limit: int) -> Part:
    try:
        with path.open("rb") if path else _Nothing() as file:
            size = file.seek(0, 2)
            begin = _begin(offset, size)
            file.seek(begin)
            data = file.read(limit)
    except FileNotFoundError:
        return Part(b"", 0, 0, 0)
    whole_part = _part(data, 0, limit, size - begin)
    return Part(whole_part.data, begin + whole_part.offset, begin + whole_part.next, size)


def files(home: Home, run_id: str) -> list[Printed]:
    """All files of what the steps of a run printed, the oldest first."""
    folder = home.path / "logs" / run_id
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        name, _, ending = path.name.rpartition(".")
        step, _, attempt = name.removesuffix(".tests").rpartition(".")
        if ending in _STREAMS and step:
            seen = path.stat()
            tests, stream = name.endswith(".tests"), _STREAMS[ending]
            one = Printed(path.name, step, attempt, stream, tests, seen.st_size)
            found.append((seen.st_mtime, path.name, one))
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]


def read_file(home: Home, run_id: str, name: str, offset: int, limit: int) -> Part:
    """Some of one of these files. Raises NotFoundError for any other name."""
    if name not in {one.name for one in files(home, run_id)}:
        raise NotFoundError(f"nothing of run {run_id} was printed to {name}")
    return _part_of(home.path / "logs" / run_id / name, offset, limit)


def ended(home: Home, source: Source) -> bool:
    """Whether nothing will be added any more."""
    with home.database.read() as connection:
        run = records.get_run(connection, source.run)
        if run.state.terminal:
            return True
        if source.stream is Stream.ENGINE:
            return False
        found = attempt_of(connection, source)
        return found is not None and found["end"] is not None


class _Nothing:
    """Stands for a file that no attempt has begun."""

    def __enter__(self) -> Any:
        raise FileNotFoundError

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""


def _begin(offset: int, size: int) -> int:
    return max(0, size + offset) if offset < 0 else min(offset, size)


def _part(whole: bytes, offset: int, limit: int, size: int) -> Part:
    """A part that begins and ends between letters."""
    begin = offset
    while begin < len(whole) and begin < offset + 4 and whole[begin] & 0xC0 == 0x80:
        begin += 1
    data = whole[begin : offset + limit]
    if offset + limit < size:
        data = data[: len(data) - _unfinished(data)]
    return Part(data, begin, begin + len(data), size)


def _unfinished(data: bytes) -> int:
    """How many bytes at the end begin a letter that is not complete."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return back if length > back and back < len(data) else 0
    return 0


def _path(home: Home, source: Source) -> Path | None:
    with home.database.read() as connection:
        found = attempt_of(connection, source)
    if found is None or not found["log"]:
        return None
    ending = "out" if source.stream is Stream.STDOUT else "err"
    path = home.path / "logs" / f"{found['log']}.{ending}"
    return path if path.is_relative_to(home.path / "logs") else None


def _engine(home: Home, source: Source) -> bytes:
    """One line for each event."""
    with home.database.read() as connection:
        events = records.events_since(connection, source.run, 0, MOST_EVENTS)
    return b"".join(
        _line(event, source.step) for event in events if source.step in (None, event["step"])
    )


def _line(event: Mapping[str, Any], step: str | None) -> bytes:
    said = [str(iso(event["at"])), event["kind"]]
    if event["step"] and step is None:
        said.append(event["step"])
    said += [f"{name}={value}" for name, value in (event["body"] or {}).items()]
    return (" ".join(said).replace("\n", " ") + "\n").encode()
