"""Field ids of columns: one counter per table, shared by all refs, so that no two columns mix."""

from __future__ import annotations

from sqlalchemy import Connection, case, select, update

from galley.lake import tables as t
from galley.lake.model import FieldKey
from galley.lake.rows import insert_rows, upsert

_Key = tuple[int, str, str, int]


def allocate(
    conn: Connection, table_id: str, keys: tuple[FieldKey, ...], at_least: int
) -> tuple[int, ...]:
    """The ids of columns, in the order asked for; the same column always has the same id.

    New ids are above ``at_least`` (the highest id in the table's metadata) and above all given
    before. Names differ by more than case.
    """
    last = _lock(conn, table_id, at_least)
    known = _known(conn, table_id)
    wanted = [_key(key) for key in keys]
    fresh = [key for key in dict.fromkeys(wanted) if key not in known]
    known.update((key, last + place) for place, key in enumerate(fresh, start=1))
    if fresh:
        insert_rows(conn, t.field_id, [_row(table_id, key, known[key]) for key in fresh])
        mine = t.field_counter.c.table_id == table_id
        conn.execute(update(t.field_counter).where(mine).values(last=last + len(fresh)))
    return tuple(known[key] for key in wanted)


def last_field_id(conn: Connection, table_id: str) -> int:
    """The highest id given to a column of the table, 0 before the first."""
    counter = t.field_counter.c
    last: int | None = conn.scalar(select(counter.last).where(counter.table_id == table_id))
    return last or 0


def _lock(conn: Connection, table_id: str, at_least: int) -> int:
    """Raise the counter to ``at_least`` and hold its row, so that others wait for their turn."""
    last = t.field_counter.c.last
    statement = (
        upsert(conn, t.field_counter)
        .values(table_id=table_id, last=at_least)
        .on_conflict_do_update(
            index_elements=["table_id"],
            set_={"last": case((last < at_least, at_least), else_=last)},
        )
        .returning(last)
    )
    raised: int = conn.execute(statement).scalar_one()
    return raised


def _known(conn: Connection, table_id: str) -> dict[_Key, int]:
    f = t.field_id.c
    rows = conn.execute(select(t.field_id).where(f.table_id == table_id))
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
