"""What fires when: nothing is missed and nothing fires twice, whatever clocks and looks do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.clock import SECOND, from_datetime, to_datetime
from galley.project import cron
from galley.project.schedule import CatchUp, Cron, Every, On, Overlap, Promise
from galley.runs import triggers
from galley.runs.triggers import Decision, look

HOUR = 3600 * SECOND
START = from_datetime(datetime(2026, 3, 27, tzinfo=UTC))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago")
EXPRESSIONS = (
    "30 2 * * *",
    "0 0 * * *",
    "*/20 * * * *",
    "15 */3 * * *",
    "*/15 1-3 * * 6,0",
    "5 6 29 3,10 *",
)
whens: st.SearchStrategy[On] = st.one_of(
    st.builds(Cron, st.just("cron"), st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES)),
    st.builds(Every, st.just("every"), st.sampled_from((60.0, 900.0, 4000.5, 86400.0))),
)
steps = st.lists(
    st.integers(-3 * HOUR, 3 * HOUR) | st.integers(0, 90 * SECOND) | st.just(40 * HOUR), max_size=25
)


def all_times(on: On, until: int) -> list[int]:
    return list(takewhile(lambda at: at <= until, triggers.times(on, START, START)))


@given(whens, steps, st.integers(1, 50))
def test_every_time_fires_once_whatever_the_clock_does(on: On, moves: list[int], most: int) -> None:
    now = seen = latest = START
    fired: list[int] = []
    for move in moves:
        now += move
        latest = max(latest, now)
        while True:
            found = look(on, CatchUp.ALL, START, seen, now, most=most)
            fired += found.fires
            assert found.seen >= seen
            assert not found.missed
            seen = found.seen
            if found.due is None or found.due > now or not found.fires:
                break
    assert fired == all_times(on, latest)


@given(whens, steps, st.sampled_from((CatchUp.NONE, CatchUp.LAST)))
def test_what_is_not_caught_up_is_told(on: On, moves: list[int], catch_up: CatchUp) -> None:
    now = seen = latest = START
    fired: list[int] = []
    missed: list[int] = []
    for move in moves:
        now += move
        latest = max(latest, now)
        late: list[int] = []
        while (found := look(on, catch_up, START, seen, now)).fires or found.missed:
            fired += found.fires
            missed += found.missed
            seen = found.seen
            late += [at for at in found.fires if now - at > triggers.ON_TIME]
        assert len(late) <= (catch_up is CatchUp.LAST)
    assert sorted(fired + missed) == all_times(on, latest)


@given(whens, st.integers(0, 400 * 24 * HOUR))
def test_the_time_to_look_again_is_the_next_one(on: On, after: int) -> None:
    seen = START + after
    found = look(on, CatchUp.LAST, START, seen, seen)
    assert found.due == triggers.next_time(on, START, seen)
    assert found.due is not None
    assert found.due > seen


@given(
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 500 * 24 * 60),
)
def test_a_time_of_the_day_comes_once_a_day(zone: str, hour: int, minute: int, at: int) -> None:
    """Once on every date of the calendar: at that time, or right after the gap that it is in."""
    place = ZoneInfo(zone)
    after = START + at * 60 * SECOND
    times = cron.times(f"{minute} {hour} * * *", zone, after)
    first, second = next(times), next(times)
    one, two = (to_datetime(moment).astimezone(place) for moment in (first, second))
    assert (two.date() - one.date()).days == 1
    for moment in (one, two):
        wanted = moment.replace(hour=hour, minute=minute, tzinfo=None)
        if moment.replace(tzinfo=None) == wanted:
            assert moment.fold == 0
        else:
            before = (moment.astimezone(UTC) - timedelta(seconds=1)).astimezone(place)
            assert before.utcoffset() != moment.utcoffset()


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("expression", "day", "expected"),
    [
        ("30 2 * * *", "2026-03-29", ["03:00+02:00"]),
        ("*/30 2 * * *", "2026-03-29", ["03:00+02:00"]),
        ("0 2,3 * * *", "2026-03-29", ["03:00+02:00"]),
        ("30 2 * * *", "2026-10-25", ["02:30+02:00"]),
        ("30 1-3 * * *", "2026-10-25", ["01:30+02:00", "02:30+02:00", "03:30+01:00"]),
    ],
)
def test_clocks_that_change(expression: str, day: str, expected: list[str]) -> None:
    start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo(BERLIN))
    end = from_datetime((start + timedelta(days=1)).astimezone(UTC))
    times = cron.times(expression, BERLIN, from_datetime(start.astimezone(UTC)) - 1)
    found = [to_datetime(at).astimezone(ZoneInfo(BERLIN)) for at in takewhile(end.__gt__, times)]
    assert [f"{one:%H:%M}{one.isoformat()[-6:]}" for one in found] == expected


def test_a_schedule_by_elapsed_time_knows_no_clocks() -> None:
    start = from_datetime(datetime(2026, 10, 24, 20, tzinfo=UTC))
    times = cron.times("30 * * * *", BERLIN, start)
    found = [next(times) for _ in range(12)]
    assert {b - a for a, b in pairwise(found)} == {HOUR}


def test_overlap() -> None:
    def what(overlap: Overlap, **runs: int) -> Decision:
        busy = bool(runs.get("under_way"))
        return triggers.decide(
            overlap, under_way=busy, waiting=runs.get("waiting", 0), most_waiting=3
        )

    assert what(Overlap.QUEUE, under_way=1) is Decision.RUN
    assert what(Overlap.QUEUE, under_way=1, waiting=3) is Decision.SKIP
    assert what(Overlap.SKIP) is Decision.RUN
    assert what(Overlap.SKIP, waiting=1) is Decision.SKIP
    assert what(Overlap.CANCEL, under_way=1) is Decision.REPLACE


def test_promises_are_due_in_their_own_time_zone() -> None:
    promise = Promise("07:00", BERLIN, "p", 1, days=(0, 4))
    found = triggers.deadlines(promise, START)
    due = [to_datetime(next(found)).isoformat() for _ in range(3)]
    assert due == [f"2026-03-{day}:00:00+00:00" for day in ("27T06", "30T05")] + [
        "2026-04-03T05:00:00+00:00"
    ]
    day = from_datetime(datetime.fromisoformat(due[1]))
    since = to_datetime(triggers.fresh_since(promise, day))
    assert since.isoformat() == "2026-03-29T22:00:00+00:00"
    within = Promise("07:00", BERLIN, "p", 1, within=3600.0)
    assert triggers.fresh_since(within, day) == day - HOUR
