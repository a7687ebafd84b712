"""What runs found out and may be used again: reusable results, verdicts, metrics, overrides."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, or_, select, update

from galley import codec
from galley.ids import digest, new_id
from galley.lake.model import Span
from galley.lake.rows import among, insert_missing, insert_rows
from galley.lake.tables import condemned, withdrawn
from galley.project.model import TestSpec
from galley.runs.tables import metric, override, result, run, verdict
from galley.runs.verdict import Metric, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """A reusable result: which version (or window) a key produced, in which run.

    ``body`` is the encoded ``lake.model.Version``; ``window`` the encoded ledger row, if any.
    """

    key: str
    table: str
    content_id: str
    run_id: str
    step: str
    body: dict[str, Any]

    @property
    def location(self) -> str:
        """Where the version is (for a window: the version that it was made in)."""
        version: dict[str, Any] = self.body.get("version", self.body)
        return str(version.get("location", ""))


def save_results(connection: Connection, project: str, results: Sequence[Result], now: int) -> None:
    """Keep results; a result that is known already stays as it is."""
    rows = [
        {
            "project": project,
            "key": item.key,
            "table_key": item.table,
            "content_id": item.content_id,
            "step": item.step,
            "run_id": item.run_id,
            "body": item.body,
            "location": item.location,
            "created": now,
        }
        for item in results
    ]
    insert_missing(connection, result, rows)


def find_results(
    connection: Connection, project: str, keys: Collection[str]
) -> dict[str, list[Result]]:
    """Usable results by key, newest first. Withdrawn and collected versions are left out.

    One that is condemned only is found: taking it over revives it.
    """
    found: dict[str, list[Result]] = {}
    if len(keys) == 1:
        rows: Iterable[Row[Any]] = connection.execute(
            _OF_ONE, {"mine": project, "one": next(iter(keys))}
        )
    else:
        several = among(connection, result.c.key, keys)
        rows = chain.from_iterable(
            connection.execute(_USABLE.where(some), {"mine": project}) for some in several
        )
    for row in rows:
        found.setdefault(row.key, []).append(
            Result(row.key, row.table_key, row.content_id, row.run_id, row.step, row.body)
        )
    return found


# Built once: composing a statement costs more than running it.
_USABLE = (
    select(result)
    .outerjoin(
        withdrawn,
        and_(
            withdrawn.c.project == result.c.project,
            withdrawn.c.content_id == result.c.content_id,
        ),
    )
    .outerjoin(
        condemned,
        and_(
            condemned.c.project == result.c.project,
            condemned.c.location == result.c.location,
            condemned.c.doomed.is_not(None),
        ),
    )
    .where(
        result.c.project == bindparam("mine"),
        condemned.c.location.is_(None),
        withdrawn.c.content_id.is_(None),
    )
    .order_by(result.c.created.desc())
)
_OF_ONE = _USABLE.where(result.c.key == bindparam("one"))


def forget_results(connection: Connection, project: str, locations: Sequence[str]) -> None:
    """Delete the results whose versions are being collected."""
    for start in range(0, len(locations), 500):
        some = locations[start : start + 500]
        mine = (result.c.project == project) & result.c.location.in_(some)
        connection.execute(delete(result).where(mine))


def verdict_key(
    spec: TestSpec,
    contents: Mapping[str, str],
    spans: Iterable[Span],
    variables: Mapping[str, Any],
) -> str:
    """What a verdict is bound to: the test, the exact contents it read, windows and variables."""
    return digest(
        "verdict",
        spec.hash,
        spec.severity.value,
        *(f"{table}={content}" for table, content in sorted(contents.items())),
        *(str(span) for span in sorted(spans)),
        json.dumps(variables, sort_keys=True, default=str) if variables else "",
    )


def save_verdicts(
    connection: Connection,
    project: str,
    run_id: str,
    step: str,
    verdicts: Iterable[tuple[str, Verdict, str | None]],
    now: int,
) -> None:
    """Keep verdicts; each comes with its key and the run it was reused from, if it was."""
    rows = [
        {
            "id": f"{position:05d}{new_id()}",
            "project": project,
            "run_id": run_id,
            "step": step,
            "test": item.test,
            "key": key,
            "table_key": item.table,
            "outcome": item.outcome.value,
            "blocks": item.blocks,
            "body": codec.to_plain(item),
            "reused_from": reused_from,
            "at": now,
        }
        for position, (key, item, reused_from) in enumerate(verdicts)
    ]
    if rows:
        connection.execute(insert(verdict), rows)


def find_verdicts(
    connection: Connection, project: str, keys: Collection[str]
) -> dict[str, tuple[Verdict, str]]:
    """The newest verdict for each key with the run that gave it; errors are never reused."""
    if not keys:
        return {}
    reusable = [Outcome.PASS.value, Outcome.WARN.value, Outcome.FAIL.value]
    rows = connection.execute(
        select(verdict)
        .where(
            verdict.c.project == project,
            verdict.c.key.in_(sorted(keys)),
            verdict.c.outcome.in_(reusable),
        )
        .order_by(verdict.c.at)
    )
    return {row.key: (codec.from_plain(Verdict, row.body), row.run_id) for row in rows}


def verdicts_of(connection: Connection, run_id: str) -> list[Verdict]:
    """All verdicts of a run, oldest first."""
    rows = connection.execute(
        select(verdict).where(verdict.c.run_id == run_id).order_by(verdict.c.at, verdict.c.id)
    )
    return [codec.from_plain(Verdict, row.body) for row in rows]


def save_metrics(
    connection: Connection,
    project: str,
    run_id: str,
    contents: Mapping[str, str],
    metrics: Iterable[Metric],
    now: int,
) -> None:
    """Keep the metrics of the tables a step made; ``contents`` are the tables' content ids."""
    rows = [
        {
            "project": project,
            "table_key": item.table,
            "column": item.column,
            "name": item.name,
            "value": item.value,
            "text": item.text,
            "estimated": item.estimated,
            "span_start": item.span.start if item.span else None,
            "content_id": contents.get(item.table, ""),
            "run_id": run_id,
            "at": now,
        }
        for item in metrics
    ]
    insert_rows(connection, metric, rows)


def bind_metrics(connection: Connection, run_id: str, commit_id: str) -> None:
    """Tell the metrics of a run in which commit their tables were published."""
    connection.execute(update(metric).where(metric.c.run_id == run_id).values(commit_id=commit_id))


def metrics_of(
    connection: Connection,
    project: str,
    table: str,
    *,
    name: str | None = None,
    column: str | None = None,
    before: int | None = None,
    limit: int = 500,
) -> list[dict[str, Any]]:
    """The stored metrics of a table (of a name, of a column, with ids below), newest first."""
    query = select(metric).where(metric.c.project == project, metric.c.table_key == table)
    if name is not None:
        query = query.where(metric.c.name == name)
    if column is not None:
        query = query.where(metric.c.column == column)
    if before is not None:
        query = query.where(metric.c.id < before)
    rows = connection.execute(query.order_by(metric.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]


def metrics_in(
    connection: Connection,
    run_id: str,
    *,
    table: str | None = None,
    name: str | None = None,
    after: int = 0,
    limit: int = 500,
) -> list[dict[str, Any]]:
    """What a run measured (of a table, of a name, with ids above), in the order it was kept."""
    query = select(metric).where(metric.c.run_id == run_id, metric.c.id > after)
    if table is not None:
        query = query.where(metric.c.table_key == table)
    if name is not None:
        query = query.where(metric.c.name == name)
    rows = connection.execute(query.order_by(metric.c.id).limit(limit))
    return [dict(row._mapping) for row in rows]


def save_override(
    connection: Connection,
    *,
    run_id: str,
    test: str,
    table: str,
    by: str,
    reason: str,
    now: int,
    expires_at: int,
) -> None:
    """Record that a named person lets a run publish over the newest verdict of a test."""
    judged = (
        select(verdict.c.key)
        .where(verdict.c.run_id == run_id, verdict.c.test == test, verdict.c.table_key == table)
        .order_by(verdict.c.at.desc(), verdict.c.id.desc())
        .limit(1)
    )
    connection.execute(
        insert(override).values(
            id=new_id(),
            key=connection.execute(judged).scalar() or "",
            run_id=run_id,
            test=test,
            table_key=table,
            by=by,
            reason=reason,
            at=now,
            expires_at=expires_at,
        )
    )


def overridden(connection: Connection, run_ids: Collection[str], now: int) -> frozenset[str]:
    """The keys of the verdicts that standing overrides of the given runs let pass.

    An override holds for the very verdict it was given for: this test on these contents.
    """
    rows = connection.execute(
        select(override.c.key).where(
            override.c.run_id.in_(sorted(run_ids)), override.c.expires_at > now
        )
    )
    return frozenset(rows.scalars())


def overrides(
    connection: Connection, run_ids: Collection[str], now: int
) -> dict[tuple[str, str], dict[str, Any]]:
    """The overrides of the given runs that have not expired, by (test, table), for display."""
    rows = connection.execute(
        select(override).where(override.c.run_id.in_(sorted(run_ids)), override.c.expires_at > now)
    )
    return {(row.test, row.table_key): dict(row._mapping) for row in rows}


def shown_overrides(
    connection: Connection, project: str, tables: Collection[str], now: int
) -> dict[str, list[dict[str, Any]]]:
    """Overrides that still stand, by table: shown wherever the table is shown."""
    rows = connection.execute(
        select(override)
        .join(run, run.c.id == override.c.run_id)
        .where(
            run.c.project == project,
            override.c.table_key.in_(sorted(tables)),
            or_(override.c.expires_at > now, override.c.expires_at.is_(None)),
        )
    )
    shown: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        shown.setdefault(row.table_key, []).append(dict(row._mapping))
    return shown


def verdict_keys(connection: Connection, run_id: str) -> frozenset[str]:
    """The keys of a run's verdicts: what was judged in it."""
    rows = connection.execute(select(verdict.c.key).where(verdict.c.run_id == run_id))
    return frozenset(rows.scalars())


def latest_blocking(connection: Connection, run_id: str) -> list[Verdict]:
    """The tests whose newest verdict in the run keeps a publish back."""
    return list(blocking_by_key(connection, run_id).values())


def blocking_by_key(connection: Connection, run_id: str) -> dict[str, Verdict]:
    """The tests whose newest verdict in the run keeps a publish back, by the verdict's key."""
    rows = connection.execute(
        select(verdict).where(verdict.c.run_id == run_id).order_by(verdict.c.at, verdict.c.id)
    )
    newest = {(row.test, row.table_key): row for row in rows}
    return {row.key: codec.from_plain(Verdict, row.body) for row in newest.values() if row.blocks}
