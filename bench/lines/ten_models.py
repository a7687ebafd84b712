"""Ten SQL models with twelve tests over ten million rows, as whole processes.

The bare DuckDB script reads the same Parquet files and runs the same SELECTs. Both start a new
process, and Galley a new home, in every round; loading the flights is not counted.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from bench.history import rows
from bench.projects import write
from bench.record import Bound, Record
from bench.setting import Setting
from bench.timing import BenchError, galley, median, rounds, run, seconds, side_by_side

RIVALS = Path(__file__).parent.parent / "rivals"
_YAML = "name: models\n"


def measure(setting: Setting) -> tuple[Record, ...]:
    """Cold; with nothing changed; with the last model changed; and a sandbox of all that."""
    with setting.folder() as folder:
        project = _project(folder / "project", setting.flights)
        cold = _cold(setting, project, folder)
        rest = (_unchanged, _changed, _sandbox)
        return (cold, *(line(setting, project) for line in rest))


def _cold(setting: Setting, project: Path, folder: Path) -> Record:
    def mine(number: int) -> float:
        _fresh(project)
        return seconds(lambda: galley(project, "run", "models"))

    def bare(number: int) -> float:
        target = folder / f"bare{number}"
        target.mkdir()
        if not (project / ".galley").exists():
            _fresh(project)
        (data,) = (project / ".galley" / "warehouse" / "models").glob("flights-*/data")
        script: list[str | Path] = [
            sys.executable,
            RIVALS / "ten_models.py",
            f"{data}/*.parquet",
            target,
        ]
        found = seconds(lambda: run(script, folder))
        shutil.rmtree(target)
        return found

    found, rival = side_by_side(setting.rounds(3), mine, bare)
    return Record(
        name="ten-models",
        what="ten SQL models, 12 tests, 10 million rows, whole process, cold",
        value=median(found),
        unit="s",
        budget=1.2,
        bound=Bound.RATIO,
        ratio=median(found) / median(rival),
        rival=f"bare DuckDB script, {median(rival):.2f} s",
        notes=("with automatic metrics of all ten tables, versions and publish",),
        rounds=found,
    )


def _unchanged(setting: Setting, project: Path) -> Record:
    def once(number: int) -> float:
        found = seconds(lambda: galley(project, "run", "models"))
        _check_states(project, {"reused": 10})
        return found

    found = rounds(setting.rounds(5), once)
    return Record(
        name="ten-models-unchanged",
        what="the same with nothing changed",
        value=median(found),
        unit="s",
        budget=0.8,
        rounds=found,
    )


def _changed(setting: Setting, project: Path) -> Record:
    last = project / "pipelines" / "models" / "summary.sql"
    text = last.read_text("utf-8")

    def once(number: int) -> float:
        last.write_text(text.replace("late > 100", f"late > {101 + number}"), "utf-8")
        found = seconds(lambda: galley(project, "run", "models"))
        _check_states(project, {"reused": 9, "succeeded": 1})
        return found

    found = rounds(setting.rounds(5), once)
    return Record(
        name="ten-models-last-changed",
        what="the same with only the last model changed",
        value=median(found),
        unit="s",
        budget=1.0,
        rounds=found,
    )


def _sandbox(setting: Setting, project: Path) -> Record:
    what = "a sandbox of it, `galley kitchen open`, whole command"
    try:
        found = rounds(
            setting.rounds(7),
            lambda number: seconds(lambda: galley(project, "kitchen", "open", f"x{number}")),
        )
    except BenchError as error:
        return Record("sandbox", what, None, "s", 0.5, notes=(str(error)[:200],))
    return Record("sandbox", what, median(found), "s", 0.5, rounds=found)


def _project(folder: Path, flights: Path) -> Path:
    models = {
        f"pipelines/models/{path.name}": path.read_text("utf-8")
        for path in sorted((RIVALS / "models").glob("*.sql"))
    }
    load = f"kind: load\npath: {json.dumps(str(flights))}\n"
    return write(folder, {"galley.yaml": _YAML, "pipelines/raw/flights.yaml": load, **models})


def _fresh(project: Path) -> None:
    """A new home that holds the flights and nothing else."""
    shutil.rmtree(project / ".galley", ignore_errors=True)
    galley(project, "run", "raw")


def _check_states(project: Path, wanted: dict[str, int]) -> None:
    """See that the last run did what is measured. Raises BenchError."""
    states = rows(
        project,
        "SELECT state, count(*) FROM run_step WHERE type = 'step' AND run_id = "
        "(SELECT id FROM run ORDER BY created DESC LIMIT 1) GROUP BY state",
    )
    if dict(states) != wanted:
        raise BenchError(f"the run's steps ended as {dict(states)} instead of {wanted}")
