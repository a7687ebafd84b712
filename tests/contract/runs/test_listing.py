"""Runs as lists, on both databases."""

from pathlib import Path

from galley.db.engine import Database
from galley.runs import listing
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
        wanted = listing.Wanted(SHOP, pipeline="p")
        page = listing.page(connection, wanted, limit=1)
        after = listing.page(connection, wanted, after=(page[0].created, page[0].id))
    ids = {name: [run.id for run in runs] for name, runs in found.items()}
    assert ids == {"p": [made[1], made[0]], "q": [made[2], made[1]], "r": []}
    assert [run.id for run in (*page, *after)] == ids["p"]
    assert [runs[0].id for runs in last.values()] == [made[1], made[2]]
