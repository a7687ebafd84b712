"""Windows of time: true to the calendar, half-open, unique."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.clock import from_datetime
from galley.errors import WindowError
from galley.project.model import WindowSpec, WindowUnit
from galley.project.windows import complete_until, parse_range, shift, spans


def spec(by: str, timezone: str = "UTC", end: str | None = None) -> WindowSpec:
    return WindowSpec("at", WindowUnit(by), timezone=timezone, end=end)


def test_days_are_half_open() -> None:
    assert spans(spec("day"), "2024-02-28", "2024-03-01") == (
        ("2024-02-28", "2024-02-29"),
        ("2024-02-29", "2024-03-01"),
    )


def test_weeks_begin_on_monday() -> None:
    assert parse_range("2024-01-03", spec("week")) == ("2024-01-01", "2024-01-08")
    assert spans(spec("week"), "2024-01-03", "2024-01-09") == (
        ("2024-01-01", "2024-01-08"),
        ("2024-01-08", "2024-01-15"),
    )


def test_months_have_their_own_length() -> None:
    assert parse_range("2024-02", spec("month")) == ("2024-02-01", "2024-03-01")
    assert spans(spec("month"), "2023-12-01", "2024-02-01") == (
        ("2023-12-01", "2024-01-01"),
        ("2024-01-01", "2024-02-01"),
    )


def test_hours_without_a_changing_clock_have_no_offset() -> None:
    assert spans(spec("hour"), "2024-01-01", "2024-01-01T02:00:00") == (
        ("2024-01-01T00:00:00", "2024-01-01T01:00:00"),
        ("2024-01-01T01:00:00", "2024-01-01T02:00:00"),
    )
    assert parse_range("2024-01-01", spec("hour", "Asia/Kolkata")) == (
        "2024-01-01T00:00:00",
        "2024-01-02T00:00:00",
    )


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_a_day_on_which_the_clock_changes_has_other_hours(day: str, hours: int) -> None:
    zurich = spec("hour", "Europe/Zurich")
    start, end = parse_range(day, zurich)
    found = spans(zurich, start, end)
    assert len(found) == len(set(found)) == hours
    assert [one[1] for one in found[:-1]] == [one[0] for one in found[1:]]
    assert len(spans(spec("day", "Europe/Zurich"), day, end[:10])) == 1


def test_an_hour_that_comes_twice_is_two_windows() -> None:
    zurich = spec("hour", "Europe/Zurich")
    found = spans(zurich, "2024-10-27T02:00:00+02:00", "2024-10-27T03:00:00+01:00")
    assert [one[0] for one in found] == ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]


def test_a_key_is_its_own_window() -> None:
    assert parse_range("north..south", spec("key")) == ("north..south", "north..south")
    assert spans(spec("key"), "a", "a") == (("a", "a"),)


@pytest.mark.parametrize(
    "text", ["2024-01-02..2024-01-02", "2024-01-02..2024-01-01", "..2024-01-01", "x", "2024-13-01"]
)
def test_a_range_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(WindowError):
        parse_range(text, spec("day"))


def test_only_windows_that_are_over_are_complete() -> None:
    now = from_datetime(datetime(2024, 3, 13, 23, 30, tzinfo=UTC))
    assert complete_until(spec("day"), now) == "2024-03-13"
    assert complete_until(spec("day", "Europe/Zurich"), now) == "2024-03-14"
    assert complete_until(spec("week"), now) == "2024-03-11"
    assert complete_until(spec("month"), now) == "2024-03-01"
    assert complete_until(spec("hour"), now) == "2024-03-13T23:00:00"
    assert complete_until(spec("day", end="2024-02-01"), now) == "2024-02-01"


def test_shifting_follows_the_calendar() -> None:
    assert shift(spec("month"), "2024-01-01", -1) == "2023-12-01"
    assert shift(spec("week"), "2024-01-01", 2) == "2024-01-15"
    assert shift(spec("hour", "Europe/Zurich"), "2024-10-27T02:00:00+02:00", 1) == (
        "2024-10-27T02:00:00+01:00"
    )


@given(
    st.sampled_from(["day", "week", "month"]),
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.integers(1, 400),
)
def test_windows_tile_their_range(by: str, first: date, days: int) -> None:
    last = first + timedelta(days=days)
    found = spans(spec(by), first.isoformat(), last.isoformat())
    assert found[0][0] <= first.isoformat() < found[0][1]
    assert found[-1][0] < last.isoformat() <= found[-1][1]
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(parse_range(start, spec(by)) == (start, end) for start, end in found)
