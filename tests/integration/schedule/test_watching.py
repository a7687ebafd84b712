"""Files that arrive and values that change: looked at by processes of their own."""

from pathlib import Path

from sqlalchemy import create_engine, text

from galley import bootstrap
from galley.clock import SECOND
from galley.environments.scheduler import Scheduler
from galley.environments.watching import Watcher
from galley.project.model import Connection
from galley.project.schedule import FileArrived, ValueChanged
from galley.runs.runner import sensor
from galley.runs.schedule_tables import trigger as trigger_table
from tests.s3_cast import KEY, SECRET, Store
from tests.schedule_cast import Works, trigger


def look(works: Works, times: int = 1) -> None:
    for _ in range(times):
        works.now += 60 * SECOND
        watcher = Watcher(works.home, Scheduler(works.home), bootstrap.resolve)
        assert watcher.look(works.now) == 1


def test_a_file_fires_once_it_has_come_to_rest(works: Works, tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    (inbox / "old.csv").write_text("there before")
    works.activate(trigger(FileArrived("file", "in/*.csv")))
    works.tick()
    look(works)
    (inbox / "new.csv").write_text("a")
    (inbox / "new.txt").write_text("no match")
    look(works)
    assert works.runs() == []
    look(works)
    assert len(works.runs()) == 1
    (inbox / "old.csv").unlink()
    look(works)
    assert len(works.runs()) == 1


def test_a_value_of_a_database_fires_when_it_changes(works: Works, pg_url: str) -> None:
    engine = create_engine(pg_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE orders (id int)"))
    plain = pg_url.replace("postgresql+psycopg", "postgresql")
    works.connections = {"erp": Connection("erp", "postgres", plain)}
    query = "SELECT max(id) FROM orders"
    works.activate(trigger(ValueChanged("sql", query, "erp")))
    works.tick()
    look(works, 2)
    assert works.runs() == []
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO orders VALUES (7)"))
    look(works, 2)
    assert len(works.runs()) == 1
    with engine.connect() as connection:
        connection.execute(text("DROP TABLE orders"))
    engine.dispose()
    look(works)
    (row,) = works.rows(trigger_table)
    assert "UndefinedTable" in row["state"]["error"]


def test_objects_of_a_bucket_match_a_pattern(store: Store) -> None:
    for name in ("a.csv", "b.txt", "deep/c.csv"):
        store.raw.put_object(Bucket=store.bucket, Key=f"{store.prefix}/{name}", Body=b"1")
    given = {"url": store.endpoint, "region": "us-east-1", "key": KEY, "secret": SECRET}
    for pattern, count in (("*.csv", 1), ("**/*.csv", 2), ("", 2), ("none/*", 0)):
        told = {"pattern": f"{store.root}/{pattern}", "connection": given}
        assert len(sensor.files(told)) == count
