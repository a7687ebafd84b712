"""Why a line is over its budget, as measured by profile; told in the documentation."""

from __future__ import annotations

_ENGINE = (
    "the engine's one process uses 2.5 ms of CPU a step (a third of it in SQLAlchemy and SQLite), "
    "and the workers, their supervisor and the start of all 3 ms a step, on two cores that others "
    "used too in this measurement."
)
_TABLES = (
    "a worker uses 25 ms of CPU for each table (10 ms for the step with its metrics, 14 ms to open "
    "the next DuckDB database and close the last), and the engine about 11."
)
_STARTING = (
    "importing libraries takes about 0.3 s of every command, SQLAlchemy and Pydantic before all."
)
_SHARED = (
    "a step is two units of work, one of which waits for the disk, with two statements of its own "
    "and some twelve that it shares with what is claimed or finished together with it."
)
_OVER_HTTP = (
    f"{_SHARED} The server uses 2.8 ms of CPU a step in one process, PostgreSQL 1.7, the two "
    "workers and their processes 2.5: together two thirds of the two cores."
)
CAUSES: dict[str, str] = {
    "step-postgres": _SHARED,
    "steps-over-http": _OVER_HTTP,
    "backfill-plan-postgresql": "known in part: the windows themselves take 0.5 s.",
    "first-run": _STARTING,
    "step": _ENGINE,
    "steps-per-second": _ENGINE,
    "small-table-chain": (
        "one step waits for the other: about 8 ms of the engine, 12 ms of the worker, and the "
        "way between them."
    ),
    "small-table-fan-out": _TABLES,
    "rollback": "half of the planning reads 200 whole versions from JSON where ids would do.",
    "sql-step-rewrite": (
        "no cause was found, and probably there is none: CPU times are alike, and seven more "
        "rounds in turns gave 1.01x. It is not the fsync, which takes at most 0.03 s."
    ),
    "ten-models": (
        "of CPU time, measured apart: 1.1 s for the command and its engine, 0.5 s for the "
        "libraries of the workers, 1.1 s for the metrics of ten tables, 0.4 s for what the "
        "ten steps do besides their queries. The tests give 1.1 s back (0.4 s against 1.5 s)."
    ),
    "ten-models-unchanged": _STARTING,
    "ten-models-last-changed": _STARTING,
    "sandbox": _STARTING,
}
"""By the name of the record, read only for those over budget.

They explain the results of one commit: look again after a change.
"""
