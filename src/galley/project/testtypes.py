"""The catalogue of test types: what each asserts and the parameters it takes.

A type's parameters reach ``TestSpec.params`` in one normal form, whatever short form was written:
exactly the fields below, with unset ones left out.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from galley.project.model import Json
from galley.project.shapes import Duration, Many, Shape

Number = int | float
Bound = int | float | str


class Params(Shape):
    """The parameters of one type. With ``when_empty: pass`` a table without rows passes.

    ``short`` is the parameter that a bare value stands for; ``dimension`` the default quality
    dimension; ``each`` says that a list of columns makes one test for each.
    """

    short: ClassVar[str | None] = None
    dimension: ClassVar[str] = "validity"
    each: ClassVar[bool] = False
    when_empty: Literal["pass", "not_evaluated"] | None = None

    def normal(self) -> dict[str, Json]:
        """The parameters as plain values."""
        return self.model_dump(mode="json", exclude_none=True)

    def subject(self) -> tuple[str, ...]:
        """The columns it is about, for its default name."""
        found = getattr(self, "columns", None) or getattr(self, "column", None) or ()
        return (found,) if isinstance(found, str) else tuple(found)


class Columns(Params):
    """Parameters with a list of columns; ``column`` is the word for one."""

    short: ClassVar[str | None] = "columns"
    columns: Many = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_column(cls, value: Any) -> Any:
        return plural(value)


class Interval(Shape):
    """A closed interval; an open side is left out."""

    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        ordered(self.min, self.max)
        return self


class Bounded(Params):
    """Parameters with hard bounds and, under ``warn``, soft ones."""

    min: Bound | None = None
    max: Bound | None = None
    warn: Interval | None = None

    @field_validator("min", "max", mode="before")
    @classmethod
    def _no_boolean(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("a bound is a number, a date or a text")
        return value

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None and self.warn is None and self._needs_bound():
            raise ValueError("the test needs 'min', 'max' or both")
        ordered(self.min, self.max)
        return self

    def _needs_bound(self) -> bool:
        return True


def plural(value: Any) -> Any:
    """``column: x`` as ``columns: [x]``."""
    if isinstance(value, dict) and "column" in value and "columns" not in value:
        return {("columns" if key == "column" else key): item for key, item in value.items()}
    return value


def ordered(low: Bound | None, high: Bound | None) -> None:
    """Refuse an interval that holds nothing."""
    both_text = isinstance(low, str) and isinstance(high, str)
    both_numbers = isinstance(low, int | float) and isinstance(high, int | float)
    if (both_text or both_numbers) and low > high:  # type: ignore[operator]
        raise ValueError(f"min ({low}) is above max ({high}): no value can pass")


class NotNull(Columns):
    """No row has null in the column."""

    dimension: ClassVar[str] = "completeness"
    each: ClassVar[bool] = True


class NullShare(Bounded):
    """The share of nulls (0 to 1) in the column lies within bounds."""

    dimension: ClassVar[str] = "completeness"
    column: str
    min: float | None = Field(default=None, ge=0, le=1)
    max: float | None = Field(default=None, ge=0, le=1)


class Unique(Columns):
    """No value stands twice in the column (nulls do not count)."""

    dimension: ClassVar[str] = "uniqueness"
    each: ClassVar[bool] = True


class UniqueCombination(Columns):
    """No combination of the columns' values stands twice."""

    dimension: ClassVar[str] = "uniqueness"


class Allowed(Params):
    """Every value that is not null is one of ``values``."""

    column: str
    values: list[Bound | bool] = Field(min_length=1)


def inclusive(value: object) -> object:
    """``true`` and ``false`` stand for both sides."""
    return {True: "both", False: "neither"}.get(value, value) if isinstance(value, bool) else value


class Range(Bounded):
    """Every value that is not null lies within the bounds."""

    column: str
    inclusive: Annotated[Literal["both", "min", "max", "neither"], BeforeValidator(inclusive)] = (
        "both"
    )


class Regex(Params):
    """Every text that is not null matches the pattern as a whole (DuckDB's RE2 syntax)."""

    column: str
    pattern: str


class Length(Bounded):
    """Every text that is not null has a length (characters) within the bounds."""

    column: str
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)


class RowCount(Bounded):
    """The number of rows lies within the bounds; a bare number is the minimum."""

    short: ClassVar[str | None] = "min"
    dimension: ClassVar[str] = "completeness"
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)


class KeyTarget(Shape):
    """The table and columns a foreign key points to; the same columns when none are named."""

    table: str
    columns: Many = ()

    @model_validator(mode="before")
    @classmethod
    def _one_column(cls, value: Any) -> Any:
        return plural({"table": value} if isinstance(value, str) else value)


class ForeignKey(Columns):
    """Every combination without a null stands in the other table's columns too."""

    short: ClassVar[str | None] = None
    dimension: ClassVar[str] = "consistency"
    to: KeyTarget

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if self.to.columns and len(self.to.columns) != len(self.columns):
            raise ValueError(
                f"{len(self.columns)} columns cannot point to {len(self.to.columns)} columns"
            )
        return self

    def normal(self) -> dict[str, Json]:
        """The parameters, the other side's columns always named."""
        target = {"table": self.to.table, "columns": list(self.to.columns or self.columns)}
        return {**super().normal(), "to": target}


class Age(Shape):
    """A soft bound on age."""

    max_age: Duration


class Freshness(Params):
    """The newest value of the column is at most ``max_age`` (seconds) before the run's instant."""

    dimension: ClassVar[str] = "timeliness"
    column: str
    max_age: Duration
    warn: Age | None = None


class Expression(Params):
    """A boolean SQL expression holds in every row (null counts as held, as in a CHECK)."""

    short: ClassVar[str | None] = "sql"
    sql: str = Field(min_length=1)


class Compare(Params):
    """Two columns of each row compare as said; rows with a null in either do not count."""

    dimension: ClassVar[str] = "consistency"
    column: str
    op: Literal["=", "!=", "<", "<=", ">", ">="]
    other: str

    @field_validator("op", mode="before")
    @classmethod
    def _spelling(cls, value: object) -> object:
        return {"==": "=", "<>": "!="}.get(value, value) if isinstance(value, str) else value


class ColumnsMatch(Params):
    """The table has these columns; in this order with ``order``; and more with ``extras``."""

    short: ClassVar[str | None] = "names"
    dimension: ClassVar[str] = "consistency"
    names: Many = Field(min_length=1)
    order: bool = False
    extras: bool = False


class Aggregate(Shape):
    """An aggregate over another table; the same expression when none is given."""

    table: str
    column: str | None = None
    expression: str | None = None


class Reconcile(Params):
    """An aggregate of this table equals one of another, within a tolerance.

    A ``column`` stands for its sum. ``tolerance`` is absolute, or a share when ``relative``
    (written ``"1%"``).
    """

    dimension: ClassVar[str] = "consistency"
    column: str | None = None
    expression: str | None = None
    to: Aggregate
    tolerance: float = Field(default=0.0, ge=0)
    relative: bool = False

    @model_validator(mode="before")
    @classmethod
    def _share(cls, value: Any) -> Any:
        tolerance = value.get("tolerance") if isinstance(value, dict) else None
        if isinstance(tolerance, str) and tolerance.strip().endswith("%"):
            share = float(tolerance.strip()[:-1]) / 100
            return {**value, "tolerance": share, "relative": True}
        return value

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.column is None) == (self.expression is None):
            raise ValueError("write either 'column' (its sum) or 'expression'")
        return self

    def normal(self) -> dict[str, Json]:
        """The parameters, with an expression on both sides."""
        own = self.expression or total(str(self.column))
        other = self.to.expression or (total(self.to.column) if self.to.column else own)
        values = {key: item for key, item in super().normal().items() if key != "column"}
        return {**values, "expression": own, "to": {"table": self.to.table, "expression": other}}


def total(column: str) -> str:
    """The sum of a column as SQL."""
    quoted = column.replace('"', '""')
    return f'sum("{quoted}")'


class Sql(Bounded):
    """A query returns no rows; or, with bounds, one value that lies within them."""

    short: ClassVar[str | None] = "query"
    query: str = Field(min_length=1)

    def _needs_bound(self) -> bool:
        return False


class Python(Bounded):
    """A function of the project (``path.py:name``) returns bad rows, a boolean or a number."""

    short: ClassVar[str | None] = "function"
    function: str = Field(pattern=r"^[\w./-]+\.py:[A-Za-z_]\w*$")

    def _needs_bound(self) -> bool:
        return False


CATALOGUE: dict[str, type[Params]] = {
    "not_null": NotNull,
    "null_share": NullShare,
    "unique": Unique,
    "unique_combination": UniqueCombination,
    "allowed": Allowed,
    "range": Range,
    "regex": Regex,
    "length": Length,
    "row_count": RowCount,
    "foreign_key": ForeignKey,
    "freshness": Freshness,
    "expression": Expression,
    "compare": Compare,
    "columns": ColumnsMatch,
    "reconcile": Reconcile,
    "sql": Sql,
    "python": Python,
}

ALIASES = {"allowed_values": "allowed", "accepted_values": "allowed"}
