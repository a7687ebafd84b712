"""What is promised when code changes: of resumes, of environments' versions, of reuse."""

import pytest

from galley.lake import commits, refs
from galley.lake.model import PRODUCTION
from galley.runs import records
from galley.runs.model import Run, RunState
from tests.integration.engine.kit import Works, at

GOOD = "id,amount\n1,5\n2,6\n"
POSITIVE = [{"range": {"column": "amount", "min": 0}}]
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-03}"
ALWAYS = """
@step
def always(*, context):
    import time
    return [{"id": 1, "at": time.time_ns()}]
"""


@pytest.fixture
def shop(works: Works) -> Works:
    """Rows, and a table that is tested."""
    works.load("raw", GOOD)
    works.sql("tested", "SELECT id, amount FROM raw", tests=POSITIVE)
    return works


@pytest.fixture
def two(works: Works) -> Works:
    """Pipeline ``p`` always makes new rows; the code of ``q`` will change."""
    works.python("always", ALWAYS)
    works.sql("other", "SELECT 1 AS id", pipeline="q")
    works.promote()
    return works


def version(works: Works, ref: str = PRODUCTION) -> str | None:
    """The code version that runs in an environment."""
    with works.home.database.read() as conn:
        head = refs.get_ref(conn, works.name, ref).head
        return commits.get_commit(conn, head).code_version


def first(works: Works, run: Run, than: Run) -> None:
    """As if one run had been asked for before another."""
    with works.home.database.write() as conn:
        records.set_run(conn, run.id, created=than.created - 1)


# Resumes


def test_a_resume_without_the_step_publishes_nothing_of_it(shop: Works) -> None:
    shop.sql("bad", "SELECT id, -amount AS amount FROM raw", tests=POSITIVE)
    shop.sql("late", "SELECT id FROM tested")
    failed = shop.run()
    assert shop.states(failed)["bad"] == "blocked"
    (shop.folder / "pipelines/p/bad.sql").unlink()
    (shop.folder / "pipelines/p/late.sql").unlink()
    run = shop.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert set(shop.tables()) == {"raw", "tested"}


def test_a_resume_leaves_what_a_changed_step_had_staged(shop: Works) -> None:
    """Its table was fine, its reader was not; changed, it fails before it makes another."""
    shop.run()
    shop.load("raw", GOOD + "3,7\n")
    shop.sql("reader", "SELECT CAST('x' AS INTEGER) AS id FROM tested")
    failed = shop.run()
    assert shop.states(failed)["tested"] == "succeeded"
    shop.sql("tested", "SELECT id, CAST('x' AS INTEGER) AS amount FROM raw", tests=POSITIVE)
    again = shop.resume(failed)
    assert shop.states(again)["tested"] == "failed"
    with shop.home.database.read() as conn:
        staged = refs.get_ref(conn, shop.name, again.ref_name).head
        found = {c.table for c in commits.changes_by_commit(conn, [staged])[staged]}
    assert "tested" not in found
    assert shop.rows("tested") == [(1, 5), (2, 6)]


def test_an_upsert_resumed_with_fixed_code_holds_nothing_faulty(works: Works) -> None:
    def step(id: str, amount: str) -> None:
        sql = f"SELECT {id} AS id, {amount} AS amount FROM raw"
        works.sql("merged", sql, materialize="merge", key="[id]", tests=POSITIVE)

    works.load("raw", GOOD)
    step("id", "amount")
    works.run()
    works.load("raw", GOOD + "3,7\n")
    step("id + 100", "-amount")
    failed = works.run()
    assert works.states(failed)["merged"] == "blocked"
    step("id", "amount")
    run = works.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert works.rows("merged") == [(1, 5), (2, 6), (3, 7)]


@pytest.mark.parametrize("materialize", ["append", "window"])
def test_a_blocked_window_is_made_again_with_fixed_code(works: Works, materialize: str) -> None:
    def step(id: str) -> None:
        sql = f"SELECT {id} AS id, day FROM raw WHERE day >= $start AND day < $end"
        tests = [{"range": {"column": "id", "min": 0}}]
        works.sql("cut", sql, materialize=materialize, window=WINDOW, tests=tests)

    works.load("raw", "id,day\n1,2024-03-01\n2,2024-03-02\n")
    step("id")
    works.run(window="2024-03-01")
    step("-id")
    failed = works.run(window="2024-03-02")
    assert works.states(failed)["cut"] == "blocked"
    step("id + 10")
    run = works.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert [row[0] for row in works.rows("cut")] == [1, 12]


# Versions of an environment


def test_a_run_from_before_a_promotion_leaves_the_version(two: Works) -> None:
    old = two.launch(ref=PRODUCTION)
    two.sql("other", "SELECT 2 AS id", pipeline="q")
    new = two.launch_promotion()
    first(two, new, than=old)
    before = two.rows("always", PRODUCTION)
    ended = two.drive(old, new)
    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 2
    assert two.rows("always", PRODUCTION) != before
    assert version(two) == new.definition != old.definition
    assert two.rows("other", PRODUCTION) == [(2,)]


def test_a_run_from_before_a_rollback_leaves_the_version(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is about to publish what the rollback does not concern."""
    works.load("raw", GOOD)
    works.sql("other", "SELECT 1 AS id", pipeline="q")
    works.promote()
    earlier = version(works)
    works.sql("other", "SELECT 2 AS id", pipeline="q")
    assert works.promote().state is RunState.SUCCEEDED
    works.load("raw", GOOD + "3,7\n")
    seen = at(monkeypatch, "publish.before", works.roll_back)
    run = works.run(ref=PRODUCTION)
    assert seen
    assert run.state is RunState.SUCCEEDED, run.message
    assert version(works) == earlier != run.definition
    assert works.rows("other", PRODUCTION) == [(1,)]
    assert len(works.rows("raw", PRODUCTION)) == 3


def test_a_run_in_what_has_no_version_any_more_is_superseded(two: Works) -> None:
    run = two.launch(ref=PRODUCTION)
    two.roll_back()
    two.release("p")
    (ended,) = two.drive(run)
    assert ended.state is RunState.SUPERSEDED, ended.message
    assert version(two) is None
    assert two.tables(PRODUCTION) == {}


# Reuse


@pytest.mark.parametrize("stable", [False, True])
def test_what_asks_for_the_run_or_the_time_is_reused_only_if_stable(
    shop: Works, stable: bool
) -> None:
    marker = "(stable=True)" if stable else ""
    shop.python(
        "about",
        f"""
        @step{marker}
        def about(raw, *, context):
            return [{{"id": len(raw.to_arrow()), "run": context.run}}]
        """,
    )
    options = {"stable": "true"} if stable else {}
    shop.sql("stamped", "SELECT id, $now AS at FROM raw", **options)
    assert shop.run().state is RunState.SUCCEEDED
    again = shop.run()
    want = "reused" if stable else "succeeded"
    assert shop.states(again) == {
        "raw": "reused",
        "tested": "reused",
        "about": want,
        "stamped": want,
    }


def test_another_cursor_makes_the_step_run_again(works: Works) -> None:
    works.load("raw", "id,moment\n1,10\n2,20\n")
    works.sql("log", "SELECT id, moment FROM raw", materialize="append", cursor="id")
    works.run()
    assert works.states(works.run())["log"] == "reused"
    works.sql("log", "SELECT id, moment FROM raw", materialize="append", cursor="moment")
    run = works.run()
    assert run.state is RunState.SUCCEEDED, run.message
    assert works.states(run)["log"] == "succeeded"
    assert works.rows("log") == [(1, 10), (2, 20)]
