"""What a test said about one version of its table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from galley.lake.model import Span


class Outcome(StrEnum):
    """The five verdicts."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    NOT_EVALUATED = "not_evaluated"


HARMLESS_REASONS = frozenset({"learning", "disabled"})
"""Reasons for which a test that was not evaluated does not block."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict with its evidence.

    ``value`` is what was measured and ``limits`` what it was held against; ``sql`` is what was run
    (or how the value was proved from statistics, see ``proof``). ``sample`` holds at most a few
    failing rows. ``contents`` are the content ids of every table the test read.
    """

    test: str
    test_hash: str
    type: str
    table: str
    stage: str
    outcome: Outcome
    severity: str
    blocking: bool
    value: Any = None
    limits: dict[str, Any] = field(default_factory=dict)
    rows: int | None = None
    failing: int | None = None
    sql: str | None = None
    proof: str | None = None
    reason: str | None = None
    message: str | None = None
    sample: tuple[dict[str, Any], ...] = ()
    contents: dict[str, str] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    where: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether this verdict keeps a publish back."""
        if not self.blocking:
            return False
        if self.outcome is Outcome.NOT_EVALUATED:
            return self.reason not in HARMLESS_REASONS
        return self.outcome in (Outcome.FAIL, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Metric:
    """A stored number about a table or one of its columns.

    ``estimated`` marks a number that came from a sample. ``value`` is a number; ``text`` carries
    minima and maxima that are no numbers, and structured values as JSON.
    """

    table: str
    name: str
    column: str | None
    value: float | None
    text: str | None = None
    estimated: bool = False
    span: Span | None = None
