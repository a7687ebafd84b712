"""A backup is whole whatever happens meanwhile, and what is restored from it is as it was."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from galley.db import dumping
from galley.db.base import metadata
from galley.db.engine import Database, open_database
from galley.environments.backup import LEASE
from galley.environments.collection import Outcome
from galley.environments.home import Home
from galley.errors import ConflictError, HomeVersionError, StorageError, UsageError
from galley.lake.footprints import footprint
from galley.lake.model import RefKind
from galley.lake.relocating import relocate
from galley.lake.warehouse import Warehouse
from tests.backup_cast import bring_back, save
from tests.collect_cast import FRUGAL, Store, forget_caches
from tests.lake_cast import day

HOUR = 3600 * 1_000_000
IMPATIENT = replace(FRUGAL, quarantine=1.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Tables of several kinds; a tag, and a version that waits in quarantine."""
    found = Store(tmp_path / "ana")
    for number in range(2):
        span = day(1 + number)
        sql = f"SELECT DATE '{span.start}' AS day, {number} AS x"
        found.write(sql, "windowed", materialize="window", span=span)
        commit = found.write(f"SELECT {number} AS x, 'Ærø' AS place", "plain")
        if number == 0:
            found.open("tag/first", commit.id, RefKind.TAG)
        found.wait()
    for number in (8, 9):
        found.write(f"SELECT {number} AS x", "plain")
    found.wait()
    found.collect(IMPATIENT)
    yield found
    found.close()


def contents(store: Store, home: Path | None = None) -> dict[str, dict[str, Any]]:
    """The rows of every table of every commit that is kept, read from the files below a home."""
    found = store.kept()
    if home is None:
        return {commit: store.rows(versions) for commit, versions in found.items()}
    moved = Store.__new__(Store)
    moved.home = replace(store.home, warehouse=str(home / "warehouse"))
    return {commit: moved.rows(versions) for commit, versions in found.items()}


def state(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a database but those that say who is at work."""
    with database.read() as connection:
        tables = (one for one in metadata.sorted_tables if one.name != "lake_backup")
        return {
            one.name: sorted(map(tuple, connection.execute(select(one))), key=repr)
            for one in tables
        }


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_what_is_restored_is_as_it_was(store: Store, tmp_path: Path, name: str) -> None:
    before, rows = contents(store), state(store.home.database)
    made = save(store.home, tmp_path / name)
    bring_back(tmp_path / name, tmp_path / "ben")
    shutil.move(tmp_path / "ana/home/warehouse", tmp_path / "gone")
    forget_caches()
    assert contents(store, tmp_path / "ben") == before
    database = open_database(f"sqlite:///{tmp_path}/ben/galley.db")
    assert {**state(database), "audit_entry": 0} == {**rows, "audit_entry": 0}
    database.close()
    _stands_alone(Warehouse(str(tmp_path / "ben/warehouse")))
    left = {path for path in tmp_path.iterdir() if ".partial" in path.name}
    assert (left, made.tables["lake_condemned"] > 0) == (set(), True)


def _stands_alone(here: Warehouse) -> None:
    """No file leads elsewhere, and each that is needed is there."""
    for path in (one for one in Path(here.root).rglob("*") if one.is_file()):
        assert b"/ana/home/" not in path.read_bytes(), path
        for needed in footprint(here, here.relative(str(path))):
            assert Path(here.absolute(needed)).is_file()


def test_files_written_again_for_the_same_place_are_the_same(store: Store) -> None:
    root = Path(store.home.warehouse)
    paths = [str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()]
    before = {path: (root / path).read_bytes() for path in paths}
    relocate(root, paths, store.home.warehouse, store.home.warehouse)
    assert {path: (root / path).read_bytes() for path in paths} == before


def test_what_is_collected_meanwhile_waits(store: Store, tmp_path: Path) -> None:
    """Its files would go between the snapshot and the copy."""
    before = store.files()
    seen: list[Outcome] = []

    def collect(done: int, total: int) -> None:
        if not seen:
            store.now += HOUR // 2
            seen.append(store.collect(IMPATIENT))

    made = save(store.home, tmp_path / "backup", collect)
    packed = {one.path.removeprefix("warehouse/") for one in made.files}
    assert (seen[0].doomed, before <= packed, before <= store.files()) == ((), True, True)
    store.now += HOUR
    assert store.collect(IMPATIENT).doomed


def test_a_backup_that_stood_still_for_too_long_is_none(store: Store, tmp_path: Path) -> None:
    def sleep(done: int, total: int) -> None:
        store.now += LEASE + 1

    with pytest.raises(ConflictError, match="stood still"):
        save(store.home, tmp_path / "backup", sleep)
    assert [one.name for one in tmp_path.iterdir()] == ["ana"]


def test_links_are_not_copies(store: Store, tmp_path: Path) -> None:
    save(store.home, tmp_path / "linked")
    save(store.home, tmp_path / "copied", link=False)
    for name, links in (("linked", 2), ("copied", 1)):
        found = next((tmp_path / name / "warehouse").rglob("*.parquet"))
        assert (found.stat().st_nlink >= 2) is (links >= 2)


def run(*arguments: object, fault: str, store: Store) -> int:
    """A process of its own that dies where it is told; its exit status."""
    command = [sys.executable, "-m", "tests.backup_cast", *map(str, arguments)]
    environ = store.environ(fault)
    return subprocess.run(command, env=environ, check=False, capture_output=True).returncode


@pytest.mark.kill
@pytest.mark.parametrize("point", ["backup.snapshot", "backup.copying", "backup.copied"])
def test_a_killed_backup_looks_like_none(store: Store, tmp_path: Path, point: str) -> None:
    place = tmp_path / "killed"
    assert run("save", store.folder, place, fault=f"{point}:kill", store=store) == -9
    (left,) = tmp_path.glob("*.partial")
    save(store.home, tmp_path / "whole.tar")
    cut = tmp_path / "cut.tar"
    cut.write_bytes((tmp_path / "whole.tar").read_bytes()[:30_000])
    for one in (left, cut):
        with pytest.raises(UsageError, match=r"not finished|is no backup"):
            bring_back(one, tmp_path / "ben")
    assert not place.exists()


@pytest.mark.kill
@pytest.mark.parametrize("point", ["restore.files", "restore.filled"])
def test_a_killed_restore_leaves_no_home(store: Store, tmp_path: Path, point: str) -> None:
    save(store.home, tmp_path / "backup.tar")
    target = tmp_path / "ben"
    fault = f"{point}:kill"
    assert run("restore", tmp_path / "backup.tar", target, fault=fault, store=store) == -9
    assert not target.exists()
    assert bring_back(tmp_path / "backup.tar", target).tables


def test_a_disk_that_fails_leaves_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="nothing of it was left behind"):
        save(store.home, tmp_path / "file" / "backup")
    found = next(Path(store.home.warehouse).rglob("*.parquet"))
    found.rename(tmp_path / "kept")
    with pytest.raises(StorageError, match="is gone"):
        save(store.home, tmp_path / "backup")
    assert {one.name for one in tmp_path.iterdir()} == {"ana", "file", "kept"}


def damaged(backup: Path, how: str) -> None:
    """Damage a folder."""
    path = next((backup / "warehouse").rglob("*.parquet"))
    manifest = backup / "manifest.json"
    told = json.loads(manifest.read_text())
    if how == "changed":
        content = path.read_bytes()
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif how == "missing":
        path.unlink()
    elif how == "outside":
        told["files"][0]["path"] = "warehouse/../../../etc/passwd"
        manifest.write_text(json.dumps(told))
    else:
        manifest.write_text(manifest.read_text()[:-20])


def test_damage_is_told_and_nothing_restored(store: Store, tmp_path: Path) -> None:
    save(store.home, tmp_path / "whole")
    for how in ("changed", "missing", "outside", "cut"):
        shutil.copytree(tmp_path / "whole", tmp_path / how)
        damaged(tmp_path / how, how)
        with pytest.raises(StorageError, match="is damaged"):
            bring_back(tmp_path / how, tmp_path / "ben")
    known = {"ana", "whole", "changed", "missing", "outside", "cut"}
    assert {one.name for one in tmp_path.iterdir()} == known


def test_a_newer_version_and_a_used_home_are_refused(store: Store, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    save(store.home, backup)
    with pytest.raises(UsageError, match="is not empty"):
        bring_back(backup, tmp_path / "ana/home")
    with pytest.raises(UsageError, match="there already"):
        save(store.home, backup)
    manifest = backup / "manifest.json"
    told = json.loads(manifest.read_text())
    for newer in ({"format": 2}, {"schema": ["lake_0001", "lake_0999"]}):
        manifest.write_text(json.dumps(told | newer))
        with pytest.raises(HomeVersionError, match="newer version"):
            bring_back(backup, tmp_path / "ben")
    assert {one.name for one in tmp_path.iterdir()} == {"ana", "backup"}


@pytest.mark.postgres
def test_the_state_moves_between_databases(store: Store, tmp_path: Path, pg_url: str) -> None:
    rows = state(store.home.database)
    save(store.home, tmp_path / "backup")
    bring_back(tmp_path / "backup", tmp_path / "ben", pg_url)
    with pytest.raises(UsageError, match="holds a home already"):
        bring_back(tmp_path / "backup", tmp_path / "cleo", pg_url)
    shared = open_database(pg_url)
    assert {**state(shared), "audit_entry": 0} == {**rows, "audit_entry": 0}
    there = Home(
        tmp_path / "ben",
        shared,
        str(tmp_path / "ben/warehouse"),
        store.home.actor,
        store.home.clock,
    )
    (there.path / "scratch").mkdir()
    save(there, tmp_path / "back.tar")
    counted = state(shared)["audit_entry"]
    shared.close()
    bring_back(tmp_path / "back.tar", tmp_path / "dora")
    again = open_database(f"sqlite:///{tmp_path}/dora/galley.db")
    assert state(again)["audit_entry"] == counted
    assert {**state(again), "audit_entry": 0} == {**rows, "audit_entry": 0}
    again.close()
    assert len(dumping.names()) > 30
