"""The databases that tests run on are real and start empty."""

import pytest
from sqlalchemy import create_engine, inspect, text


@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_never_sees_the_tables_of_another(db_url: str, turn: int) -> None:
    engine = create_engine(db_url)
    try:
        assert inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE mark (turn INTEGER)"))
            connection.execute(text("INSERT INTO mark VALUES (:turn)"), {"turn": turn})
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT turn FROM mark")) == turn
    finally:
        engine.dispose()


@pytest.mark.postgres
def test_postgres_is_the_real_one(pg_url: str) -> None:
    engine = create_engine(pg_url)
    try:
        with engine.connect() as connection:
            version = connection.scalar(text("SELECT version()"))
    finally:
        engine.dispose()
    assert str(version).startswith("PostgreSQL 18")
