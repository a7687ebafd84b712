"""The records as a table for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from bench.record import Outcome, Record

_STYLES = {Outcome.OK: "green", Outcome.OVER: "yellow", Outcome.MISSING: "dim"}
COLUMNS = ("what", "value", "rounds", "budget", "ratio", "beside", "")


def cells(record: Record) -> tuple[str, ...]:
    """One line, in the order of ``COLUMNS``."""
    return (
        record.what,
        record.value_text,
        record.spread_text,
        record.budget_text,
        record.ratio_text,
        record.rival,
        record.outcome.value,
    )


def rich_table(records: Iterable[Record]) -> Table:
    """The table for a terminal."""
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(
            name, justify="right" if name in ("value", "rounds", "budget", "ratio") else "left"
        )
    for record in records:
        table.add_row(*cells(record), style=_STYLES[record.outcome])
    return table


def markdown(records: Iterable[Record]) -> str:
    """The table for a document."""
    lines = ["| " + " | ".join((*COLUMNS[:-1], "kept")) + " |", "| --- " * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(cells(record)) + " |" for record in records]
    return "\n".join(lines)
