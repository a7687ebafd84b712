"""Values as SQL in the type of their column, and conditions that keep to themselves."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from galley.quality.literals import CheckError, fragment, literal, number, pasted, typed


@pytest.mark.parametrize(
    ("value", "type_", "sql"),
    [
        (3, "long", "3"),
        ("3", "int", "3"),
        (2.5, "long", "2.5"),
        (3, "double", "3.0::DOUBLE"),
        (3, "string", "'3'"),
        ("O'Hare", "string", "'O''Hare'"),
        ("2013-01-01", "date", "DATE '2013-01-01'"),
        (date(2013, 1, 1), "timestamp", "TIMESTAMP '2013-01-01 00:00:00'"),
        ("2013-01-01T01:00:00+02:00", "timestamptz", "TIMESTAMPTZ '2012-12-31 23:00:00+00:00'"),
        (True, "boolean", "TRUE"),
        (None, "long", "NULL"),
        (["a", 1], "", "['a', 1]"),
        (Decimal("1.50"), "decimal(9, 2)", "1.50"),
    ],
)
def test_a_literal_has_the_type_of_its_column(value: Any, type_: str, sql: str) -> None:
    assert literal(value, type_) == sql


@pytest.mark.parametrize(("value", "type_"), [("x", "long"), ("soon", "date"), ("nan?", "double")])
def test_what_is_no_value_of_the_column_is_refused(value: Any, type_: str) -> None:
    with pytest.raises(CheckError, match="is no value"):
        typed(value, type_)


def test_an_instant_without_zone_is_utc() -> None:
    assert typed("2013-01-01", "timestamptz") == datetime(2013, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("sql", ["a) OR (b", "(a", "a; DROP TABLE b", "", "-- nothing"])
def test_a_condition_cannot_leave_its_brackets(sql: str) -> None:
    with pytest.raises(CheckError):
        fragment(sql)


def test_a_comment_cannot_swallow_the_bracket() -> None:
    assert fragment("a > ')' -- (") == "(a > ')' -- (\n)"


def test_variables_are_written_out_but_not_in_texts_and_comments() -> None:
    sql = "a < $most AND b = '$most' -- $most"
    assert pasted(sql, {"most": 60}) == "a < 60 AND b = '$most' -- $most"


@pytest.mark.parametrize(
    ("value", "text"),
    [(336776, "336,776"), (1.5, "1.5"), (float("nan"), "nan"), (2e9, "2,000,000,000")],
)
def test_numbers_read_well(value: float, text: str) -> None:
    assert number(value) == text
