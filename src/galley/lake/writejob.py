"""What one attempt is to write to one table."""

from __future__ import annotations

from dataclasses import dataclass, field

from galley.errors import StepError
from galley.lake.datafiles import DataFile
from galley.lake.model import IntentKind, Span, Version
from galley.lake.types import Field
from galley.lake.warehouse import Warehouse
from galley.lake.windowing import WindowColumn

INCREMENTAL = {
    "append": IntentKind.APPEND,
    "window": IntentKind.WINDOW,
    "merge": IntentKind.MERGE,
}


@dataclass(frozen=True, slots=True)
class WriteJob:
    """What to write, onto what.

    ``materialize`` is table, append, window or merge; ``rebuild`` replaces everything, also of an
    incremental table. ``code`` is the step's code hash, kept with each window. ``inputs`` maps
    the tables that were read to their content ids. ``threads``, ``memory`` (bytes) and
    ``scratch`` bound the work that needs a database connection of its own.
    """

    warehouse: Warehouse
    project: str
    table: str
    table_id: str
    attempt: str
    base: Version | None
    materialize: str
    window_column: str | None = None
    window_unit: str | None = None
    timezone: str = "UTC"
    key: tuple[str, ...] = ()
    rebuild: bool = False
    step: str = ""
    code: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    memory: int = 1 << 30
    scratch: str | None = None

    @property
    def replaces(self) -> bool:
        """Whether the result is all the table holds."""
        return self.materialize not in INCREMENTAL or self.rebuild or self.recut

    @property
    def recut(self) -> bool:
        """Whether the table was cut into other windows before: none of them can be kept."""
        before = self.base.made.get("window") if self.base else None
        if before is None or self.window_column is None or self.materialize == "merge":
            return False
        now = (self.window_column.lower(), self.window_unit, self.timezone)
        return bool((before["column"], before["by"], before["timezone"]) != now)

    @property
    def folder(self) -> str:
        """The table's folder, relative to the warehouse."""
        return self.warehouse.table_folder(self.project, self.table, self.table_id)

    def window(self, fields: tuple[Field, ...]) -> WindowColumn | None:
        """The column that windows are cut by; raises ``StepError`` if it is not there."""
        if self.window_column is None or self.window_unit is None:
            return None
        for one in fields:
            if one.name.lower() == self.window_column.lower():
                return WindowColumn(one, self.window_unit, self.timezone)
        raise StepError(
            f"the window column {self.window_column!r} is not in the result",
            hint=f"select it, or name one of {', '.join(one.name for one in fields)}",
        )


@dataclass(frozen=True, slots=True)
class Part:
    """The files of one call, and the window they fill."""

    span: Span | None
    files: tuple[DataFile, ...]
