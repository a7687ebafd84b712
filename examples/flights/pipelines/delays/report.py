"""The report: one HTML page with its pictures inside. It is versioned like the tables."""

from html import escape

import charts

from galley import step

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Flights from New York City, 2013</title>
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto }}
  h2 {{ margin-top: 2.5rem }}
  svg text {{ font: 12px system-ui, sans-serif; fill: currentColor }}
</style>
<h1>Flights from New York City, 2013</h1>
<p>{summary}</p>
<h2>Mean delay of the last seven days</h2>
{seasons}
<h2>Flights that left on time</h2>
{carriers}
<h2>Mean delay by visibility</h2>
{weather}
</html>
"""

AIRPORTS = {"EWR": "#0072b2", "JFK": "#d55e00", "LGA": "#009e73"}


@step(materialize="file", filename="report.html")
def report(on_time, rolling_delay, weather_delay, *, late_after):
    """The year on one page."""
    carriers = on_time.sql("SELECT name, on_time_percent FROM on_time ORDER BY 2 DESC, 1")
    weather = weather_delay.sql("SELECT visibility, mean_delay FROM weather_delay ORDER BY 2")
    return PAGE.format(
        summary=escape(summary(on_time, late_after)),
        seasons=charts.lines(seasons(rolling_delay), AIRPORTS, unit="min"),
        carriers=charts.bars(pairs(carriers), unit="%"),
        weather=charts.bars(pairs(weather), unit="min"),
    )


def summary(on_time, late_after):
    """The year in one sentence."""
    total = on_time.sql(
        """
        SELECT sum(flights) AS flights, sum(flights * on_time_percent) / sum(flights) AS share
        FROM on_time
        """
    )
    [[flights, share]] = pairs(total)
    return (
        f"{int(flights):,} departures were scheduled. {share:.1f} % of them took place less than "
        f"{late_after} minutes late."
    )


def seasons(rolling_delay):
    """The points of each airport's line: days from the year's first, and delay."""
    points = {airport: [] for airport in AIRPORTS}
    for row in rolling_delay.to_arrow().sort_by("date").to_pylist():
        points[row["origin"]].append((row["date"].timetuple().tm_yday, row["delay_7_days"]))
    return points


def pairs(table):
    """The rows of a table with two columns."""
    return [list(row.values()) for row in table.to_arrow().to_pylist()]
