"""Bringing a database to the schema of this version.

A fresh database is made in one transaction from the tables' definitions and stamped with the
heads of the migration branches (one branch per domain); an older one is migrated by Alembic, which
is imported only then. A test proves that both ways lead to the same schema.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, func, insert, inspect, select

from galley.db.base import metadata
from galley.db.engine import Database
from galley.errors import HomeVersionError, UsageError
from galley.version import VERSION

HEADS = ("governance_0001", "lake_0001", "notify_0001", "runs_0001")
"""The newest revision of every domain's branch."""

MIGRATIONS = Path(__file__).parent / "migrations"

_OURS = re.compile(r"(governance|lake|notify|runs)_\d{4}")

_LOCK = 0x6A11E7
"""The number of PostgreSQL's advisory lock under which the schema changes."""

_stamps = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def prepare(database: Database) -> None:
    """Create or migrate the schema; do nothing when it is up to date.

    Of several processes that do so at the same moment one does, and the others find it done.

    Raises:
        HomeVersionError: the database was made by a newer version of Galley.
        UsageError: the database belongs to another application.
        StorageError: this user may not make tables there.
    """
    with database.read() as connection:
        stamped = _stamped(connection)
    if stamped == set(HEADS):
        return
    if stamped is not None:
        _refuse_unknown(database, stamped)
    with database.write() as connection:
        _wait_for_others(connection)
        stamped = _stamped(connection)
        if stamped is None:
            _create(database, connection)
        elif stamped != set(HEADS):
            _refuse_unknown(database, stamped)
            _migrate(connection)


def make(database: Database, connection: Connection, wanted: frozenset[str]) -> None:
    """Make the tables as they were at some revisions, where there are none yet.

    Raises:
        HomeVersionError: a newer version made them.
        UsageError: there are tables already.
    """
    if _stamped(connection) is not None:
        raise UsageError(
            f"the database {database.place} holds a home already",
            hint="choose an empty one: nothing is ever written over",
        )
    if wanted == set(HEADS):
        _create(database, connection)
        return
    _refuse_unknown(database, set(wanted))
    _migrate(connection, sorted(wanted))


def go_on(connection: Connection) -> None:
    """Bring the tables that ``make`` made to this version."""
    if _stamped(connection) != set(HEADS):
        _migrate(connection)


def revisions(connection: Connection) -> frozenset[str]:
    """The revisions that a database is at; none where nothing was made yet."""
    return frozenset(_stamped(connection) or ())


def _stamped(connection: Connection) -> set[str] | None:
    if not inspect(connection).has_table(_stamps.name):
        return None
    return set(connection.execute(select(_stamps.c.version_num)).scalars())


def _wait_for_others(connection: Connection) -> None:
    """On SQLite nobody else is writing by now; elsewhere a lock that ends with the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _create(database: Database, connection: Connection) -> None:
    there = set(inspect(connection).get_table_names()) & set(metadata.tables)
    if there:
        named = ", ".join(sorted(there)[:3])
        raise UsageError(
            f"the database {database.place} has tables that Galley did not make: {named}",
            hint="choose an empty database, or a schema of its own: add "
            "?options=-csearch_path%3Dgalley to GALLEY_DATABASE",
        )
    metadata.create_all(connection, checkfirst=False)  # none is there
    _stamps.create(connection, checkfirst=False)
    connection.execute(insert(_stamps), [{"version_num": head} for head in HEADS])


def _refuse_unknown(database: Database, stamped: set[str]) -> None:
    files = {path.stem for path in (MIGRATIONS / "versions").glob("*.py")}
    unknown = stamped - files
    if not unknown:
        return
    named = ", ".join(sorted(unknown))
    if not any(_OURS.fullmatch(revision) for revision in stamped):
        raise UsageError(
            f"the database {database.place} belongs to another application (alembic at {named})",
            hint="choose a database of Galley's own in GALLEY_DATABASE; nothing was changed",
        )
    raise HomeVersionError(
        f"this home was made by a newer version of Galley than {VERSION}: the schema of "
        f"{database.place} is at {named}",
        hint="upgrade with `pip install --upgrade galley-dataops`; nothing was changed",
    )


def _migrate(connection: Connection, to: Sequence[str] = ("heads",)) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    for revision in to:
        command.upgrade(config, revision)
