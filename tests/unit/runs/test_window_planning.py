"""Which windows are made, kept and taken over: planned on a real catalogue."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galley.clock import from_datetime, to_datetime
from galley.db.base import metadata
from galley.db.engine import open_database
from galley.errors import WindowError
from galley.lake.model import Change, IntentKind, Span, WindowEntry
from galley.project.model import (
    Materialize,
    Source,
    Step,
    StepKind,
    WindowSpec,
    WindowUnit,
)
from galley.runs.planning import MOST_WINDOWS, Move, Setting, StepPlan, plan_step
from galley.runs.scene import Scene
from tests.lake_cast import SHOP, Shop, change, day, version

NOW = from_datetime(to_datetime(0).replace(year=2026, month=1, day=10, hour=12))
DAYS = st.sets(st.integers(1, 9))
SPEC = WindowSpec("day", WindowUnit.DAY, "2026-01-01")
STEP = Step(
    "daily",
    "p",
    StepKind.SQL,
    Source("daily.sql"),
    ("daily",),
    ("raw",),
    Materialize.WINDOW,
    "code",
    window=SPEC,
)
SETTING = Setting(SHOP, {}, "tools", NOW)
EVERY = {day(number) for number in range(1, 10)}


def cut(by: str, column: str = "day", timezone: str = "UTC") -> dict[str, Any]:
    """What a version keeps of how its windows were cut."""
    return {"window": {"column": column, "by": by, "timezone": timezone}}


@contextmanager
def opened() -> Iterator[Shop]:
    database = open_database("sqlite:///:memory:")
    with database.engine.connect() as conn:
        metadata.create_all(conn)
        shop = Shop(conn)
        shop.publish(change("raw", "rows"))
        yield shop
    database.close()


def plan(shop: Shop, step: Step = STEP, setting: Setting = SETTING) -> StepPlan:
    return plan_step(Scene(shop.conn, SHOP, shop.ref().head, {}), step, setting)


def make(shop: Shop, fresh: AbstractSet[int], stale: AbstractSet[int] = frozenset()) -> None:
    """Publish windows with the keys that the step has now, or with others."""
    keys = plan(shop).span_keys
    entries = [WindowEntry(day(n), keys[str(day(n))], f"c{n}", ()) for n in fresh - stale]
    entries += [WindowEntry(day(n), "another key", f"c{n}", ()) for n in stale]
    if entries:
        made = version("daily", "some", kind=IntentKind.WINDOW)
        shop.publish(Change("daily", made, windows=tuple(entries)))


@settings(max_examples=10)
@given(DAYS, DAYS)
def test_every_window_is_made_or_kept_and_none_is_both(fresh: set[int], stale: set[int]) -> None:
    with opened() as shop:
        make(shop, fresh, stale)
        found = plan(shop)
        assert set(found.spans) | set(found.kept) == EVERY
        assert set(found.spans) & set(found.kept) == set()
        assert set(found.kept) == {day(number) for number in fresh - stale}
        assert found.move is (Move.RUN if found.spans else Move.REUSE)
        assert list(found.spans) == sorted(found.spans)


@settings(max_examples=10)
@given(DAYS, DAYS)
def test_rows_once_appended_are_never_made_again(fresh: set[int], stale: set[int]) -> None:
    with opened() as shop:
        make(shop, fresh, stale)
        found = plan(shop, replace(STEP, materialize=Materialize.APPEND))
        assert set(found.kept) == {day(number) for number in fresh | stale}


@settings(max_examples=10)
@given(DAYS)
def test_a_rebuild_makes_what_was_asked_for(fresh: set[int]) -> None:
    with opened() as shop:
        make(shop, fresh)
        asked = replace(SETTING, rebuild=frozenset(["daily"]), windows=("2026-01-02", "2026-01-05"))
        found = plan(shop, setting=asked)
        assert (set(found.spans), found.kept) == ({day(2), day(3), day(4)}, ())


def test_the_plan_of_what_was_just_made_is_to_keep_it() -> None:
    with opened() as shop:
        make(shop, set(range(1, 10)))
        again = plan(shop)
        assert (again.move, again.spans, len(again.kept)) == (Move.REUSE, (), 9)
        shop.publish(change("raw", "other rows"))
        assert set(plan(shop).spans) == EVERY


def test_a_new_day_leaves_the_old_ones_where_the_input_is_cut_alike() -> None:
    with opened() as shop:
        entries = tuple(WindowEntry(day(n), "k", f"c{n}", ()) for n in range(1, 9))
        raw = version("raw", "cut", kind=IntentKind.WINDOW, made=cut("hour"))
        shop.publish(Change("raw", raw, windows=entries))
        make(shop, set(range(1, 9)))
        more = version("raw", "more", kind=IntentKind.WINDOW, made=cut("hour"))
        shop.publish(Change("raw", more, windows=(WindowEntry(day(9), "k", "c9", ()),)))
        assert plan(shop).spans == (day(9),)
        looking_back = replace(STEP, window=replace(SPEC, lookback=1))
        assert set(plan(shop, looking_back).spans) == EVERY


@pytest.mark.parametrize(
    "made",
    [{}, cut("key", column="region"), cut("day", timezone="Europe/Zurich")],
    ids=["unknown", "keys", "zone"],
)
def test_an_input_that_is_cut_otherwise_counts_whole(made: dict[str, Any]) -> None:
    with opened() as shop:
        raw = version("raw", "cut", kind=IntentKind.WINDOW, made=made)
        one = WindowEntry(Span("north", "north"), "k", "c1", ())
        shop.publish(Change("raw", raw, windows=(one,)))
        make(shop, set(range(1, 10)))
        assert plan(shop).spans == ()
        more = replace(raw, content_id="more")
        shop.publish(Change("raw", more, windows=(replace(one, content_id="c2"),)))
        assert set(plan(shop).spans) == EVERY


def test_windows_of_keys_read_the_same_keys_of_the_same_column_only() -> None:
    keyed = replace(STEP, window=WindowSpec("region", WindowUnit.KEY))
    asked = replace(SETTING, windows=("north", "north"))
    with opened() as shop:
        found = []
        for column, content in product(("region", "town"), ("c1", "c2")):
            raw = version("raw", content, kind=IntentKind.WINDOW, made=cut("key", column=column))
            south = WindowEntry(Span("south", "south"), "k", content, ())
            shop.publish(Change("raw", replace(raw, content_id=column + content), windows=(south,)))
            found.append(plan(shop, keyed, asked).key)
        assert found[0] == found[1]
        assert found[2] != found[3]


def test_a_table_that_was_cut_otherwise_is_made_anew_with_all_it_has() -> None:
    monthly = replace(STEP, window=WindowSpec("day", WindowUnit.MONTH))
    with opened() as shop:
        old = version("daily", "days", kind=IntentKind.WINDOW, made=cut("day"))
        shop.publish(Change("daily", old, windows=(WindowEntry(day(3), "k", "c", ()),)))
        february = replace(SETTING, windows=("2026-02-01", "2026-03-01"))
        found = plan(shop, monthly, february)
        assert [span.start for span in found.spans] == ["2026-01-01", "2026-02-01"]
        assert found.recut
        assert not plan(shop, setting=february).recut


@pytest.mark.parametrize(
    "step",
    [
        replace(STEP, materialize=Materialize.APPEND, window=WindowSpec("day", WindowUnit.MONTH)),
        replace(STEP, window=WindowSpec("day", WindowUnit.KEY)),
    ],
    ids=["append", "key"],
)
def test_rows_that_might_get_lost_are_recut_only_when_asked(step: Step) -> None:
    with opened() as shop:
        old = version("daily", "days", kind=IntentKind.WINDOW, made=cut("day"))
        shop.publish(Change("daily", old, windows=(WindowEntry(day(3), "k", "c", ()),)))
        asked = replace(SETTING, windows=("2026-01-01", "2026-01-01"))
        if step.materialize is Materialize.APPEND:
            asked = replace(SETTING, windows=("2026-01-01", "2026-02-01"))
        with pytest.raises(WindowError, match="was cut by day of day") as found:
            plan(shop, step, asked)
        assert "--rebuild daily" in str(found.value.hint)
        assert len(plan(shop, step, replace(asked, rebuild=frozenset(["daily"]))).spans) == 1


def test_too_many_windows_are_not_made_unasked() -> None:
    early = replace(STEP, window=replace(SPEC, start="2025-01-01"))
    with opened() as shop:
        with pytest.raises(WindowError, match="more than 31") as found:
            plan(shop, early)
        assert "galley backfill p" in str(found.value.hint)
        everything = plan(shop, early, replace(SETTING, unbounded=True))
        assert len(everything.spans) > MOST_WINDOWS


def test_a_window_that_is_not_over_is_not_made() -> None:
    with opened() as shop:
        with pytest.raises(WindowError, match="is complete"):
            plan(shop, replace(STEP, window=replace(SPEC, start="2026-01-10")))
        assert day(10) not in plan(shop).spans
