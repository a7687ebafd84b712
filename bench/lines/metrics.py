"""The automatic metrics of a table of ten million rows, beside the step that made it."""

from __future__ import annotations

from bench.lines.sql_step import QUERIES
from bench.record import Bound, Record
from bench.setting import Setting
from bench.timing import median, side_by_side

TABLE = "measured"


def measure(setting: Setting) -> tuple[Record, ...]:
    """All metrics of all 22 columns."""
    stand = setting.stand
    stand.query(TABLE, QUERIES["rewrite"], "flights")
    pair = side_by_side(
        setting.rounds(5),
        lambda: stand.test(metrics=(TABLE,)),
        lambda: stand.query(TABLE, QUERIES["rewrite"], "flights"),
    )
    return (
        Record(
            name="metrics",
            what=f"automatic metrics of 10 million rows, {_columns(setting)} columns",
            value=median(pair.mine),
            unit="s",
            budget=0.2,
            bound=Bound.RATIO,
            ratio=pair.ratio,
            rival=f"the step that made the table, {median(pair.theirs):.2f} s",
            notes=(pair.note,),
            rounds=pair.mine,
        ),
    )


def _columns(setting: Setting) -> int:
    return len(setting.stand.tables[TABLE].schema)
