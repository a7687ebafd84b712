"""Going forward again after a rollback: holds end for what comes back, and for nothing else."""

from typing import Any

from sqlalchemy import select

from galley.environments.launch import activated_in
from galley.errors import HeldError
from galley.governance.tables import audit
from galley.lake import withdrawals
from galley.lake.model import PRODUCTION
from galley.runs.model import RunState
from tests.integration.engine.kit import Works, refusal


def versions(works: Works) -> list[str]:
    """Three versions in production: the second changed pipeline ``p``, the third ``q``."""
    works.sql("mine", "SELECT 1 AS id")
    works.sql("other", "SELECT 1 AS id", pipeline="q")
    found: list[str] = []
    for name, pipeline in (("mine", "p"), ("mine", "p"), ("other", "q")):
        works.sql(name, f"SELECT {min(len(found), 1)} + 1 AS id", pipeline=pipeline)
        assert works.promote().state is RunState.SUCCEEDED
        found.append(works.head(PRODUCTION))
    return found


def held(works: Works) -> list[str]:
    with works.home.database.read() as conn:
        return sorted(h.pipeline for h in withdrawals.holds(conn, works.name, PRODUCTION))


def last_audit(works: Works) -> dict[str, Any]:
    with works.home.database.read() as conn:
        detail = conn.scalars(select(audit.c.detail).order_by(audit.c.at.desc()).limit(1)).one()
    return dict(detail)


def test_all_that_comes_back_may_publish_again(works: Works) -> None:
    first, _, third = versions(works)
    works.roll_back(to=first)
    assert held(works) == ["p", "q"]
    assert isinstance(refusal(works.launch_promotion), HeldError)
    works.roll_back(to=third)
    assert held(works) == []
    assert last_audit(works)["released"] == ["p", "q"]
    assert works.promote().state is RunState.SUCCEEDED


def test_what_stays_away_stays_held(works: Works) -> None:
    first, second, third = versions(works)
    works.roll_back(to=first)
    works.roll_back(to=second)
    assert (held(works), works.rows("mine", PRODUCTION)) == (["q"], [(2,)])
    works.roll_back(to=third)
    assert held(works) == []


def test_of_two_rollbacks_the_later_may_be_taken_back_alone(works: Works) -> None:
    versions(works)
    works.roll_back()
    back = works.head(PRODUCTION)
    works.roll_back()
    assert held(works) == ["p", "q"]
    works.roll_back(to=back)
    assert held(works) == ["q"]


def test_a_table_that_comes_back_alone_ends_its_pipelines_hold(works: Works) -> None:
    works.load("raw", "id\n1\n")
    works.load("rest", "id\n1\n", pipeline="q")
    works.promote()
    for name, pipeline in (("raw", "p"), ("rest", "q")):
        works.load(name, "id\n1\n2\n", pipeline=pipeline)
        assert works.run(pipeline, ref=PRODUCTION).state is RunState.SUCCEEDED
    head = works.head(PRODUCTION)
    for name in ("raw", "rest"):
        works.roll_back(tables=(name,))
    assert held(works) == ["p", "q"]
    works.roll_back(to=head, tables=("rest",))
    assert (held(works), works.rows("rest", PRODUCTION)) == (["p"], [(1,), (2,)])


def test_values_of_variables_are_taken_back_and_held(works: Works) -> None:
    works.load("raw", "id\n1\n2\n")
    works.sql("best", "SELECT id FROM raw WHERE id < $most")
    works.sql("apart", "SELECT 1 AS id", pipeline="q")
    for most in (5, 7):
        works.write("galley.yaml", f"name: works\nvariables:\n  most: {most}\n")
        assert works.promote().state is RunState.SUCCEEDED
    works.roll_back()
    assert (held(works), works.rows("best", PRODUCTION)) == (["p"], [(1,), (2,)])
    with works.home.database.read() as conn:
        there = activated_in(conn, works.name, PRODUCTION)
    assert there is not None
    assert there.variables == {"most": 5}
    assert isinstance(refusal(works.launch_promotion), HeldError)
    works.write("galley.yaml", "name: works\nvariables:\n  most: 6\n")
    assert works.promote().state is RunState.SUCCEEDED
