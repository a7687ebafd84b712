"""Which windows share a moment with a window, of thousands, without looking at each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from galley.lake.model import Span


class Coverage:
    """Windows in order, as ``Span.overlaps`` compares them.

    To ask costs the logarithm of how many there are, and one comparison for each that is found.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = sorted(set(spans))
        self._starts = [span.start for span in self._spans]
        # Windows of several units overlap: the furthest end up to each says when to stop looking.
        self._reach = list(accumulate((span.end for span in self._spans), max))
        self._known = frozenset(self._spans)

    def of(self, span: Span) -> list[Span]:
        """The windows that share a moment with ``span``, or are the same key."""
        if span.start == span.end and span in self._known:
            return [span, *self._around(span)]
        return self._around(span)

    def touches(self, span: Span) -> bool:
        """Whether any window does."""
        return span in self._known or bool(self._around(span))

    def _around(self, span: Span) -> list[Span]:
        found = []
        at = bisect_left(self._starts, span.end) - 1
        while at >= 0 and self._reach[at] > span.start:
            if self._spans[at].end > span.start:
                found.append(self._spans[at])
            at -= 1
        return found
