"""Which windows share a moment: found in order, as comparing each would find them."""

from hypothesis import given
from hypothesis import strategies as st

from galley.lake.model import Span
from galley.runs.coverage import Coverage

TEXTS = st.integers(0, 30).map(lambda number: f"{number:02d}")
SPANS = st.tuples(TEXTS, TEXTS).map(lambda pair: Span(min(pair), max(pair)))


@given(st.lists(SPANS), SPANS)
def test_it_finds_what_comparing_each_would(there: list[Span], asked: Span) -> None:
    expected = {one for one in there if one.overlaps(asked)}
    coverage = Coverage(there)
    assert set(coverage.of(asked)) == expected
    assert coverage.touches(asked) is bool(expected)


def test_ten_thousand_windows_are_not_all_looked_at() -> None:
    hours = [Span(f"{number:05d}", f"{number + 1:05d}") for number in range(10_000)]
    coverage = Coverage(hours)
    assert coverage.of(hours[5_000]) == [hours[5_000]]
    assert not coverage.touches(Span("10000", "10001"))
