"""One counter of field ids per table, whoever asks, and how many at once."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from galley.db.engine import Database
from galley.lake.field_ids import allocate
from galley.lake.model import FieldKey


def keys(*names: str) -> tuple[FieldKey, ...]:
    return tuple(FieldKey(-1, name, "int") for name in names)


def test_a_column_keeps_its_id_and_another_never_gets_it(conn: Connection) -> None:
    assert allocate(conn, "t1", keys("a", "b"), 0) == (1, 2)
    assert allocate(conn, "t1", keys("b", "c", "A"), 0) == (2, 3, 1)
    assert allocate(conn, "t2", keys("a"), 0) == (1,)


def test_type_parent_and_incarnation_make_another_column(conn: Connection) -> None:
    variants = (
        FieldKey(-1, "a", "int"),
        FieldKey(-1, "a", "long"),
        FieldKey(1, "a", "int"),
        FieldKey(-1, "a", "int", incarnation=1),
    )
    assert allocate(conn, "t1", (*variants, variants[0]), 0) == (1, 2, 3, 4, 1)


def test_ids_begin_above_what_the_table_has(conn: Connection) -> None:
    assert allocate(conn, "t1", keys("a"), 17) == (18,)
    assert allocate(conn, "t1", keys("b"), 3) == (19,)
    assert allocate(conn, "t1", (), 40) == ()
    assert allocate(conn, "t1", keys("c"), 0) == (41,)


def test_two_that_ask_at_once_never_share_an_id(database: Database) -> None:
    def ask(number: int) -> dict[str, int]:
        names = ("shared", f"own{number}", f"pair{number // 2}")
        with database.write() as conn:
            return dict(zip(names, allocate(conn, "t1", keys(*names), 0), strict=True))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(16)))
    pairs = {pair for answer in answers for pair in answer.items()}
    assert len({name for name, _ in pairs}) == len(pairs) == len({id_ for _, id_ in pairs}) == 25
