"""The measurements, by name; each gives the records of one line of the budget."""

from __future__ import annotations

from collections.abc import Callable

from bench.lines import (
    api,
    backfills,
    catalogue,
    deaths,
    forty_tests,
    idle,
    metrics,
    remote_deaths,
    schedules,
    shared,
    sql_step,
    starting,
    steps,
    ten_models,
    waiting,
    web,
)
from bench.record import Record
from bench.setting import Setting

Line = Callable[[Setting], tuple[Record, ...]]

LINES: dict[str, Line] = {
    "help": starting.help_text,
    "first-run": starting.first_run,
    "steps": steps.without_table,
    "small-tables": steps.with_table,
    "steps-postgres": shared.one_controller,
    "steps-over-http": shared.two_workers,
    "api-pages": api.pages,
    "api-events": api.events,
    "web": web.first_page,
    "up": idle.server,
    "kitchen": catalogue.kitchen,
    "publish": catalogue.publish,
    "queue": waiting.flat,
    "scheduler": schedules.ticks,
    "collection": catalogue.marking,
    "backfill-plan": backfills.planned,
    "backfill-pace": backfills.made,
    "deaths": deaths.child,
    "lost-worker": deaths.worker,
    "lost-engine": deaths.engine,
    "lost-worker-http": remote_deaths.worker,
    "sql-step": sql_step.measure,
    "metrics": metrics.measure,
    "forty-tests": forty_tests.measure,
    "ten-models": ten_models.measure,
}
"""In the order of measuring: the small before the large."""
