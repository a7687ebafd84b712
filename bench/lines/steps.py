"""What the engine adds to a step: claim, state, log, finish, each in its own process."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench import projects
from bench.history import pace
from bench.record import Bound, Record
from bench.setting import Setting
from bench.timing import cpu_seconds, galley, median, rounds

TRIVIAL = 1000
TABLES = 200


def without_table(setting: Setting) -> tuple[Record, ...]:
    """A thousand steps that do nothing: one after the other, and on all slots."""
    with setting.folder() as folder:
        project = projects.trivial(folder / "trivial", TRIVIAL)
        alone = _pace(setting, project, slots="1")
        abreast = _pace(setting, project)
    each = tuple(1000 * value for value in alone)
    rate = tuple(1 / value for value in abreast)
    return (
        Record(
            name="step",
            what=f"durable overhead per step without a table ({TRIVIAL:,} steps, one slot)",
            value=median(each),
            unit="ms",
            budget=5,
            rounds=each,
        ),
        Record(
            name="steps-per-second",
            what=f"trivial steps a second, each in a worker process ({TRIVIAL:,} steps)",
            value=median(rate),
            unit="steps/s",
            budget=300,
            bound=Bound.LEAST,
            rounds=rate,
        ),
    )


def with_table(setting: Setting) -> tuple[Record, ...]:
    """Two hundred tables of ten rows: each reading the one before, and all reading the first."""
    return tuple(_tables(setting, shape) for shape in ("chain", "fan-out"))


def _tables(setting: Setting, shape: str) -> Record:
    with setting.folder() as folder:
        project = projects.small_tables(folder / "small", TABLES, chain=shape == "chain")
        started = cpu_seconds()
        found = tuple(1000 * value for value in _pace(setting, project))
        used = 1000 * (cpu_seconds() - started) / TABLES / len(found)
    return Record(
        name=f"small-table-{shape}",
        what=f"the same with a small table committed and measured ({TABLES} steps, {shape})",
        value=median(found),
        unit="ms",
        budget=25,
        rounds=found,
        notes=(f"CPU time {used:.1f} ms a step, all processes, their start and the publish",),
    )


def _pace(setting: Setting, project: Path, slots: str | None = None) -> tuple[float, ...]:
    """Seconds a step, of whole runs from an empty home."""

    def once(number: int) -> float:
        shutil.rmtree(project / ".galley", ignore_errors=True)
        galley(project, "run", extra={"GALLEY_SLOTS": slots} if slots else {})
        return pace(project)

    return rounds(setting.rounds(3), once)
