"""`galley doctor` looks whether what the refs show is in the warehouse."""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.inside import Inside, write
from tests.cli_cast import Shell

DAYS = """/* @galley
materialize: window
window: {column: day, by: day, start: 2024-05-01, end: 2024-05-04}
*/
SELECT day, ring FROM birds, (VALUES ($start::DATE)) AS d(day)
"""


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    """Ana at two tables, one of them made day by day, with a tag."""
    folder = write(
        tmp_path_factory.mktemp("doctor"), {"birds.sql": "SELECT 1 AS ring", "days.sql": DAYS}
    )
    Shell(folder).galley("run")
    ana = Inside(folder)
    ana.galley("tag", "spring")
    return ana


def files(ana: Inside) -> list[dict[str, str]]:
    """What doctor says of the warehouse's files."""
    checks = ana.galley("doctor", "--json").follows("doctor")["checks"]
    return [one for one in checks if one["name"] == "files"]


def test_everything_is_there(ana: Inside) -> None:
    (check,) = files(ana)
    assert check["state"] == "ok"
    assert "of 2 table versions looked at: all there" in check["message"]
    assert int(check["message"].split()[0]) >= 10


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("birds-*/metadata/*.metadata.json", "metadata file"),
        ("birds-*/metadata/snap-*.avro", "manifest list"),
        ("birds-*/metadata/*-m0.avro", "manifest"),
        ("days-*/data/*.parquet", "data file"),
    ],
)
def test_what_is_missing_is_named(ana: Inside, pattern: str, what: str) -> None:
    path = sorted((ana.folder / ".galley/warehouse/library").glob(pattern))[-1]
    kept = path.rename(path.with_suffix(".kept"))
    try:
        total, one = files(ana)
    finally:
        kept.rename(path)
    assert (total["state"], "1 gone or damaged" in total["message"]) == ("fail", True)
    assert f"the {what} library/{path.parent.parent.name}/" in one["message"]
    assert f"{path.name} is gone; shown by kitchen/ana, tag/spring" in one["message"]
    assert "--rebuild" in one["hint"]


def test_a_query_names_the_file_it_lacks(ana: Inside) -> None:
    """The view is made from the first file; that a later one is gone shows while it is read."""
    for path in (ana.folder / ".galley/warehouse/library").glob("days-*/data/*.parquet"):
        kept = path.rename(path.with_suffix(".kept"))
        try:
            ran = ana.galley("sql", "SELECT * FROM days", "--format", "csv")
        finally:
            kept.rename(path)
        assert (ran.status, f"{path.name} is gone" in ran.err) == (5, True), ran.err
        assert "table days (version " in ran.err


def test_a_home_that_was_copied_is_told(ana: Inside, tmp_path: Path) -> None:
    shutil.copytree(ana.folder, tmp_path / "copy")
    moved, fine = files(Inside(tmp_path / "copy"))
    assert (moved["state"], fine["state"]) == ("warn", "ok")
    assert f"leads to {ana.folder}/.galley/warehouse/library/" in moved["message"]
