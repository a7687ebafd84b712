"""Why a line is over its budget, as measured by profile; told in the documentation."""

from __future__ import annotations

_ENGINE = (
    "the engine's own process uses 3.5 ms of CPU a step, most of it in building SQL statements "
    "(12 a step) rather than in SQLite; the worker and its supervisor use another 3 ms."
)
_TABLES = (
    "a worker uses 52 ms of CPU for each table: 23 ms to open two DuckDB databases, 14 ms for the "
    "step with its manifests, 15 ms for the metrics, of which 9 ms read the manifests back; the "
    "engine uses 20 ms for 48 statements."
)
_IMPORTS = "importing libraries takes about 0.35 s of it, SQLAlchemy and Pydantic before all."
CAUSES: dict[str, str] = {
    "step": _ENGINE,
    "steps-per-second": _ENGINE,
    "small-table-chain": _TABLES,
    "small-table-fan-out": _TABLES,
    "rollback": (
        "half of the planning reads 200 whole versions from JSON where ids would do "
        "(`rollback._windows_shown`, `changes_by_commit`)."
    ),
    "first-run": f"starting up: {_IMPORTS}",
    "ten-models-unchanged": f"starting up: {_IMPORTS}",
    "ten-models-last-changed": (
        f"{_IMPORTS} The rest is the start of the worker, one step and its metrics."
    ),
    "sandbox": f"starting up: {_IMPORTS}",
    "sql-step-rewrite": (
        "the file's fsync, which the rival leaves to the operating system: the CPU times (see the "
        "notes) are the same."
    ),
}
"""By the name of the record; read only for those over budget."""
