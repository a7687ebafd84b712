"""A server of a project: how soon it is ready, and what it takes while nothing is to be done."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from bench import projects
from bench.lines.api import up
from bench.record import Record
from bench.setting import Setting
from bench.timing import galley, median, rounds
from galley.runs.pool import BEAT, REST

QUIET = 10.0
"""Seconds for which a server is watched."""

SETTLED = REST + 2 * BEAT
"""Seconds after which a server has settled: idle workers have ended."""


def server(setting: Setting) -> tuple[Record, ...]:
    """From the command until an engine is at work and the API answers; then its rest."""
    with setting.folder() as folder:
        project = projects.trivial(folder / "trivial", 20)
        galley(project, "run")
        ready = rounds(setting.rounds(5), lambda _: _ready(project))
        memory, busy = _resting(project)
    return (
        Record(
            name="up",
            what="from `galley up` until an engine is at work and the API answers",
            value=median(ready),
            unit="s",
            budget=2,
            rounds=ready,
        ),
        Record(
            name="idle-memory",
            what="memory of a server that rests, all processes (proportional share)",
            value=memory,
            unit="MB",
            budget=250,
            notes=(f"it uses {100 * busy:.1f} % of a core meanwhile",),
        ),
    )


def _ready(project: Path) -> float:
    started = time.perf_counter()
    with up(project):
        return time.perf_counter() - started


def _resting(project: Path) -> tuple[float, float]:
    """MB, and cores."""
    with up(project) as (_, pid):
        time.sleep(SETTLED)
        process = psutil.Process(pid)
        every = [process, *process.children(recursive=True)]
        before = sum(_spent(one) for one in every)
        time.sleep(QUIET)
        busy = (sum(_spent(one) for one in every) - before) / QUIET
        return sum(one.memory_full_info().pss for one in every) / 1e6, busy


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
