"""Bringing a database to the schema of this version.

A fresh database is made in one transaction from the tables' definitions and stamped with the
heads of the migration branches (one branch per domain); an older one is migrated by Alembic, which
is imported only then. A test proves that both ways lead to the same schema.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select

from galley.db.base import metadata
from galley.db.engine import Database
from galley.errors import HomeVersionError

HEADS = ("governance_0001", "lake_0001", "runs_0001")
"""The newest revision of every domain's branch."""

MIGRATIONS = Path(__file__).parent / "migrations"

_stamps = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def prepare(database: Database) -> None:
    """Create or migrate the schema; do nothing when it is up to date.

    Raises:
        HomeVersionError: the database was made by a newer version of Galley.
    """
    with database.read() as connection:
        stamped = _stamped(connection)
    if stamped == set(HEADS):
        return
    if stamped is None:
        _create(database)
        return
    if _known(stamped):
        _migrate(database)
        return
    raise HomeVersionError(
        f"this home was made by a newer version of Galley (its schema is at "
        f"{', '.join(sorted(stamped - set(HEADS)))})",
        hint="upgrade with `pip install --upgrade galley-dataops`; nothing was changed",
    )


def _stamped(connection: Connection) -> set[str] | None:
    if not inspect(connection).has_table(_stamps.name):
        return None
    return set(connection.execute(select(_stamps.c.version_num)).scalars())


def _create(database: Database) -> None:
    with database.write() as connection:
        if _stamped(connection) is not None:
            return
        metadata.create_all(connection)
        _stamps.create(connection)
        connection.execute(insert(_stamps), [{"version_num": head} for head in HEADS])


def _known(revisions: set[str]) -> bool:
    files = {path.stem for path in (MIGRATIONS / "versions").glob("*.py")}
    return revisions <= files


def _migrate(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")
