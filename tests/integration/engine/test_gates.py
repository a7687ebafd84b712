"""What keeps a run from its target: tests, rollbacks, other code, other people's publishes."""

from pathlib import Path

import pytest

from galley.environments import resume
from galley.errors import HeldError, NotFoundError, UsageError
from galley.lake.model import PRODUCTION
from galley.runs import records
from galley.runs.model import Reason, RunState
from tests.integration.engine.kit import Works, refusal

HOUR = 3600 * 1_000_000
BAD = "id,amount\n1,5\n2,-6\n"
GOOD = "id,amount\n1,5\n2,6\n"
POSITIVE = [{"range": {"column": "amount", "min": 0}}]
WARM = [{"row_count": {"min": 1}}]


@pytest.fixture
def shop(works: Works) -> Works:
    """Rows, a table beside them, and one that is tested."""
    works.load("raw", GOOD)
    works.sql("beside", "SELECT count(*) AS n FROM raw", tests=WARM)
    works.sql("tested", "SELECT id, amount FROM raw", tests=POSITIVE)
    works.sql("after", "SELECT sum(amount) AS amount FROM tested")
    return works


def test_a_blocking_test_leaves_the_target_untouched(shop: Works) -> None:
    shop.run()
    head = shop.head()
    shop.load("raw", BAD)
    run = shop.run()
    assert (run.state, run.reason) == (RunState.FAILED, Reason.TEST_FAILED)
    assert shop.head() == head
    assert shop.rows("tested") == [(1, 5), (2, 6)]
    assert shop.states(run) == {
        "raw": "succeeded",
        "beside": "succeeded",
        "tested": "blocked",
        "after": "upstream_failed",
    }


def test_a_target_that_takes_no_untested_tables(shop: Works) -> None:
    """``raw`` and ``after`` have no test, and a spanning one is enough for both."""
    rule = "environments: {production: {untested: block}}"
    shop.write("galley.yaml", f"name: works\n{rule}\n")
    assert shop.run().state is RunState.SUCCEEDED
    run = shop.promote()
    assert (run.state, run.reason) == (RunState.FAILED, Reason.TEST_FAILED)
    assert "no test looks at after, raw" in (run.message or "")
    assert shop.tables(PRODUCTION) == {}
    both = "{row_count: {table: raw, min: 1}}, {row_count: {table: after, min: 1}}"
    shop.write("tests/both.yaml", f"spanning: [{both}]\n")
    run = shop.promote()
    assert run.state is RunState.SUCCEEDED, run.message
    assert len(shop.rows("tested", PRODUCTION)) == 2


def test_a_fix_and_a_resume_make_only_the_rest(shop: Works) -> None:
    shop.load("raw", BAD)
    failed = shop.run()
    shop.sql("tested", "SELECT id, abs(amount) AS amount FROM raw", tests=POSITIVE)
    run = shop.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert shop.states(run) == {
        "raw": "reused",
        "beside": "reused",
        "tested": "succeeded",
        "after": "succeeded",
    }
    assert shop.rows("after") == [(11,)]


def test_a_named_person_publishes_over_a_false_alarm(shop: Works) -> None:
    shop.load("raw", BAD)
    failed = shop.run()

    def override(test: str, reason: str) -> None:
        with shop.home.database.write() as conn:
            until = shop.home.clock() + HOUR
            resume.override(conn, shop.home, failed, test, reason=reason, expires_at=until)

    assert isinstance(refusal(lambda: override("range_amount", " ")), UsageError)
    assert isinstance(refusal(lambda: override("unique_id", "x")), NotFoundError)
    override("range_amount", "a refund")
    run = shop.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert shop.rows("tested") == [(1, 5), (2, -6)]
    assert shop.states(run)["tested"] == "reused"


def test_an_override_that_has_expired_allows_nothing(shop: Works) -> None:
    shop.load("raw", BAD)
    failed = shop.run()
    with shop.home.database.write() as conn:
        now = shop.home.clock()
        resume.override(conn, shop.home, failed, "range_amount", reason="x", expires_at=now)
    run = shop.resume(failed)
    assert (run.state, run.reason) == (RunState.FAILED, Reason.TEST_FAILED)


def test_what_was_rolled_back_stays_away(shop: Works) -> None:
    """By a run, by a promotion of the same code, and by reuse once the hold is lifted."""
    shop.run()
    shop.promote()
    bad = shop.tables(PRODUCTION)["tested"].content_id
    shop.roll_back()
    assert shop.tables(PRODUCTION) == {}
    assert isinstance(refusal(shop.promote), HeldError)
    assert shop.release() == 1
    run = shop.promote()
    assert run.state is RunState.SUCCEEDED, run.message
    assert "reused" not in shop.states(run).values()
    assert shop.tables(PRODUCTION)["tested"].content_id != bad


def test_a_changed_pipeline_is_not_held(shop: Works) -> None:
    shop.promote()
    shop.roll_back()
    shop.sql("tested", "SELECT id, amount + 0 AS amount FROM raw", tests=POSITIVE)
    run = shop.promote()
    assert run.state is RunState.SUCCEEDED, run.message
    assert "reused" not in shop.states(run).values()


def test_a_run_in_progress_does_not_bring_it_back(shop: Works) -> None:
    shop.promote()
    shop.load("raw", GOOD + "3,7\n")
    shop.promote()
    shop.sql("tested", "SELECT id, amount + 1 AS amount FROM raw", tests=POSITIVE)
    run = shop.launch_promotion()

    def taken_back() -> None:
        if shop.steps(run).get("tested") and not rolled:
            rolled.append(shop.roll_back())

    rolled: list[object] = []
    (ended,) = shop.drive(run, tick=taken_back)
    assert rolled
    assert ended.state in (RunState.SUPERSEDED, RunState.FAILED), ended
    assert shop.rows("raw", PRODUCTION) == [(1, 5), (2, 6)]


def test_a_run_of_a_superseded_version_publishes_nothing(shop: Works) -> None:
    shop.promote()
    shop.load("raw", GOOD + "3,7\n")
    old = shop.launch(ref=PRODUCTION)
    shop.sql("tested", "SELECT id, amount * 10 AS amount FROM raw", tests=POSITIVE)
    new = shop.launch_promotion()
    # The promotion is first, as if it had come before.
    with shop.home.database.write() as conn:
        records.set_run(conn, new.id, created=old.created - 1)
    ended = shop.drive(old, new)
    assert [run.state for run in ended] == [RunState.SUPERSEDED, RunState.SUCCEEDED]
    assert shop.rows("tested", PRODUCTION)[0] == (1, 50)


def test_a_promotion_and_a_run_of_the_same_pipelines_wait_for_each_other(shop: Works) -> None:
    shop.promote()
    shop.load("raw", GOOD + "3,7\n")
    run, promotion = shop.launch(ref=PRODUCTION), shop.launch_promotion()
    ended = shop.drive(run, promotion)
    assert [one.state for one in ended] == [RunState.SUCCEEDED] * 2
    assert len(shop.rows("tested", PRODUCTION)) == 3


def test_two_pipelines_that_write_one_target_do_not_disturb_each_other(shop: Works) -> None:
    shop.sql("other", "SELECT 1 AS id", pipeline="q", tests=WARM)
    runs = [shop.launch("p"), shop.launch("q")]
    assert [run.state for run in shop.drive(*runs)] == [RunState.SUCCEEDED] * 2
    assert set(shop.tables()) == {"raw", "beside", "tested", "after", "other"}


def test_two_runs_that_make_the_same_table_one_wins(shop: Works) -> None:
    """Another ref's work meets what was published since: the loser is told, and can run again."""
    shop.run()
    shop.load("raw", GOOD + "3,7\n")
    first = shop.launch()
    shop.write("pipelines/q/pipeline.yaml", "description: makes a table of its own\n")
    shop.load("raw", GOOD + "3,7\n4,8\n")
    second = shop.launch()
    ended = shop.drive(first, second)
    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 2
    assert len(shop.rows("tested")) == 4


def test_reads_of_another_project_are_pinned_at_the_start(works: Works, tmp_path: Path) -> None:
    works.load("raw", GOOD)
    works.sql("beside", "SELECT 1 AS n")
    works.promote()
    mine = Works(tmp_path / "mine", works.pool, "mine")
    mine.__dict__["home"] = works.home
    mine.write("galley.yaml", "name: mine\nreads:\n  works: {tables: [raw]}\n")
    mine.sql("copy", "SELECT id FROM works.raw")
    assert mine.run().state is RunState.SUCCEEDED
    assert mine.rows("copy") == [(1,), (2,)]
    assert mine.states(mine.run()) == {"copy": "reused"}
    works.load("raw", GOOD + "3,7\n")
    run = mine.launch()
    # The engine starts both; what the promotion publishes comes after the other's pin.
    works.promote()
    assert mine.follow(run).state is RunState.SUCCEEDED
    assert len(mine.rows("copy")) == 2
    mine.run()
    assert len(mine.rows("copy")) == 3
