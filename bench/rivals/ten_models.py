"""The ten models and their twelve tests as a plain DuckDB script: no pipeline tool at all.

    python ten_models.py 'FOLDER/*.parquet' TARGET

Each model is one COPY to a Parquet file, in order; each test is one query. The SELECTs are the
files of ``models/``, the same that the pipeline runs.
"""

import sys
from pathlib import Path

import duckdb

MODELS = (
    "flown",
    "cancelled",
    "daily_carrier",
    "route_month",
    "late",
    "planes_used",
    "hourly",
    "rolling",
    "worst_routes",
    "summary",
)
TESTS = (
    "SELECT count(*) = 0 FROM flown WHERE flight_id IS NULL",
    "SELECT count(*) = 0 FROM flown WHERE carrier IS NULL",
    "SELECT count(flight_id) = count(DISTINCT flight_id) FROM flown",
    "SELECT count(*) >= 1 FROM cancelled",
    "SELECT count(*) = 0 FROM (SELECT 1 FROM daily_carrier GROUP BY date, carrier "
    "HAVING count(*) > 1)",
    "SELECT count(*) = 0 FROM daily_carrier WHERE flights IS NULL",
    "SELECT count(*) = 0 FROM route_month WHERE typical_delay < -120 OR typical_delay > 1800",
    "SELECT count(*) = 0 FROM late WHERE arr_delay < 30",
    "SELECT count(tailnum) = count(DISTINCT tailnum) FROM planes_used",
    "SELECT count(*) = 0 FROM hourly WHERE hour < 0 OR hour > 24",
    "SELECT count(*) = 0 FROM rolling WHERE week_delay IS NULL",
    "SELECT count(*) >= 1 FROM summary",
)


def main(source: str, target: Path) -> None:
    """Make all ten, then test them."""
    folder = Path(__file__).parent / "models"
    con = duckdb.connect()
    con.execute(f"CREATE VIEW flights AS SELECT * FROM read_parquet('{source}')")
    for name in MODELS:
        select = (folder / f"{name}.sql").read_text("utf-8")
        file = target / f"{name}.parquet"
        con.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
        con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{file}')")
    for test in TESTS:
        if con.execute(test).fetchall() != [(True,)]:
            raise SystemExit(f"failed: {test}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
