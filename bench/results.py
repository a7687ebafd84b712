"""Results on disk: ``bench/results/`` is not under version control."""

from __future__ import annotations

import json
from pathlib import Path

from bench.record import Report, report_from

RESULTS = Path(__file__).parent / "results"
LAST = RESULTS / "last.json"


def save(report: Report, target: Path) -> None:
    """Write a report as JSON."""
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    target.write_text(f"{text}\n", "utf-8")


def load(source: Path) -> Report | None:
    """The report in a file, if it is there."""
    if not source.exists():
        return None
    return report_from(json.loads(source.read_text("utf-8")))
