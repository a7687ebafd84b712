"""What a test becomes before it runs: aggregates to measure, and how to judge them. All pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from galley.project.model import TestSpec
from galley.quality.scope import Scope

Values = Mapping[str, Any]
"""What was measured, by the names a check gave its terms."""

NO_ROWS = "no_rows"
NO_VALUES = "no_values"


class FactKind(StrEnum):
    """What exact file statistics can say about a column."""

    ROWS = "rows"
    VALUES = "values"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that statistics may prove.

    VALUES counts the rows in which none of ``columns`` is null. MAXIMUM with ``high`` is that of
    the values up to it.
    """

    kind: FactKind
    columns: tuple[str, ...] = ()
    high: Any = None


@dataclass(frozen=True, slots=True)
class Term:
    """One aggregate over a table; ``fact`` is what statistics could say instead of a scan."""

    sql: str
    fact: Fact | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the measured values mean.

    ``hard`` and ``soft`` say whether those limits hold. ``reason`` (and only then no outcome)
    says why the test could not be evaluated.
    """

    value: Any
    message: str
    hard: bool = True
    soft: bool = True
    rows: int | None = None
    failing: int | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    sample: tuple[dict[str, Any], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether there is nothing to show rows for."""
        return self.hard and self.soft and self.reason is None


Judge = Callable[[Values], Judgement]


@dataclass(frozen=True, slots=True)
class Check:
    """A test made ready to run.

    ``terms`` go into the table's one aggregate select over the rows of ``scope``. ``query`` is a
    SELECT of its own that gives one row, joined to the values by its column names. ``detail`` is
    another that runs only when the first judgement does not hold, and sharpens it. ``sample``
    selects failing rows. ``function`` is a function of the project that judges by itself. A check
    with nothing to run is judged from what is known already (``proof`` says what).
    """

    spec: TestSpec
    judge: Judge
    scope: Scope = field(default_factory=Scope)
    terms: dict[str, Term] = field(default_factory=dict)
    query: str | None = None
    detail: str | None = None
    sample: str | None = None
    function: str | None = None
    proof: str | None = None
