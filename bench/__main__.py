"""``python -m bench``: measure the budgets, print a table, keep the results."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import docs, machine, results
from bench.lines import LINES
from bench.record import Record, Report, merged
from bench.setting import Setting, setting
from bench.table import rich_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry; 2 for a name that is not known, otherwise 0."""
    wanted = _parse(arguments)
    if wanted.list:
        print("\n".join(LINES))
        return 0
    if wanted.write_docs:
        return _write_docs()
    names = wanted.only or list(LINES)
    unknown = sorted(set(names) - set(LINES))
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; see --list", file=sys.stderr)
        return 2
    report = _measure(names, wanted)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(rich_table(report.records))
    results.save(merged(results.load(results.LAST), report), results.LAST)
    if wanted.json:
        results.save(report, wanted.json)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these benchmarks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results there")
    parser.add_argument("--quick", action="store_true", help="one round of each, on full data")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS",
        help="before each, wait so long at most until nobody else works on the machine",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    parser.add_argument(
        "--write-docs", action="store_true", help="write the documentation from the last results"
    )
    return parser.parse_args(arguments)


def _measure(names: Sequence[str], wanted: argparse.Namespace) -> Report:
    found: list[Record] = []
    load: dict[str, float] = {}
    with setting(quick=wanted.quick) as here:
        for name in names:
            if wanted.wait and not machine.wait_until_quiet(wanted.wait):
                print(f"{name}: others are at work on this machine", file=sys.stderr)
            load[name] = round(machine.busy_cores(), 2)
            records = _line(name, here)
            found += records
            for record in records:
                shown = f"{record.value_text} {record.ratio_text}"
                print(f"{record.name}: {shown} ({record.budget_text})", file=sys.stderr)
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    return Report(taken, machine.facts(), tuple(found), load)


def _line(name: str, here: Setting) -> tuple[Record, ...]:
    try:
        return LINES[name](here)
    except Exception as error:  # noqa: BLE001  recorded as the line's note
        traceback.print_exc()
        note = f"{type(error).__name__}: {error}"[:300]
        return (Record(name, name, None, "", 0, notes=(note,)),)


def _write_docs() -> int:
    report = results.load(results.LAST)
    if report is None:
        print("there are no results yet: python -m bench", file=sys.stderr)
        return 2
    docs.write(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
