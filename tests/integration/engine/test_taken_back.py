"""A kitchen whose tables a rollback of production took back goes on: they are made anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

from galley.environments import plan as planning
from galley.environments.home import Checkout
from galley.environments.launch import Wish
from galley.lake import withdrawals
from galley.lake.model import PRODUCTION
from galley.runs.model import Run, RunState
from galley.runs.planning import Move
from tests.integration.engine.kit import KITCHEN, Row, Works

HEAD = "id,day,amount\n1,2024-03-01,5\n2,2024-03-02,6\n"
BAD = HEAD + "3,2024-03-03,-7\n"
MENDED = HEAD + "3,2024-03-03,7\n"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-04}"
ALL = "SELECT id, day, amount FROM raw"
IN_WINDOW = f"{ALL} WHERE day >= $start AND day < $end"


def file(works: Works) -> None:
    works.python(
        "made",
        """
        @step(materialize="file", filename="made.txt")
        def made(raw):
            from galley import File
            return File(content=",".join(map(str, raw.to_arrow()["amount"].to_pylist())))
        """,
    )


MADE: dict[str, Callable[[Works], None]] = {
    "table": lambda works: works.sql("made", ALL),
    "view": lambda works: works.sql("made", ALL, materialize="view"),
    "file": file,
    "cursor": lambda works: works.sql("made", ALL, materialize="append", cursor="id"),
    "merge": lambda works: works.sql("made", ALL, materialize="merge", key="[id]"),
    "append": lambda works: works.sql("made", IN_WINDOW, materialize="append", window=WINDOW),
    "window": lambda works: works.sql("made", IN_WINDOW, materialize="window", window=WINDOW),
}


@pytest.fixture(params=MADE)
def shop(works: Works, request: pytest.FixtureRequest) -> Works:
    """Rows, what is made of them in one of the ways there are, and a table that reads it."""
    works.load("raw", HEAD)
    MADE[request.param](works)
    if request.param != "file":
        works.sql("total", "SELECT sum(amount) AS amount FROM made")
    return works


def amounts(works: Works, ref: str = KITCHEN) -> list[int]:
    if "total" not in works.tables():
        path = Path(works.home.warehouse, works.tables(ref)["made"].location)
        return [int(amount) for amount in path.read_text().split(",")]
    rows: list[Row] = works.rows("made", ref)
    assert works.rows("total", ref) == [(sum(row[2] for row in rows),)]
    return [row[2] for row in rows]


def begin(works: Works) -> None:
    """What is good comes to production; of the windows those that have rows."""
    cut = any(step.window for step in works.manifest().steps.values())
    good(works.run(window="2024-03-01..2024-03-03") if cut else works.run())
    good(works.promote())


def good(run: Run) -> Run:
    assert run.state is RunState.SUCCEEDED, run.message
    return run


def withdrawn(works: Works) -> set[str]:
    """The tables at the kitchen's head that were taken back."""
    contents = {version.content_id: name for name, version in works.tables().items()}
    with works.home.database.read() as conn:
        return {contents[one] for one in withdrawals.withdrawn(conn, works.name, contents)}


def test_the_same_is_made_again_under_another_identity(shop: Works) -> None:
    good(shop.run())
    good(shop.promote())
    shop.roll_back()
    assert withdrawn(shop) == set(shop.tables())
    run = good(shop.run())
    assert "reused" not in shop.states(run).values()
    assert withdrawn(shop) == set()
    assert amounts(shop) == [5, 6]
    assert set(shop.states(good(shop.run())).values()) == {"reused"}
    assert shop.release() == 1
    good(shop.promote())
    assert amounts(shop, PRODUCTION) == [5, 6]


def test_what_is_mended_is_built_on_what_was_before(shop: Works) -> None:
    begin(shop)
    shop.load("raw", BAD)
    good(shop.run())
    good(shop.promote())
    shop.roll_back()
    assert amounts(shop, PRODUCTION) == [5, 6]
    shop.load("raw", MENDED)
    good(shop.run())
    assert amounts(shop) == [5, 6, 7]
    assert withdrawn(shop) == set()
    assert shop.release() == 1
    good(shop.promote())
    assert amounts(shop, PRODUCTION) == [5, 6, 7]


def test_a_plan_says_who_took_it_back_and_does_as_it_says(shop: Works) -> None:
    good(shop.run())
    good(shop.promote())
    shop.roll_back()
    wish, checkout = Wish(("p",), KITCHEN), Checkout(shop.folder)
    with shop.home.database.write() as conn:
        plan = planning.plan_wish(conn, shop.home, shop.manifest(), checkout, wish, shop.site.probe)
    assert {step.move for step in plan.steps} == {Move.RUN}
    said = {step.name: step.why for step in plan.steps}
    assert "withdrawn by ana (it was wrong)" in said["raw"]
    assert "withdrawn by ana (it was wrong)" in said["made"] or "missing" in said["made"]
    assert {name: step.why for name, step in shop.steps(shop.run()).items() if step.why} == said


def test_what_reads_what_was_taken_back_says_who_makes_it(works: Works) -> None:
    works.load("raw", HEAD, pipeline="src")
    works.sql("total", "SELECT sum(amount) AS amount FROM raw")
    good(works.run("src"))
    good(works.promote())
    works.roll_back(tables=("raw",))
    works.sql("total", "SELECT sum(amount) + 1 AS amount FROM raw")
    run = works.run()
    assert run.state is RunState.SUPERSEDED
    assert "galley run src --in kitchen/ana`, then p" in (run.message or "")
    good(works.run("src"))
    good(works.run())
    assert works.rows("total") == [(12,)]
