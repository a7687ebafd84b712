"""A newcomer with a table of their own, far from where the authors work."""

import csv
from pathlib import Path
from typing import Any

import pytest

from galley.cli.lazy import COMMANDS, load
from tests.acceptance.inside import Inside
from tests.cli_cast import Shell

LOANS = [
    {"id": "1", "member": "Ana", "title": "Moby-Dick", "borrowed": "2024-01-02", "fee": "0.5"},
    {"id": "2", "member": "Ben", "title": 'The "Red, Black"', "borrowed": "2024-01-03", "fee": ""},
    {"id": "3", "member": "Cléo", "title": "Emma", "borrowed": "2024-01-05", "fee": "2"},
]
TESTS = """\
loans:
  - unique: id
  - not_null: [member, title, borrowed]
  - range: {column: fee, min: 0, max: 20}
"""
OWED = "SELECT member, sum(fee) AS owed FROM loans GROUP BY member"


def keep(path: Path, rows: list[dict[str, str]]) -> None:
    """Write the newcomer's own file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(LOANS[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def ana(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Ana in a new project with her loans, in a folder with blanks and accents."""
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "Bücher & Söhne (neu)"
    place.mkdir()
    keep(place / "die loans.csv", LOANS)
    Shell(place, cold=True).galley("init", "library")
    shell = Shell(place / "library", cold=True)
    shell.galley("add", "../die loans.csv", "--name", "loans")
    shell.write("pipelines/library/owed.sql", OWED)
    shell.write("tests/loans.yaml", TESTS)
    return shell


def rows(shell: Shell, query: str, *more: str) -> list[dict[str, Any]]:
    """The answer to a question."""
    found: list[dict[str, Any]] = shell.galley("sql", query, "--json", *more).follows("sql")["rows"]
    return found


def test_a_table_of_ones_own_is_gated(ana: Shell) -> None:
    source = ana.folder.parent / "die loans.csv"
    assert ana.galley("run", "--json").follows("run")["published"]
    count = "SELECT count(*) AS n, sum(fee) AS fees FROM loans"
    assert rows(ana, count) == [{"n": 3, "fees": 2.5}]
    keep(source, [*LOANS, {**LOANS[0], "fee": "-3"}])
    stopped = ana.galley("run", expect=1)
    assert "unique_id on loans: fail, blocks the publish" in stopped.out
    assert "2 of 4 rows share their id with another" in stopped.out
    assert "range_fee on loans: fail, blocks the publish" in stopped.out
    assert "defined in tests/loans.yaml:2" in stopped.out
    assert "nothing was published; kitchen/ana is untouched" in stopped.out
    assert rows(ana, count) == [{"n": 3, "fees": 2.5}]
    keep(source, [*LOANS, {**LOANS[0], "id": "4"}])
    assert ana.galley("resume", "--json").follows("run")["published"]
    assert rows(ana, count) == [{"n": 4, "fees": 3.0}]


@pytest.mark.long
def test_to_production_back_and_again(ana: Shell) -> None:
    ana.galley("run")
    ana.galley("promote", "--yes")
    titles = "SELECT title FROM loans WHERE member = 'Ben'"
    red = [{"title": 'The "Red, Black"'}]
    assert rows(ana, titles, "--at", "production") == red
    ana.galley("rollback", "production", "--yes", expect=2)
    assert rows(ana, titles, "--at", "production") == red
    ana.galley("rollback", "production", "--reason", "too early", "--yes")
    assert ana.galley("tables", "--at", "production", "--json").json["tables"] == []
    held = ana.galley("promote", "--yes", expect=4)
    assert "too early" in held.err
    assert "galley release library" in held.err
    ana.galley("release", "library")
    ana.galley("promote", "--yes")
    assert rows(ana, titles, "--at", "production") == red


def test_a_first_version_stands_while_a_second_is_tried(ana: Shell) -> None:
    ana.galley("promote", "--yes")
    ana.write("pipelines/library/owed.sql", OWED.replace("FROM", "+ 1 AS owed FROM"))
    ana.galley("run", expect=2)
    ana.write("pipelines/library/owed.sql", OWED.replace("sum(fee)", "sum(fee) + 1"))
    ana.galley("run")
    answer = "SELECT max(owed) AS most FROM owed"
    assert rows(ana, answer) == [{"most": 3.0}]
    assert rows(ana, answer, "--at", "production") == [{"most": 2.0}]
    ana.galley("promote", "--yes")
    assert rows(ana, answer, "--at", "production") == [{"most": 3.0}]


@pytest.mark.long
def test_from_below_and_with_a_home_elsewhere(ana: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home of ana"
    below = Shell(ana.folder / "pipelines" / "library", cold=True)
    done = below.galley("run", "--json", GALLEY_HOME=str(home)).follows("run")
    assert done["published"]
    assert not (ana.folder / ".galley").exists()
    assert (home / "galley.db").is_file()
    tables = below.galley("tables", "--json", GALLEY_HOME=str(home)).follows("tables")["tables"]
    assert {"loans", "owed"} <= {table["name"] for table in tables}
    from_afar = Shell(tmp_path, cold=True)
    where = str(ana.folder)
    listed = from_afar.galley("runs", "--project", where, "--json", GALLEY_HOME=str(home))
    assert [run["state"] for run in listed.follows("runs")["runs"]] == ["succeeded"]


JSON = {
    "add": ("add", "../die loans.csv", "--name", "more"),
    "audit": ("audit",),
    "check": ("check",),
    "diff": ("diff", "production", "kitchen/ana"),
    "doctor": ("doctor",),
    "gc": ("gc", "--plan"),
    "history": ("history", "kitchen/ana"),
    "kitchens": ("kitchen",),
    "kitchen": ("kitchen", "open", "other"),
    "plan": ("plan",),
    "preview": ("preview", "owed"),
    "promotion": ("promote", "--dry-run"),
    "rollback": ("rollback", "kitchen/ana", "--dry-run"),
    "runs": ("runs",),
    "show": ("show",),
    "table_history": ("tables", "history", "loans"),
    "table_metrics": ("tables", "metrics", "loans"),
    "tables": ("tables",),
    "tag": ("tag", "first"),
}


def test_every_answer_is_for_programs_too(ana: Shell) -> None:
    ana.galley("run")
    inside = Inside(ana.folder)
    for schema, arguments in JSON.items():
        ran = inside.galley(*arguments, "--json")
        assert ran.status == 0, f"{arguments}: {ran.out}{ran.err}"
        ran.follows(schema)
    ran = inside.galley("sql", "SELECT * FROM lons", "--json")
    assert (ran.status, ran.follows("error")["error"]["hint"]) == (2, "did you mean loans?")


def commands() -> list[tuple[str, ...]]:
    """Every command, and those below it, by its words."""
    found = []
    for name in COMMANDS:
        below = getattr(load(name), "commands", {})
        found += [(name,), *((name, inner) for inner in below)]
    return found


def test_every_command_explains_itself(tmp_path: Path) -> None:
    nowhere = Inside(tmp_path)
    every = commands()
    assert {("tables", "history"), ("runs", "publish"), ("kitchen", "open")} <= set(every)
    for path in every:
        ran = nowhere.galley(*path, "--help")
        assert ran.status == 0
        assert ran.out.startswith(f"Usage: {' '.join(('galley', *path))} "), ran.out
        blank = [line for line in ran.out.splitlines() if line.strip().startswith("--")]
        assert all(len(line.split()) > 1 for line in blank), ran.out


@pytest.mark.parametrize("command", ["run", "check", "tables", "sql SELECT(1)", "doctor", "add x"])
def test_without_a_project_the_way_to_one_is_told(command: str, tmp_path: Path) -> None:
    ran = Inside(tmp_path).galley(*command.split())
    assert (ran.status, "galley.yaml" in ran.err, "galley init" in ran.err) == (2, True, True)
    assert list(tmp_path.iterdir()) == []
