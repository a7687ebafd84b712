"""A SQL step on ten million rows beside the same query in bare DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb

from bench.record import Bound, Record
from bench.setting import Setting
from bench.stand import MEMORY, THREADS
from bench.timing import median, side_by_side

QUERIES = {
    "aggregate": """
        SELECT carrier, origin, dest, month, count(*) AS flights, avg(dep_delay) AS mean_delay,
               quantile_cont(arr_delay, 0.9) AS late, count(DISTINCT tailnum) AS planes,
               quantile_cont(air_time, [0.1, 0.5]) AS flown
        FROM flights GROUP BY ALL
    """,
    "rewrite": """
        SELECT * EXCLUDE (hour, minute), distance / nullif(air_time, 0) * 60 AS speed,
               coalesce(arr_delay, 0) > 30 AS late
        FROM flights WHERE dep_time IS NOT NULL
    """,
}
"""One that reads much and writes little, and one that writes as much as it reads."""


def measure(setting: Setting) -> tuple[Record, ...]:
    """Both queries."""
    return tuple(_compared(setting, name, sql) for name, sql in QUERIES.items())


def _compared(setting: Setting, name: str, sql: str) -> Record:
    stand = setting.stand
    files = stand.files("flights")
    with setting.folder() as folder:
        pair = side_by_side(
            setting.rounds(5),
            lambda: stand.query(f"made_{name}", sql, "flights"),
            lambda: _bare(sql, files, folder / "bare.parquet"),
        )
    return Record(
        name=f"sql-step-{name}",
        what=f"SQL step on 10 million rows ({name})",
        value=median(pair.mine),
        unit="s",
        budget=1.15,
        bound=Bound.RATIO,
        ratio=pair.ratio,
        rival=f"bare DuckDB, {median(pair.theirs):.2f} s",
        notes=(pair.note, "with manifests, footers and fsync; the rival only writes its file"),
        rounds=pair.mine,
    )


def _bare(sql: str, files: list[str], target: Path) -> None:
    with duckdb.connect() as con:
        con.execute(f"SET threads = {THREADS}")
        con.execute(f"SET memory_limit = '{MEMORY >> 20}MiB'")
        con.execute(f"CREATE VIEW flights AS SELECT * FROM read_parquet({files})")
        con.execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
