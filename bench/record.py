"""What a measurement is: one budget, one value, and what it was compared with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Bound(StrEnum):
    """What a budget bounds: the value from above or below, or its ratio to the rival."""

    MOST = "most"
    LEAST = "least"
    RATIO = "ratio"


class Outcome(StrEnum):
    """How a value stands to its budget."""

    OK = "ok"
    OVER = "over"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the table.

    ``value`` is in ``unit``; ``None`` where it could not be measured, with the reason in ``notes``.
    ``ratio`` is the value over what ``rival`` names, measured side by side. ``rounds`` holds the
    single values of which ``value`` is the median.
    """

    name: str
    what: str
    value: float | None
    unit: str
    budget: float
    bound: Bound = Bound.MOST
    ratio: float | None = None
    rival: str = ""
    notes: tuple[str, ...] = ()
    rounds: tuple[float, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Whether the budget is kept."""
        judged = self.ratio if self.bound is Bound.RATIO else self.value
        if judged is None:
            return Outcome.MISSING
        kept = judged >= self.budget if self.bound is Bound.LEAST else judged <= self.budget
        return Outcome.OK if kept else Outcome.OVER

    @property
    def budget_text(self) -> str:
        """The budget in words: ``≤ 5 ms``, ``≥ 300 steps/s``, ``≤ 1.15x``."""
        sign = "≥" if self.bound is Bound.LEAST else "≤"
        unit = "x" if self.bound is Bound.RATIO else f" {self.unit}"
        return f"{sign} {self.budget:g}{unit}"

    @property
    def value_text(self) -> str:
        """The value with as many digits as mean something."""
        return "—" if self.value is None else f"{digits(self.value)} {self.unit}"

    @property
    def spread_text(self) -> str:
        """The shortest and the longest round: far apart where others used the machine."""
        if len(self.rounds) < 2:
            return ""
        return f"{digits(min(self.rounds))}–{digits(max(self.rounds))}"

    @property
    def ratio_text(self) -> str:
        """The ratio, or nothing."""
        return "" if self.ratio is None else f"{self.ratio:.2f}x"


def digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class Report:
    """The records of one call, and the machine they were made on."""

    taken: str
    machine: dict[str, Any]
    records: tuple[Record, ...]
    load: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON; each record also says its outcome."""
        plain = asdict(self)
        for shown, record in zip(plain["records"], self.records, strict=True):
            shown["outcome"] = record.outcome.value
        return plain


def report_from(plain: dict[str, Any]) -> Report:
    """The report that ``to_dict`` wrote."""
    return Report(
        plain["taken"],
        plain["machine"],
        tuple(_record(one) for one in plain["records"]),
        plain.get("load", {}),
    )


def _record(plain: dict[str, Any]) -> Record:
    values = {key: value for key, value in plain.items() if key != "outcome"}
    for name in ("notes", "rounds"):
        values[name] = tuple(values[name])
    return Record(**{**values, "bound": Bound(values["bound"])})


def merged(before: Report | None, now: Report) -> Report:
    """The newer records in the place of the older ones; what was not measured again stays."""
    if before is None:
        return now
    fresh = {record.name: record for record in now.records}
    kept = [fresh.pop(record.name, record) for record in before.records]
    return Report(now.taken, now.machine, (*kept, *fresh.values()), {**before.load, **now.load})
