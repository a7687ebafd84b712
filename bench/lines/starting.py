"""How long the first commands of a new user take, as whole processes."""

from __future__ import annotations

import shutil
import sys

from bench.record import Record
from bench.setting import Setting
from bench.timing import GALLEY, galley, median, rounds, run, seconds, side_by_side


def help_text(setting: Setting) -> tuple[Record, ...]:
    """``galley --help`` beside a Python that does nothing."""
    with setting.folder() as folder:
        galley(folder, "--help")
        mine, floor = side_by_side(
            setting.rounds(11),
            lambda _: seconds(lambda: run([GALLEY, "--help"], folder)) * 1000,
            lambda _: seconds(lambda: run([sys.executable, "-c", "pass"], folder)) * 1000,
        )
    return (
        Record(
            name="help",
            what="`galley --help`",
            value=median(mine),
            unit="ms",
            budget=200,
            ratio=median(mine) / median(floor),
            rival=f"`python -c pass`, {median(floor):.0f} ms",
            rounds=mine,
        ),
    )


def first_run(setting: Setting) -> tuple[Record, ...]:
    """The project of ``galley init``, from no home at all to its published tables."""
    with setting.folder() as folder:
        galley(folder, "init", "shop")
        project = folder / "shop"

        def once(number: int) -> float:
            shutil.rmtree(project / ".galley", ignore_errors=True)
            return seconds(lambda: galley(project, "run"))

        once(-1)
        found = rounds(setting.rounds(7), once)
    return (
        Record(
            name="first-run",
            what="first run: empty home to published tables (3 steps, 11 tests)",
            value=median(found),
            unit="s",
            budget=1.4,
            rounds=found,
        ),
    )
