"""A disk that is full, closed or limited, and a process that ends at a bad moment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from galley.errors import StorageError

SCRIPT = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from galley.lake import reading
from galley.lake.warehouse import Warehouse
from galley.lake.writing import TableWrite, WriteJob
from galley.errors import StorageError
job = WriteJob(Warehouse(sys.argv[1]), "p", "t", "abcdefghijkl", "att", None, "table")
write = TableWrite(job, lambda table, keys, least: tuple(range(least + 1, least + 1 + len(keys))))
con = reading.connect(threads=1, memory=1 << 28, scratch=None)
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
try:
    write.write_query(con, "SELECT hash(i) AS a FROM range(500000) r(i)", {})
    write.finish()
except StorageError as error:
    write.abort()
    print(error.message)
    print(error.hint)
"""


def run(folder: Path, how: str, faults: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), how],
        env={**os.environ, "GALLEY_FAULTS": faults},
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_limit_on_file_size_is_a_storage_error(tmp_path):
    done = run(tmp_path / "w", "limit")
    assert "a file would be larger than is allowed" in done.stdout, done.stderr
    assert "ulimit" in done.stdout
    assert files(tmp_path / "w") == []


@pytest.mark.parametrize("point", ["write.data", "write.metadata", "write.metadata.synced"])
def test_an_error_at_any_point_leaves_nothing(tmp_path, point):
    done = run(tmp_path / "w", "plain", f"{point}:raise")
    assert "the disk reports an error" in done.stdout, done.stderr
    assert files(tmp_path / "w") == []


@pytest.mark.kill
@pytest.mark.parametrize("point", ["write.data", "write.metadata"])
def test_a_killed_write_leaves_only_files_of_its_attempt(tmp_path, point):
    assert run(tmp_path / "w", "plain", f"{point}:kill").returncode == -9
    assert all(path.name.startswith("att") for path in files(tmp_path / "w"))


@pytest.mark.parametrize("kitchen", ["folder"], indirect=True)
@pytest.mark.parametrize("target", ["data", "metadata"])
def test_a_folder_that_is_a_file_is_a_storage_error(kitchen, target):
    folder = Path(kitchen.warehouse.root) / "flights" / "t-abcdefgh"
    folder.mkdir(parents=True)
    (folder / target).write_text("in the way")
    with pytest.raises(StorageError):
        kitchen.write("SELECT 1 AS a")
