"""kill -9 at every point of a collection: what is kept is untouched, and the rest goes next."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from galley.lake.model import RefKind
from tests.collect_cast import Store, forget_caches
from tests.lake_cast import day

POINTS = {
    "collect.before_condemn": 1,
    "collect.condemned": 1,
    "collect.before_doom_commit": 1,
    "collect.doomed": 1,
    "collect.removing": 1,
    "collect.before_note": 1,
    "collect.before_forget": 1,
}

pytestmark = pytest.mark.kill


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Tables that share files, some condemned long enough, some not yet; a dead attempt's files."""
    found = Store(tmp_path)
    for number in range(4):
        span = day(1 + number % 2)
        sql = f"SELECT DATE '{span.start}' AS day, {number} AS x"
        found.write(sql, "windowed", materialize="window", span=span)
        commit = found.write(f"SELECT {number} AS x", "plain")
        if number == 1:
            found.open("tag/kept", commit.id, RefKind.TAG)
        found.wait()
        if number == 2:
            found.collect()
    found.attempt("SELECT 9 AS x", "plain", end="lost_worker")
    yield found
    found.close()


def collect(store: Store, fault: str = "") -> int:
    """A collection in a process of its own; its exit status."""
    command = [sys.executable, "-m", "tests.collect_cast", str(store.folder), str(store.now)]
    return subprocess.run(command, env=store.environ(fault), check=False).returncode


@pytest.mark.parametrize(("point", "nth"), POINTS.items())
def test_a_collection_dies(store: Store, point: str, nth: int) -> None:
    kept = store.kept()
    rows = {commit: store.rows(versions) for commit, versions in kept.items()}
    assert collect(store, f"{point}:kill:{nth}") == -9
    forget_caches()
    assert {commit: store.rows(versions) for commit, versions in kept.items()} == rows
    store.collect_all()
    forget_caches()
    assert {commit: store.rows(versions) for commit, versions in kept.items()} == rows
    assert store.collect().files == 0
    used = {version.location for versions in kept.values() for version in versions.values()}
    left = {path for path in store.files() if path.endswith(".metadata.json")}
    assert len(left - used) <= 2, "all but the one state before the last can go"
