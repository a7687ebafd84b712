"""The example is right, and its story goes as told: a bad day is stopped, mended, taken back."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from galley.project.compile import compile_project
from galley.project.model import Materialize, Severity, StepKind
from tests.acceptance.commands import Project
from tests.s3_cast import Store

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
DAYS = 365
DEPARTURES = 336_776
LAST_DAY = 776


@pytest.fixture
def flights(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A copy of the example; with the parameter ``store`` its tables stand in an object store."""
    if getattr(request, "param", "folder") == "store":
        store: Store = request.getfixturevalue("store")
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("GALLEY_WAREHOUSE", store.root)
    folder = tmp_path / "flights"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".galley", "__pycache__"))
    return Project(folder)


def rows(project: Project, query: str, *, at: str = "production") -> list[dict[str, Any]]:
    """The answer to a query."""
    said = project.galley("sql", "--at", at, "--json", query).out
    found: list[dict[str, Any]] = json.loads(said)["rows"]
    return found


def test_it_compiles_without_a_warning() -> None:
    manifest = compile_project(EXAMPLE)
    assert manifest.warnings == ()
    kinds = {step.kind for step in manifest.steps.values()}
    assert kinds == {StepKind.SQL, StepKind.PYTHON, StepKind.LOAD}
    ways = {step.materialize for step in manifest.steps.values()}
    assert ways == {Materialize.TABLE, Materialize.WINDOW, Materialize.VIEW, Materialize.FILE}


def test_every_table_is_tested_and_what_is_dirty_only_warns() -> None:
    manifest = compile_project(EXAMPLE)
    untested = [
        step.name
        for step in manifest.steps.values()
        if not step.tests and step.materialize is not Materialize.FILE
    ]
    assert untested == []
    warned = {t.name for t in manifest.steps["flights"].tests if t.severity is Severity.WARN}
    assert warned == {"foreign_key_tailnum", "foreign_key_dest", "cancelled", "weather_known"}


def test_the_bad_day_is_the_good_one_in_seconds_and_partly_twice() -> None:
    days = {}
    for name in ("bad_day", "good_day"):
        with (EXAMPLE / "demo" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            days[name] = list(csv.DictReader(file))
    key = ("carrier", "flight", "origin")
    good = {tuple(row[part] for part in key): row["dep_delay"] for row in days["good_day"]}
    assert len(good) == len(days["good_day"]) == LAST_DAY
    assert len(days["bad_day"]) == LAST_DAY + 40
    for row in days["bad_day"]:
        minutes = good[tuple(row[part] for part in key)]
        assert row["dep_delay"] == (minutes if minutes == "NA" else str(int(minutes) * 60))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "flights",
    ["folder", pytest.param("store", marks=pytest.mark.s3)],
    indirect=True,
)
def test_the_story(flights: Project) -> None:
    flights.galley("run", "delays", "--window", "2013-01-01..2014-01-01")
    flights.galley("promote", "--yes")
    check_year(flights)
    before = rows(flights, "SELECT * FROM carrier_month ORDER BY ALL")

    deliver(flights, "bad_day")
    stopped = flights.galley(
        "run", "delays", "--in", "production", "--window", "2013-12-31", "--json", status=1
    )
    check_stopped(json.loads(stopped.out))
    assert rows(flights, "SELECT * FROM carrier_month ORDER BY ALL") == before

    deliver(flights, "good_day")
    flights.galley("resume")
    [whole] = rows(flights, "SELECT count(*) AS n, count(DISTINCT date) AS days FROM flights")
    assert (whole["n"], whole["days"]) == (DEPARTURES, DAYS)

    flights.galley("rollback", "production", "--reason", "the airline sends it again", "--yes")
    assert rows(flights, "SELECT * FROM carrier_month ORDER BY ALL") == before


def deliver(project: Project, day: str) -> None:
    """Put a day's file where deliveries arrive."""
    target = project.folder / "data" / "incoming" / "2013-12-31.csv"
    shutil.copyfile(project.folder / "demo" / f"{day}.csv", target)


def check_year(project: Project) -> None:
    """The first year, less its last day, with its holes as they are known."""
    [found] = rows(
        project,
        """
        SELECT count(*) AS n, count(*) FILTER (WHERE cancelled) AS cancelled,
            count(*) FILTER (WHERE dest_name IS NULL) AS unlisted
        FROM flights
        """,
    )
    assert found == {"n": DEPARTURES - LAST_DAY, "cancelled": 8_239, "unlisted": 7_574}
    [sums] = rows(project, "SELECT sum(flights) AS n, count(*) AS months FROM carrier_month")
    assert sums == {"n": DEPARTURES - LAST_DAY, "months": 185}
    if "GALLEY_WAREHOUSE" not in os.environ:
        pages = list(project.folder.glob(".galley/warehouse/flights/report-*/files/*.html"))
        assert "<svg" in pages[0].read_text("utf-8")


def check_stopped(run: dict[str, Any]) -> None:
    """Three blocking tests failed, and nothing behind them was made."""
    assert run["published"] is False
    blocking = {test["name"] for test in run["tests"] if test["blocks"]}
    assert blocking == {"unique_flight_id", "delay_is_possible", "clock_agrees"}
    states = {step["name"]: step["state"] for step in run["steps"]}
    assert states["flights"] == "blocked"
    assert states["carrier_month"] == states["report"] == "upstream_failed"
