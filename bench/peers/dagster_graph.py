"""Steps that do nothing under Dagster; run by its own interpreter with (shape, steps, executor)."""

import json
import sys
import tempfile
import time

from dagster import (  # type: ignore[import-not-found]
    DagsterInstance,
    Definitions,
    asset,
    execute_job,
    in_process_executor,
    multiprocess_executor,
    reconstructable,
)
from dagster import define_asset_job as job_of

SHAPE, STEPS, EXECUTOR = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def _assets():
    made = []
    for number in range(STEPS):
        before = {"chain": number - 1, "fan-out": 0}[SHAPE] if number else None

        @asset(name=f"s{number}", deps=[] if before is None else [f"s{before}"])
        def one() -> None:
            """Nothing."""

        made.append(one)
    return made


def graph():
    """The job; worker processes build it again from here."""
    executor = multiprocess_executor if EXECUTOR == "processes" else in_process_executor
    job = job_of("trivial", executor_def=executor)
    return Definitions(assets=_assets(), jobs=[job]).get_job_def("trivial")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home, DagsterInstance.local_temp(home) as instance:
        started = time.perf_counter()
        result = execute_job(reconstructable(graph), instance=instance)
        seconds = time.perf_counter() - started
    assert result.success
    print(json.dumps({"seconds": seconds}))
