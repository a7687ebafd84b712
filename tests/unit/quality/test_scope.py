"""Windows as conditions, and as whole files."""

from datetime import date
from typing import Any

import pytest

from galley.lake.model import Span
from galley.lake.reading import ColumnStatistics, FileInfo
from galley.quality.scope import Scope, scope_of


def day(number: int) -> Span:
    return Span(f"2013-01-{number:02}", f"2013-01-{number + 1:02}")


def file(first: int, last: int, nulls: int | None = 0, exact: bool = True) -> FileInfo:
    edges = (date(2013, 1, first), date(2013, 1, last))
    return FileInfo("f", 10, 100, {"day": ColumnStatistics(nulls, *edges, exact, None)})


def test_windows_are_half_open_and_those_that_touch_are_one() -> None:
    scope = scope_of("day", "date", (day(2), day(1), day(5)))
    assert scope.sql == (
        "(\"day\" >= DATE '2013-01-01' AND \"day\" < DATE '2013-01-03')"
        " OR (\"day\" >= DATE '2013-01-05' AND \"day\" < DATE '2013-01-06')"
    )
    assert scope.spans == (day(1), day(2), day(5))


def test_a_key_window_is_an_equality() -> None:
    assert scope_of("part", "long", (Span("7", "7"),)).sql == '"part" = 7'
    assert scope_of("part", "string", (Span("it's", "it's"),)).sql == "\"part\" = 'it''s'"


def test_a_day_of_another_zone_is_another_instant() -> None:
    scope = scope_of("at", "timestamptz", (day(1),), "America/New_York")
    assert "TIMESTAMPTZ '2013-01-01 05:00:00+00:00'" in scope.sql


def test_no_spans_or_no_column_mean_the_whole_table() -> None:
    assert scope_of("day", "date", ()) == scope_of(None, None, (day(1),)) == Scope()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ((file(1, 1), file(2, 2), file(3, 3)), 1),
        ((file(1, 1), file(4, 4)), 0),
        ((file(1, 2),), None),
        ((file(2, 3),), None),
        ((file(2, 2, nulls=1),), None),
        ((file(2, 2, nulls=None),), None),
        ((file(2, 2, exact=False),), None),
    ],
)
def test_whole_files_are_found_or_nothing_is_claimed(files: Any, found: int | None) -> None:
    within = scope_of("day", "date", (day(2),)).whole_files(files)
    assert (None if within is None else len(within)) == found
