"""Loading a table of a real PostgreSQL database."""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from galley.project.model import (
    Connection,
    LoadSpec,
    Materialize,
    Step,
    WindowSpec,
    WindowUnit,
)
from tests.runner_cast import Bench, days

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(pg_url: str) -> str:
    """A database with a table of every common type."""
    address = pg_url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders (id bigint, price numeric(10,2), loose numeric, made timestamptz,"
            " day date, name text, code uuid, raw jsonb, tags text[], small smallint, ok boolean)"
        )
        connection.execute(
            "INSERT INTO orders SELECT i, i * 1.25, i * 0.5, '2020-01-01 12:00+01',"
            " date '2020-01-01' + i, 'name ' || i, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',"
            " '{\"a\": 1}',"
            " ARRAY['x', 'y'], i, i > 1 FROM generate_series(1, 3) i"
        )
    return address


def orders(bench: Bench, url: str, table: str = "orders", **options: object) -> Step:
    step = bench.load(None, "postgres")
    return replace(step, load=LoadSpec("postgres", url=url, table=table, options=options))


def test_a_table_with_its_types(bench: Bench, url: str) -> None:
    done = bench.run(orders(bench, url))
    assert bench.types("loaded") == {
        "id": "long",
        "price": "decimal(10, 2)",
        "loose": "double",
        "made": "timestamptz",
        "day": "date",
        "name": "string",
        "code": "uuid",
        "raw": "string",
        "tags": "list<string>",
        "small": "int",
        "ok": "boolean",
    }
    row = bench.query("SELECT * EXCLUDE made, epoch_us(made) FROM loaded WHERE id = 2")[0]
    code = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    noon = int(datetime(2020, 1, 1, 11, tzinfo=UTC).timestamp()) * 1_000_000
    assert row[:5] == (2, Decimal("2.50"), 1.0, date(2020, 1, 3), "name 2")
    assert row[5:] == (code, '{"a": 1}', ["x", "y"], 2, True, noon)
    assert [warning for warning in done.warnings if "'loose'" in warning]


def test_options(bench: Bench, url: str) -> None:
    step = orders(
        bench,
        url,
        columns=["id", "loose"],
        where="id >= 2 -- not the first",
        types={"loose": "DECIMAL(18, 4)"},
        schema="public",
    )
    done = bench.run(step)
    assert bench.rows("loaded") == [(2, Decimal("1.0000")), (3, Decimal("1.5000"))]
    assert done.warnings == ()


def test_a_connection_with_a_secret(bench: Bench, url: str) -> None:
    place, _, rest = url.partition("postgres@")
    address = f"{place}postgres:${{password}}@{rest}"
    connections = {"shop": Connection("shop", "postgres", address)}
    bench.run(orders(bench, "shop"), connections=connections, secrets={"password": "s3cret/!"})
    assert bench.query("SELECT count(*) FROM loaded") == [(3,)]


def test_windows(bench: Bench, url: str) -> None:
    step = replace(
        orders(bench, url),
        materialize=Materialize.WINDOW,
        window=WindowSpec("day", WindowUnit.DAY),
    )
    done = bench.run(step, spans=days(2, 3))
    assert done.rows == 2


def test_an_unknown_table_and_column(bench: Bench, url: str) -> None:
    failed = bench.fail(orders(bench, url, "public.ordres"))
    assert failed.error == "galley.errors.InputDataError"
    assert failed.message == "the database has no table public.ordres"
    failed = bench.fail(orders(bench, url, "ordres"))
    assert failed.hint == "did you mean 'orders'?"
    failed = bench.fail(orders(bench, url, columns=["nam"]))
    assert failed.hint == "did you mean 'name'?"


def test_a_condition_that_fails(bench: Bench, url: str) -> None:
    failed = bench.fail(orders(bench, url, where="nonsense > 1"))
    assert failed.error == "galley.errors.InputDataError"
    assert "nonsense" in failed.message


@pytest.mark.parametrize("host", ["127.0.0.1:1", "[::1]:1"])
def test_a_server_that_is_not_there(bench: Bench, host: str) -> None:
    address = f"postgresql://me:${{password}}@{host}/shop"
    failed = bench.fail(orders(bench, address), secrets={"password": "hunter2"})
    assert failed.error == "galley.errors.UnavailableError"
    assert "/shop cannot be reached" in failed.message
    assert "hunter2" not in repr(failed)


def test_without_the_driver(bench: Bench, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    failed = bench.fail(orders(bench, url))
    assert failed.error == "galley.errors.MissingExtraError"
    assert failed.hint == "pip install 'galley-dataops[postgres]'"


def test_an_empty_table(bench: Bench, url: str) -> None:
    done = bench.run(orders(bench, url, where="false"))
    assert (done.rows, len(bench.types("loaded"))) == (0, 11)


def test_a_preview(bench: Bench, url: str) -> None:
    done = bench.run(orders(bench, url, columns=["id", "code"]), preview=1)
    assert done.preview is not None
    assert len(done.preview["rows"]) == 1
