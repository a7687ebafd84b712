"""What a SELECT reads, as SQLGlot and as DuckDB's own parser see it."""

import pytest

from galley.errors import DefinitionError
from galley.project import duck
from galley.project.sql_analysis import analyse

READS = [
    ("SELECT * FROM a", ("a",)),
    ("FROM A SELECT x", ("a",)),
    ("SELECT * FROM a JOIN other.B USING (x)", ("a", "other.b")),
    ("WITH a AS (SELECT * FROM b) SELECT * FROM a", ("b",)),
    ("WITH a AS (SELECT * FROM a) SELECT * FROM A", ("a",)),
    ("WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT * FROM b, c", ("c",)),
    ("WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) SELECT * FROM r", ()),
    ("SELECT (SELECT max(x) FROM b) AS m FROM a WHERE EXISTS (FROM c)", ("b", "a", "c")),
    ("SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT * FROM x) y, x", ("x",)),
    ("SELECT * FROM a UNION ALL SELECT * FROM b", ("a", "b")),
    ("SELECT * FROM range(3), unnest([1]), a", ("a",)),
    ("VALUES (1)", ()),
    ("SELECT list_transform(x, y -> y + 1) AS z FROM a ASOF JOIN b USING (t)", ("a", "b")),
]


@pytest.mark.parametrize(("sql", "tables"), READS)
def test_the_tables_a_select_reads(sql: str, tables: tuple[str, ...]) -> None:
    assert set(analyse(sql, "a.sql").tables) == set(tables)
    assert {".".join(parts).lower() for parts in duck.find(sql).tables} == set(tables)


def test_newer_sql_goes_to_duckdb() -> None:
    sql = "SELECT * FROM a LIMIT 10 PERCENT OFFSET 1"
    assert analyse(sql, "a.sql").tables == ("a",)


@pytest.mark.parametrize(
    ("sql", "reasons"),
    [
        ("SELECT now() AS t", ("now()",)),
        ("SELECT current_date AS d, t.random FROM t", ("current_date",)),
        ("SELECT 'now()' AS s, \"random\" FROM t -- uuid()", ()),
        ("SELECT * FROM a LIMIT 3", ("LIMIT without ORDER BY",)),
        ("SELECT * FROM a ORDER BY x LIMIT 3", ()),
        ("SELECT * FROM (SELECT * FROM a LIMIT 3) ORDER BY x", ("LIMIT without ORDER BY",)),
        ("SELECT * FROM a USING SAMPLE 3", ("a sample without REPEATABLE",)),
        ("SELECT $now AS t", ()),
    ],
)
def test_why_a_result_may_change(sql: str, reasons: tuple[str, ...]) -> None:
    assert analyse(sql, "a.sql").volatile == reasons


def test_layout_and_comments_do_not_change_the_code() -> None:
    first = analyse("SELECT a, 'x  y' FROM t -- c", "a.sql")
    assert analyse("/* c */ SELECT a,\n  'x  y'\nFROM t;", "a.sql").code_hash == first.code_hash
    assert analyse("SELECT a, 'x y' FROM t", "a.sql").code_hash != first.code_hash


def test_parameters_are_named_once() -> None:
    found = analyse("SELECT $a + $b + $a, '$c', $start FROM t WHERE d < $end", "a.sql")
    assert found.parameters == ("a", "b")
    assert found.built_in == ("start", "end")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "the file holds no SELECT"),
        ("-- nothing", "the file holds no SELECT"),
        ("SELECT 1; SELECT 2", "here are 2 statements"),
        ("INSERT INTO t SELECT 1", "begins with INSERT"),
        ("PRAGMA version", "begins with PRAGMA"),
        ("ATTACH 'x'", "begins with ATTACH"),
        ("COPY t TO 'x'", "begins with COPY"),
        ("WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a", "holds INSERT"),
        ("SELECT * FROM 'a.parquet'", "'a.parquet' is not a table"),
        ("SELECT * FROM query_table('x')", r"query_table\(\) reads from outside"),
        ("SELECT * FROM a.b.c", "too many parts"),
        ("SELECT ? FROM t", "has no name"),
        ("SELECT $1 FROM t", "has no name"),
        ("SELECT * FROM {{ ref('x') }}", "templates are not used"),
        ("SELEC 1", "cannot be parsed"),
        ("SELECT 'open", "cannot be parsed"),
        ("SELECT * FROM t WHERE (", "cannot be parsed"),
    ],
)
def test_what_is_no_step(sql: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        analyse(sql, "a.sql")


def test_a_long_condition_does_not_exhaust_the_stack() -> None:
    condition = " OR ".join(f"x = {number}" for number in range(3000))
    assert analyse(f"SELECT * FROM t WHERE {condition}", "a.sql").tables == ("t",)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT a, t.b, c + 1 AS d, count(*) AS n FROM t", ("a", "b", "d", "n")),
        ('FROM t SELECT x: a, b "odd name"', ("x", "odd name")),
        ("WITH w AS (SELECT * FROM t) (SELECT q FROM w) UNION ALL SELECT r FROM w", ("q",)),
        ("SELECT a FROM (PIVOT t ON x USING sum(y))", ("a",)),
        ("SELECT (SELECT max(x) FROM (SELECT * FROM u)) AS m FROM t", ("m",)),
        ("SELECT a, t.* FROM t", None),
        ("SELECT a, * EXCLUDE (b) FROM t", None),
        ("FROM t", None),
        ("SELECT max(COLUMNS(*)) AS m FROM t", None),
        ("SELECT unnest(s) AS x FROM t", None),
        ("SELECT a, b + 1 FROM t", None),
        ("SELECT a FROM t UNION BY NAME SELECT b FROM u", None),
        ("PIVOT t ON x USING sum(y)", None),
        ("VALUES (1)", None),
    ],
)
def test_the_columns_a_select_list_names(sql: str, columns: tuple[str, ...] | None) -> None:
    assert analyse(sql, "a.sql").columns == columns


def test_columns_are_remembered() -> None:
    known: dict[str, duck.Found] = {}
    for _ in range(2):
        assert analyse("SELECT a FROM t", "a.sql", known=known).columns == ("a",)
