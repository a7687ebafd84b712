"""What a scheduler fires, on both databases."""

import threading
from pathlib import Path

import pytest

from galley.clock import SECOND
from galley.db.engine import Database
from galley.environments.inspect_triggers import Rhythm, rhythms
from galley.governance.audit import entries
from galley.project.schedule import (
    CatchUp,
    Cron,
    Every,
    Manual,
    Outcome,
    Overlap,
    RunFinished,
    TableUpdated,
)
from galley.runs import tables
from galley.runs.model import RunState
from galley.runs.schedule_tables import alert, ended, fire
from tests.lake_cast import SHOP
from tests.schedule_cast import HOUR, HOURLY, MIDNIGHT, MINUTELY, Works, trigger


@pytest.fixture
def works(database: Database, tmp_path: Path) -> Works:
    return Works(database, tmp_path)


def test_a_version_fires_only_once_it_is_activated(works: Works) -> None:
    works.tick()
    works.activate(trigger(HOURLY))
    assert works.tick().activated == ("shop/production",)
    with works.shop() as shop:
        shop.open("kitchen/ben")
    assert works.tick(MIDNIGHT + HOUR - 1).fired == ()
    (fired,) = works.tick(MIDNIGHT + HOUR).fired
    (run,) = works.rows(tables.run)
    assert (run["id"], run["state"], run["ref"]) == (fired.run, "queued", "production")
    assert run["request"]["trigger"] == "p.t"
    assert run["request"]["variables"] == {"p": {"day": "none"}}
    assert works.tick().fired == ()
    with works.database.read() as connection:
        (entry,) = entries(connection, SHOP)
    assert (entry["actor"], entry["action"], entry["object"]) == ("scheduler", "fire", "p.t")


def test_another_version_takes_over_and_the_old_one_comes_back(works: Works) -> None:
    works.activate(trigger(HOURLY), trigger(MINUTELY, "gone"))
    works.tick()
    works.activate(trigger(HOURLY), trigger(HOURLY, "new"))
    works.tick(MIDNIGHT + HOUR)
    assert [one["name"] for one in works.rows(fire)] == ["p.t"]
    assert works.trigger_row("p.gone")["active"] in (False, 0)
    works.tick(MIDNIGHT + 2 * HOUR)
    assert sorted(one["name"] for one in works.rows(fire)) == ["p.new", "p.t", "p.t"]
    works.activate(trigger(HOURLY), trigger(MINUTELY, "gone"))
    works.tick()
    works.tick(MIDNIGHT + 2 * HOUR + 60 * SECOND)
    assert works.rows(fire)[-1]["name"] == "p.gone"


@pytest.mark.parametrize(
    ("catch_up", "made"), [(CatchUp.NONE, 0), (CatchUp.LAST, 1), (CatchUp.ALL, 5)]
)
def test_what_came_due_while_nobody_looked(works: Works, catch_up: CatchUp, made: int) -> None:
    works.activate(trigger(HOURLY, catch_up=catch_up))
    works.tick()
    works.tick(MIDNIGHT + 5 * HOUR + HOUR // 2)
    ran = [at for at, outcome in works.fires() if outcome == "run"]
    assert ran == [MIDNIGHT + at * HOUR for at in range(6 - made, 6)]
    missed = [one["times"] for one in works.rows(fire, outcome="missed")]
    assert sum(missed) == 5 - made
    assert [one["kind"] for one in works.rows(alert)] == (["missing"] if made < 5 else [])


def test_a_clock_that_jumps_fires_nothing_twice(works: Works) -> None:
    works.activate(trigger(MINUTELY, catch_up=CatchUp.ALL))
    works.tick()
    start = MIDNIGHT
    for minutes in (3, 90, 10, 5, 91, 0, 92):
        works.tick(start + minutes * 60 * SECOND)
    assert [at for at, _ in works.fires()] == [start + n * 60 * SECOND for n in range(1, 93)]
    assert len(works.runs()) == 92


def test_two_schedulers_fire_each_time_once(works: Works) -> None:
    options = {"catch_up": CatchUp.ALL}
    works.activate(*(trigger(MINUTELY, f"t{n}", f"p{n}", **options) for n in range(40)))
    works.tick()
    works.now += 60 * SECOND
    barrier = threading.Barrier(4)
    failures: list[BaseException] = []

    def look() -> None:
        try:
            barrier.wait(10)
            for minute in range(5):
                works.tick(MIDNIGHT + (minute + 1) * 60 * SECOND)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=look) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert not failures
    works.tick(MIDNIGHT + 5 * 60 * SECOND)
    assert len(works.fires()) == 40 * 5
    assert len(works.runs()) == 40 * 5


def test_overlap(works: Works) -> None:
    kinds = {overlap.value: overlap for overlap in Overlap}
    works.activate(*(trigger(HOURLY, n, n, overlap=o, start_within=1e6) for n, o in kinds.items()))
    works.tick()
    works.tick(MIDNIGHT + HOUR)
    works.tick(MIDNIGHT + 2 * HOUR)
    found = [(one["pipeline"], one["intention"]) for one in works.rows(tables.run)]
    assert sorted(found) == [
        ("cancel", "cancel"),
        ("cancel", "go"),
        ("queue", "go"),
        ("queue", "go"),
        ("skip", "go"),
    ]
    assert [o for _, o in works.fires()].count("skipped") == 1
    assert works.rows(alert) == []


def test_a_pipeline_that_a_rollback_holds_is_not_run(works: Works) -> None:
    from galley.lake.withdrawals import hold_pipelines

    works.activate(trigger(HOURLY))
    works.tick()
    with works.database.write() as connection:
        held = [("p", works.trigger_row()["code"])]
        options = {"commit": None, "by": "ana", "reason": "wrong numbers", "now": works.now}
        hold_pipelines(connection, SHOP, "production", held, **options)  # type: ignore[arg-type]
    works.tick(MIDNIGHT + HOUR)
    assert works.fires() == [(MIDNIGHT + HOUR, "held")]
    assert "wrong numbers" in works.rows(alert)[0]["message"]


def test_a_table_fires_until_a_run_has_consumed_it(works: Works) -> None:
    works.activate(trigger(TableUpdated("table", ("orders",))))
    works.tick()
    assert works.runs() == []
    works.publish(("orders", "one"))
    works.tick(works.now + SECOND)
    (run,) = works.runs()
    works.publish(("other", "one"))
    works.tick(works.now + SECOND)
    assert len(works.runs()) == 1
    works.end(run)
    works.tick(works.now + SECOND)
    works.publish(("orders", "two"))
    works.tick(works.now + SECOND)
    assert len(works.runs()) == 2
    # Somebody was faster, so that there is nothing new any more.
    works.manual_run()
    works.tick(works.now + SECOND)
    works.publish(("other", "two"))
    works.tick(works.now + SECOND)
    assert len(works.runs()) == 2


def test_a_table_whose_run_failed_fires_again_after_a_while(works: Works) -> None:
    works.activate(trigger(TableUpdated("table", ("orders",))))
    works.tick()
    works.publish(("orders", "one"))
    works.tick(works.now + SECOND)
    works.end(works.runs()[0], RunState.FAILED)
    works.tick(works.now + SECOND)
    works.tick(works.now + 30 * SECOND)
    assert len(works.runs()) == 1
    works.tick(works.now + 60 * SECOND)
    assert len(works.runs()) == 2


def test_the_end_of_a_run_fires_once(works: Works) -> None:
    works.activate(
        trigger(RunFinished("run", "first")),
        trigger(RunFinished("run", "first", outcome=Outcome.FAILED), "bad"),
        trigger(HOURLY, "x", "first"),
    )
    works.tick()
    works.manual_run("first")
    works.tick(works.now + SECOND)
    works.tick(works.now + SECOND)
    assert [one["name"] for one in works.rows(fire)] == ["p.t"]
    works.manual_run("first", RunState.FAILED)
    works.manual_run("other")
    works.tick(works.now + SECOND)
    assert [one["name"] for one in works.rows(fire)] == ["p.t", "p.bad"]
    assert works.rows(ended) == []


def test_a_paused_trigger_does_nothing_until_it_goes_on(works: Works) -> None:
    works.activate(trigger(HOURLY, paused=True))
    works.tick()
    works.tick(MIDNIGHT + 3 * HOUR)
    assert works.fires() == []


def test_a_pipeline_says_when_it_runs_by_itself(works: Works) -> None:
    works.activate(
        trigger(Cron("cron", "30 6 * * 1", "Europe/Oslo"), "weekly"),
        trigger(Every("every", 5400.0), "often"),
        trigger(Manual("manual"), "form"),
        trigger(RunFinished("run", "p"), "after", pipeline="q"),
        trigger(Manual("manual"), "form", pipeline="r"),
    )
    works.tick()
    with works.database.read() as connection:
        found = rhythms(connection, SHOP, "production", ["p", "q", "r", "s"])
        assert rhythms(connection, SHOP, "kitchen/ana", ["p"]) == {}
    assert found == {
        "p": Rhythm("every 90 min, 30 6 * * 1 Europe/Oslo", works.now + 5400 * SECOND),
        "q": Rhythm("when p succeeded", None),
    }
