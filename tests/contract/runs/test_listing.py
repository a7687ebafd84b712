"""Runs as lists, on both databases."""

from pathlib import Path

from galley.db.engine import Database
from galley.runs import listing
from galley.runs.listing import Wanted
from galley.runs.model import RunCause
from tests.lake_cast import SHOP
from tests.schedule_cast import Works


def test_a_run_of_several_pipelines_is_a_run_of_each(database: Database, tmp_path: Path) -> None:
    works = Works(database, tmp_path)
    works.activate()
    made = []
    for pipeline in ("p", "p q", "q", "pq"):
        works.now += 1
        made.append(works.manual_run(pipeline))
    with works.database.read() as connection:
        found = listing.newest(connection, SHOP, ["p", "q", "r"], ref="production", each=5)
        last = listing.newest(connection, SHOP, ["p", "q"], each=1)
        wanted = Wanted(SHOP, "p", cause=RunCause.MANUAL)
        first = listing.page(connection, wanted, limit=1)
        rest = listing.page(connection, wanted, after=(first[0].created, first[0].id))
        assert listing.page(connection, Wanted(SHOP, "r")) == []
    ids = {name: [run.id for run in runs] for name, runs in found.items()}
    assert ids == {"p": [made[1], made[0]], "q": [made[2], made[1]], "r": []}
    assert [runs[0].id for runs in last.values()] == [made[1], made[2]]
    assert [run.id for run in (*first, *rest)] == [made[1], made[0]]
