"""Merging loses nobody's rows: checked against a table of single rows."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.ids import digest
from galley.lake.deltas import combine, folded
from galley.lake.merge import MergeOutcome, TableMerge, first_overlap, plan_merge
from galley.lake.model import Change, Intent, IntentKind, Span, Version, WindowEntry
from tests.lake_cast import change, day, drop, version, windows

Row = tuple[int, str]
Rows = frozenset[Row]
TABLE = "flights"
DAYS = st.integers(1, 4)
WINDOWED = st.lists(st.tuples(st.sampled_from(["window", "replace", "drop"]), DAYS), max_size=4)
WINDOWS = st.lists(st.tuples(st.just("window"), DAYS), max_size=4)
APPENDED = st.lists(
    st.tuples(st.sampled_from(["append", "append", "append", "merge", "replace"]), DAYS), max_size=4
)
Ops = list[tuple[str, int]]


@dataclass(frozen=True)
class Side:
    """A table as its single rows, and the one change that made it of the base."""

    rows: Rows | None
    done: Change | None


def of_day(rows: Rows, number: int) -> Rows:
    return frozenset(row for row in rows if row[0] == number)


def version_of(rows: Rows, kind: IntentKind, spans: tuple[Span, ...] = ()) -> Version:
    return version(TABLE, digest(*map(str, sorted(rows))), kind=kind, spans=spans)


def entry_of(rows: Rows, number: int) -> WindowEntry:
    content = digest(*map(str, sorted(of_day(rows, number))))
    return WindowEntry(day(number), "key", content, (content,))


def step(rows: Rows, kind: str, number: int, mark: str) -> tuple[Rows | None, Change]:
    """One write; each writes rows that no other write could have made."""
    mine = frozenset({(number, mark)})
    if kind == "drop":
        return None, drop(TABLE)
    if kind == "append":
        return rows | mine, Change(TABLE, version_of(rows | mine, IntentKind.APPEND))
    if kind == "window":
        made = (rows - of_day(rows, number)) | mine
        written = version_of(made, IntentKind.WINDOW, (day(number),))
        return made, Change(TABLE, written, windows=(entry_of(made, number),))
    made = mine if kind == "replace" else (rows - of_day(rows, number)) | mine
    intent = IntentKind.REPLACE if kind == "replace" else IntentKind.MERGE
    return made, Change(TABLE, version_of(made, intent), reset_windows=kind == "replace")


def play(base: Rows | None, ops: Ops, who: str) -> Side:
    rows, done = base, None
    for place, (kind, number) in enumerate(ops):
        if rows is None and kind == "drop":
            continue
        rows, made = step(rows or frozenset(), kind, number, f"{who}{place}")
        done = folded((done, made)) if done else made
    return Side(rows, done)


def three_way(base: Rows, source: Rows, target: Rows) -> Rows | None:
    """Each row decides for itself; None if both sides replaced rows of the same day."""
    for number in range(1, 5):
        days = [of_day(rows, number) for rows in (base, source, target)]
        if all(days[0] - side for side in days[1:]) and days[1] != days[2]:
            return None
    kept = base & source & target
    return kept | (source - base) | (target - base)


def merge(base: Rows | None, source: Side, target: Side) -> TableMerge | None:
    known = {} if base is None else {TABLE: version_of(base, IntentKind.REPLACE)}
    made = {TABLE: source.done} if source.done else {}
    theirs = {TABLE: target.done} if target.done else {}
    return next(iter(plan_merge(known, made, theirs).tables), None)


def check(base: Rows | None, mine: Ops, theirs: Ops) -> TableMerge | None:
    source, target = play(base, mine, "s"), play(base, theirs, "t")
    table = merge(base, source, target)
    if table is None or table.outcome is MergeOutcome.KEEP:
        assert source.rows in (base, target.rows)
    elif table.outcome is MergeOutcome.TAKE:
        assert target.rows == base
    elif table.outcome is MergeOutcome.REPLAY:
        assert source.rows is not None
        assert target.rows is not None
        assert replayed(table, base or frozenset(), source.rows, target.rows) == three_way(
            base or frozenset(), source.rows, target.rows
        )
    return table


def replayed(table: TableMerge, base: Rows, source: Rows, target: Rows) -> Rows:
    if not table.windows:
        return target | (source - base)
    for entry in table.windows:
        number = int(entry.span.start[-2:])
        target = (target - of_day(target, number)) | of_day(source, number)
    return target


BASES = st.none() | st.frozensets(st.tuples(DAYS, st.sampled_from(["x", "y"])), min_size=1)


@given(base=BASES, mine=WINDOWED, theirs=WINDOWED)
def test_windowed_tables_lose_nothing(base: Rows | None, mine: Ops, theirs: Ops) -> None:
    check(base, mine, theirs)


@given(base=BASES, mine=APPENDED, theirs=APPENDED)
def test_appended_tables_lose_nothing(base: Rows | None, mine: Ops, theirs: Ops) -> None:
    check(base, mine, theirs)


@given(base=BASES, mine=WINDOWED, theirs=APPENDED)
def test_tables_written_in_both_ways_lose_nothing(
    base: Rows | None, mine: Ops, theirs: Ops
) -> None:
    check(base, mine, theirs)


@given(mine=WINDOWS, theirs=WINDOWS)
def test_different_windows_never_conflict_and_equal_ones_always_do(mine: Ops, theirs: Ops) -> None:
    table = check(frozenset({(1, "x")}), mine, theirs)
    if table is None or not theirs:
        return
    shared = {number for _, number in mine} & {number for _, number in theirs}
    assert table.outcome is (MergeOutcome.CONFLICT if shared else MergeOutcome.REPLAY)


OTHER = ({"id": 1, "name": "day", "type": "date"},)
APPEND, REPLACE, MERGE = IntentKind.APPEND, IntentKind.REPLACE, IntentKind.MERGE


@pytest.mark.parametrize(
    ("source", "target", "outcome"),
    [
        (change("flights", "s"), None, MergeOutcome.TAKE),
        (change("flights", "base"), change("flights", "t"), MergeOutcome.KEEP),
        (change("flights", "same"), change("flights", "same"), MergeOutcome.KEEP),
        (drop("flights"), drop("flights"), MergeOutcome.KEEP),
        (drop("flights"), None, MergeOutcome.TAKE),
        (drop("flights"), change("flights", "t"), MergeOutcome.CONFLICT),
        (change("flights", "s"), drop("flights"), MergeOutcome.CONFLICT),
        (change("flights", "s"), change("flights", "t"), MergeOutcome.RECOMPUTE),
        (change("flights", "s", kind=MERGE), windows("flights", "t", 1), MergeOutcome.RECOMPUTE),
        (windows("flights", "s", 1), change("flights", "t", kind=MERGE), MergeOutcome.RECOMPUTE),
        (windows("flights", "s", 1), windows("flights", "t", 2), MergeOutcome.REPLAY),
        (windows("flights", "s", 1, 2), windows("flights", "t", 2), MergeOutcome.CONFLICT),
        (
            change("flights", "s", kind=APPEND),
            change("flights", "t", kind=APPEND),
            MergeOutcome.REPLAY,
        ),
        (change("flights", "s", kind=APPEND), windows("flights", "t", 2), MergeOutcome.CONFLICT),
        (
            change("flights", "s", kind=APPEND, schema=OTHER),
            change("flights", "t", kind=APPEND),
            MergeOutcome.RECOMPUTE,
        ),
    ],
)
def test_every_line_of_the_table(
    source: Change, target: Change | None, outcome: MergeOutcome
) -> None:
    theirs = {"flights": target} if target else {}
    base = {"flights": version("flights", "base")}
    (table,) = plan_merge(base, {"flights": source}, theirs).tables
    assert table.outcome is outcome, table.reason


def test_added_on_both_sides_conflicts_unless_it_is_the_same() -> None:
    added = {"flights": change("flights", "s")}
    (table,) = plan_merge({}, added, {"flights": change("flights", "t")}).tables
    assert table.outcome is MergeOutcome.CONFLICT
    (table,) = plan_merge({}, added, added).tables
    assert table.outcome is MergeOutcome.KEEP


def test_new_keys_of_unchanged_content_are_taken() -> None:
    base = windows("flights", "a", 1)
    assert base.version is not None
    (table,) = plan_merge({"flights": base.version}, {"flights": base}, {}).tables
    assert table.outcome is MergeOutcome.TAKE


def test_a_window_that_both_have_alike_is_no_conflict() -> None:
    source, target = windows("flights", "a", 1, 2), windows("flights", "b", 3)
    target = replace(target, windows=(*target.windows, source.windows[0]))
    base = {"flights": version("flights", "base")}
    (table,) = plan_merge(base, {"flights": source}, {"flights": target}).tables
    assert (table.outcome, table.windows) == (MergeOutcome.REPLAY, source.windows[1:])


SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 8)).map(
        lambda pair: Span(f"{pair[0]:03}", f"{pair[0] + pair[1]:03}")
    ),
    max_size=6,
)


@given(left=SPANS, right=SPANS)
def test_overlaps_are_found(left: list[Span], right: list[Span]) -> None:
    mine = [span for span in left if span.start != span.end]
    theirs = [span for span in right if span.start != span.end]
    expected = any(one.overlaps(other) for one in mine for other in theirs)
    assert (first_overlap(mine, theirs) is not None) == expected
    keys = {Span(span.start, span.start) for span in left}
    others = {Span(span.start, span.start) for span in right}
    assert (first_overlap(keys, others) is not None) == bool(keys & others)


def test_intents_add_up_to_what_promises_least() -> None:
    append, window = Intent(APPEND, files=("a",)), Intent(IntentKind.WINDOW, (day(1),), ("b",))
    rewrite = Intent(IntentKind.WINDOW, (day(1),), ("c",), ("b",))
    assert combine((append, append)).kind is APPEND
    assert combine((window, rewrite)) == Intent(IntentKind.WINDOW, (day(1),), ("c",), ("b",))
    assert combine((append, window)).kind is MERGE
    assert combine((append, Intent(REPLACE))).kind is REPLACE
    assert combine((Intent(REPLACE), append)).kind is REPLACE
    assert combine((append, Intent(IntentKind.DROP))).kind is IntentKind.DROP
