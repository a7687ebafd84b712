"""Homes that are broken, foreign, full or somewhere else, and settings that say nothing."""

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.inside import Inside, write
from tests.cli_cast import Shell

LOANS = "SELECT 1 AS id, 'Emma' AS title"
COMMANDS = (["run"], ["tables"], ["sql", "SELECT 1"], ["doctor"], ["gc"], ["promote", "--yes"])


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run once."""
    folder = write(tmp_path_factory.mktemp("good"), {"loans.sql": LOANS})
    Shell(folder).galley("run")
    return folder


@pytest.fixture
def ana(good: Path, tmp_path: Path) -> Inside:
    """Ana at a copy of it."""
    shutil.copytree(good, tmp_path / "library")
    return Inside(tmp_path / "library")


def truncated(home: Path) -> None:
    os.truncate(home / "galley.db", 20_000)


def garbled(home: Path) -> None:
    (home / "galley.db").write_bytes(b"\x00not a database" * 500)


def holed(home: Path) -> None:
    """The header is whole, every page after it is not."""
    content = bytearray((home / "galley.db").read_bytes())
    content[8192:] = b"\xa5" * len(content[8192:])
    (home / "galley.db").write_bytes(content)


def newer(home: Path) -> None:
    with sqlite3.connect(home / "galley.db") as connection:
        connection.execute("DELETE FROM alembic_version WHERE version_num LIKE 'runs_%'")
        connection.execute("INSERT INTO alembic_version VALUES ('runs_9999')")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "said", "hint"),
    [
        (truncated, "the state database cannot be read", "restore galley.db from a backup"),
        (garbled, "the state database cannot be read", "restore galley.db from a backup"),
        (holed, "the state database cannot be read", "restore galley.db from a backup"),
        (newer, "was made by a newer version of Galley", "pip install --upgrade"),
    ],
)
def test_a_spoilt_home_is_left_as_it_is(
    ana: Inside, spoil: Callable[[Path], None], said: str, hint: str
) -> None:
    home = ana.folder / ".galley"
    spoil(home)
    before = (home / "galley.db").read_bytes()
    for command in COMMANDS:
        ran = ana.galley(*command)
        assert (ran.status, said in ran.err, hint in ran.err) == (5, True, True), ran.err
    assert (home / "galley.db").read_bytes() == before
    assert ana.galley("check").status == 0


def test_a_home_that_is_a_file(ana: Inside) -> None:
    for command in (*COMMANDS, ["preview", "loans"], ["resume"], ["backfill"]):
        ran = ana.galley(*command, GALLEY_HOME=str(ana.folder / "galley.yaml"))
        assert (ran.status, "galley.yaml cannot be written" in ran.err) == (5, True), ran.err
        assert "GALLEY_HOME" in ran.err
    assert (ana.folder / "galley.yaml").read_text() == "name: library\n"


def test_a_home_where_nothing_can_be_made(ana: Inside) -> None:
    for command in COMMANDS:
        ran = ana.galley(*command, GALLEY_HOME="/proc/galley")
        assert (ran.status, "/proc/galley cannot be written" in ran.err) == (5, True), ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_home_that_is_read_only(ana: Inside) -> None:
    home = ana.folder / ".galley"
    paths = [home, *home.rglob("*")]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        for command in COMMANDS:
            ran = ana.galley(*command)
            assert (ran.status, "cannot be" in ran.err) == (5, True), ran.err
    finally:
        for path in paths:
            path.chmod(0o700)


def test_a_home_elsewhere(ana: Inside, tmp_path: Path) -> None:
    place = tmp_path / 'hö\'me "two" $x'
    shell = Shell(ana.folder)
    ran = shell.galley("run", "--json", GALLEY_HOME=str(place)).follows("run")
    assert ran["published"]
    answer = shell.galley("sql", "SELECT title FROM loans", "--json", GALLEY_HOME=str(place)).json
    assert answer["rows"] == [{"title": "Emma"}]
    assert (place / "galley.db").is_file()


def test_a_file_of_the_warehouse_is_damaged_or_gone(ana: Inside) -> None:
    (data,) = (ana.folder / ".galley/warehouse").rglob("*.parquet")
    name = data.relative_to(ana.folder / ".galley/warehouse").as_posix()
    size = data.stat().st_size
    for spoil, said in (
        (lambda: os.truncate(data, 50), f"{name} has 50 bytes instead of {size}"),
        (data.unlink, f"{name} is gone"),
    ):
        spoil()
        for command in (["sql", "SELECT * FROM loans"], ["doctor"]):
            ran = ana.galley(*command)
            text = ran.out + ran.err
            assert (ran.status, f"the data file {said}" in text) == (5, True), text
            assert "table loans (version " in text
            assert "galley run --rebuild loans" in text
            assert "nothing was published" not in text
    assert "which kitchen/ana at commit" in ana.galley("sql", "SELECT * FROM loans").err


@pytest.mark.parametrize("limit", [16, 200, 600])
def test_a_disk_that_is_full(ana: Inside, limit: int) -> None:
    """``ulimit -f`` in kB, below and above what the database already has."""
    before = ana.heads()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    rows = "SELECT range AS id, hash(range) AS title FROM range(400_000)"
    write(ana.folder, {"loans.sql": rows})
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit * 1024, hard))
    try:
        ran = Shell(ana.folder).galley("run", expect=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ran.status in (1, 5)
    assert "Traceback" not in ran.out + ran.err
    assert "a defect" not in ran.out + ran.err
    assert ana.heads() == before
    Shell(ana.folder).galley("run")
    answer = ana.galley("sql", "SELECT count(*) AS n FROM loans", "--json").json
    assert answer["rows"] == [{"n": 400_000}]


@pytest.mark.parametrize(
    ("name", "value", "status", "said"),
    [
        ("GALLEY_SLOTS", "many", 2, "GALLEY_SLOTS is 'many'"),
        ("GALLEY_SLOTS", "0", 2, "GALLEY_SLOTS is '0'"),
        ("GALLEY_SLOTS", "-1", 2, "GALLEY_SLOTS is '-1'"),
        ("GALLEY_DATABASE", "nonsense", 2, "names no SQLite or PostgreSQL database"),
        ("GALLEY_DATABASE", "mysql://db/x", 2, "names no SQLite or PostgreSQL database"),
        ("GALLEY_DATABASE", "postgresql://127.0.0.1:1/x", 5, "does not answer"),
        ("GALLEY_REF", "kitchn/ana", 2, "There is no ref kitchn/ana"),
    ],
)
def test_a_setting_that_says_nothing(
    ana: Inside, name: str, value: str, status: int, said: str
) -> None:
    ran = ana.galley("run", **{name: value})
    assert (ran.status, said in ran.err) == (status, True), ran.err
