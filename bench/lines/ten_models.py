"""Ten SQL models with twelve tests over ten million rows, as whole processes.

The bare DuckDB script reads the same Parquet files and runs the same SELECTs. Both start a new
process, and Galley a new home, in every round; loading the flights is not counted.
"""

from __future__ import annotations

import json
import shutil
import sys
from itertools import count
from pathlib import Path

from bench.history import rows
from bench.projects import write
from bench.record import Bound, Record
from bench.setting import Setting
from bench.timing import Alone, BenchError, alone, galley, median, run, side_by_side

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
    target = folder / "bare"
    target.mkdir()

    def bare() -> None:
        (data,) = (project / ".galley" / "warehouse" / "models").glob("flights-*/data")
        run((sys.executable, RIVALS / "ten_models.py", f"{data}/*.parquet", target), folder)

    _fresh(project)
    pair = side_by_side(
        setting.rounds(3),
        lambda: galley(project, "run", "models"),
        bare,
        fresh=lambda: _fresh(project),
    )
    shutil.rmtree(target)
    return Record(
        name="ten-models",
        what="ten SQL models, 12 tests, 10 million rows, whole process, cold",
        value=median(pair.mine),
        unit="s",
        budget=1.2,
        bound=Bound.RATIO,
        ratio=pair.ratio,
        rival=f"bare DuckDB script, {median(pair.theirs):.2f} s",
        notes=(pair.note, "with automatic metrics of all ten tables, versions and publish"),
        rounds=pair.mine,
    )


def _unchanged(setting: Setting, project: Path) -> Record:
    found = alone(setting.rounds(7), lambda: galley(project, "run", "models"))
    _check_states(project, {"reused": 10})
    return _whole("ten-models-unchanged", "the same with nothing changed", found, 0.8)


def _changed(setting: Setting, project: Path) -> Record:
    last = project / "pipelines" / "models" / "summary.sql"
    text = last.read_text("utf-8")

    def change(number: int) -> None:
        last.write_text(text.replace("late > 100", f"late > {101 + number}"), "utf-8")

    found = alone(setting.rounds(7), lambda: galley(project, "run", "models"), change)
    _check_states(project, {"reused": 9, "succeeded": 1})
    what = "the same with only the last model changed"
    return _whole("ten-models-last-changed", what, found, 1.0)


def _sandbox(setting: Setting, project: Path) -> Record:
    numbers = count()
    found = alone(
        setting.rounds(9), lambda: galley(project, "kitchen", "open", f"x{next(numbers)}")
    )
    return _whole("sandbox", "a sandbox of it, `galley kitchen open`", found, 0.5)


def _whole(name: str, what: str, found: Alone, budget: float) -> Record:
    return Record(
        name,
        f"{what}, whole command",
        median(found.walls),
        "s",
        budget,
        notes=(found.note,),
        rounds=found.walls,
    )


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
