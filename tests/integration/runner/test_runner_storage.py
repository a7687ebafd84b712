"""A warehouse that cannot be written, and a worker that is killed while it writes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import resource, signal, sys
from pathlib import Path
from galley.runs.runner.handler import attempt
from tests.runner_cast import Bench
bench = Bench(Path(sys.argv[1]))
bench.project.mkdir(); bench.warehouse.mkdir()
"""
LIMITED = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sql = "SELECT hash(i) AS a, hash(i + 1) AS b FROM range(2_000_000) r(i)"
task = bench.task(bench.sql("big", sql))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
failed = attempt(task, bench.field_ids)
print(failed.reason, failed.error, len(bench.files()))
"""
KILLED = """
bench.run(bench.sql("t", "SELECT i AS a FROM range(1000) r(i)"))
"""


def python(code: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START + code, str(folder)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )


def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    done = python(LIMITED, tmp_path)
    assert done.stdout.split() == ["storage", "galley.errors.StorageError", "0"], done.stderr


@pytest.mark.kill
@pytest.mark.parametrize(
    "point", ["write.data", "step.written", "write.metadata", "write.metadata.synced"]
)
def test_a_killed_step_leaves_only_files_of_its_attempt(tmp_path: Path, point: str) -> None:
    done = python(KILLED, tmp_path, GALLEY_FAULTS=f"{point}:kill")
    assert done.returncode == -signal.SIGKILL, done.stderr
    files = [path for path in (tmp_path / "warehouse").rglob("*") if path.is_file()]
    assert files
    assert all("attempt0" in path.name for path in files)
