"""How long the first commands of a new user take, as whole processes."""

from __future__ import annotations

import shutil
import sys

from bench.record import Record
from bench.setting import Setting
from bench.timing import GALLEY, alone, galley, median, run, side_by_side


def help_text(setting: Setting) -> tuple[Record, ...]:
    """``galley --help`` beside a Python that does nothing."""
    with setting.folder() as folder:
        galley(folder, "--help")
        pair = side_by_side(
            setting.rounds(11),
            lambda: run([GALLEY, "--help"], folder),
            lambda: run([sys.executable, "-c", "pass"], folder),
        )
    return (
        Record(
            name="help",
            what="`galley --help`",
            value=1000 * median(pair.mine),
            unit="ms",
            budget=200,
            ratio=pair.ratio,
            rival=f"`python -c pass`, {1000 * median(pair.theirs):.0f} ms",
            rounds=tuple(1000 * one for one in pair.mine),
        ),
    )


def first_run(setting: Setting) -> tuple[Record, ...]:
    """The project of ``galley init``, from no home at all to its published tables."""
    with setting.folder() as folder:
        galley(folder, "init", "shop")
        project = folder / "shop"

        def no_home(number: int) -> None:
            shutil.rmtree(project / ".galley", ignore_errors=True)

        galley(project, "run")
        found = alone(setting.rounds(7), lambda: galley(project, "run"), no_home)
    return (
        Record(
            name="first-run",
            what="first run: empty home to published tables (3 steps, 11 tests)",
            value=median(found.walls),
            unit="s",
            budget=1.4,
            notes=(found.note,),
            rounds=found.walls,
        ),
    )
