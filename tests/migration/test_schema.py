"""A fresh schema is the same as a migrated one, and homes of other versions are recognised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import galley.bootstrap
from galley.db import schema
from galley.db.engine import Database, open_database, sqlite_url
from galley.errors import CorruptHomeError, HomeVersionError


def migrated(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")


def shape(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    found = {}
    for table in inspector.get_table_names():
        columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)}
        indexes = sorted(
            (str(i["name"]), tuple(i["column_names"]), bool(i["unique"]))
            for i in inspector.get_indexes(table)
        )
        keys = tuple(inspector.get_pk_constraint(table)["constrained_columns"])
        found[table] = (columns, indexes, keys)
    return found


def test_fresh_schema_equals_migrated_schema(db_url: str) -> None:
    database = open_database(db_url)
    schema.prepare(database)
    with database.read() as connection:
        fresh = shape(connection)
    with database.write() as connection:
        for name in fresh:
            connection.execute(text(f'DROP TABLE "{name}"'))
    migrated(database)
    with database.read() as connection:
        assert shape(connection) == fresh
    database.close()


def test_heads_are_the_newest_revisions() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert set(ScriptDirectory.from_config(config).get_heads()) == set(schema.HEADS)


def test_preparing_twice_changes_nothing(db_url: str) -> None:
    database = open_database(db_url)
    schema.prepare(database)
    with database.read() as connection:
        before = shape(connection)
    schema.prepare(database)
    with database.read() as connection:
        assert shape(connection) == before
    database.close()


def test_a_home_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "galley.db"))
    schema.prepare(database)
    with database.write() as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES ('lake_9999')"))
    with pytest.raises(HomeVersionError, match="lake_9999") as caught:
        schema.prepare(database)
    assert "upgrade" in (caught.value.hint or "")
    database.close()


def test_an_older_home_is_migrated(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "galley.db"))
    migrated(database)
    with database.write() as connection:
        connection.execute(text("DELETE FROM alembic_version WHERE version_num LIKE 'runs%'"))
        for name in [n for n in inspect(connection).get_table_names() if n.startswith("run")]:
            connection.execute(text(f"DROP TABLE {name}"))
    schema.prepare(database)
    with database.read() as connection:
        assert inspect(connection).has_table("run")
    database.close()


def test_a_corrupt_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "galley.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(CorruptHomeError, match="cannot be read"):
        galley.bootstrap.open_home(tmp_path)
