"""Field ids of columns: one counter per table, shared by all refs, so that no two columns mix."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from galley.lake import tables as t
from galley.lake.model import FieldKey
from galley.lake.rows import insert_rows

_Key = tuple[int, str, str, int]


def allocate(
    conn: Connection, table_id: str, keys: tuple[FieldKey, ...], at_least: int
) -> tuple[int, ...]:
    """The ids of columns, in the order asked for; the same column always has the same id.

    New ids are above ``at_least`` (the highest id in the table's metadata) and above all given
    before. Names differ by more than case.
    """
    wanted = [_key(key) for key in keys]
    known = _known(conn, table_id)
    fresh = [key for key in dict.fromkeys(wanted) if key not in known]
    following = _reserve(conn, table_id, at_least, len(fresh))
    if conn.dialect.name != "sqlite":
        # Where several write at once somebody may have come between; ids are not scarce.
        known = _known(conn, table_id)
        fresh = [key for key in fresh if key not in known]
    known.update((key, following + place) for place, key in enumerate(fresh))
    insert_rows(conn, t.field_id, [_row(table_id, key, known[key]) for key in fresh])
    return tuple(known[key] for key in wanted)


def _reserve(conn: Connection, table_id: str, at_least: int, count: int) -> int:
    """The first of ``count`` ids that nobody else is given; others wait for their turn from now."""
    given = {"own_id": table_id, "least": at_least, "count": count}
    last: int = conn.execute(_raise(conn.dialect.name), given).scalar_one()
    return last - count + 1


@cache
def _raise(dialect: str) -> ReturningInsert[Any]:
    last = t.field_counter.c.last
    least, count = bindparam("least", type_=last.type), bindparam("count", type_=last.type)
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return (
        insert(t.field_counter)
        .values(table_id=bindparam("own_id"), last=least + count)
        .on_conflict_do_update(
            index_elements=["table_id"],
            set_={"last": case((last < least, least), else_=last) + count},
        )
        .returning(last)
    )


_KNOWN = select(t.field_id).where(t.field_id.c.table_id == bindparam("own_id"))


def _known(conn: Connection, table_id: str) -> dict[_Key, int]:
    rows = conn.execute(_KNOWN, {"own_id": table_id})
    return {(row.parent, row.name, row.type, row.incarnation): row.id for row in rows}


def _key(key: FieldKey) -> _Key:
    return key.parent, key.name.lower(), key.type, key.incarnation


def _row(table_id: str, key: _Key, field_id: int) -> dict[str, str | int]:
    parent, name, type_, incarnation = key
    return {
        "table_id": table_id,
        "parent": parent,
        "name": name,
        "type": type_,
        "incarnation": incarnation,
        "id": field_id,
    }
