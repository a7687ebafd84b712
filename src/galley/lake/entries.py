"""How versions and windows stand in the database: one row each, the rest of a version as JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from galley.errors import WindowError
from galley.lake.model import Change, Format, Intent, IntentKind, Span, Version, WindowEntry

RESET = ""
"""The ``span_start`` of a ledger row that forgets all earlier rows of its table."""


def version_to_json(version: Version) -> dict[str, Any]:
    """What has no column of its own; absent keys are the defaults."""
    values = {
        "schema": list(version.schema),
        "rows": version.rows,
        "bytes": version.bytes,
        "intent": _intent_to_json(version.intent),
        "inputs": version.inputs,
        "rows_digest": version.rows_digest,
        "view_sql": version.view_sql,
        "step": version.step,
        "untested": version.untested,
        "made": version.made,
    }
    return {name: value for name, value in values.items() if _tells(value)}


def version_of(row: Row[Any]) -> Version:
    """The version that a row of ``lake_entry`` describes."""
    rest: dict[str, Any] = row.version
    return Version(
        table=row.table_key,
        table_id=row.table_id,
        format=Format(row.format),
        content_id=row.content_id,
        location=row.location,
        schema_fingerprint=row.schema_fingerprint,
        schema=tuple(rest.get("schema", ())),
        rows=rest.get("rows"),
        bytes=rest.get("bytes"),
        intent=_intent_from_json(rest["intent"]),
        inputs=rest.get("inputs", {}),
        rows_digest=rest.get("rows_digest"),
        view_sql=rest.get("view_sql"),
        step=rest.get("step"),
        untested=rest.get("untested", False),
        made=rest.get("made", {}),
    )


def entry_row(commit_id: str, version: Version) -> dict[str, Any]:
    """The row of ``lake_entry`` for a version."""
    return {
        "commit_id": commit_id,
        "table_key": version.table,
        "table_id": version.table_id,
        "format": version.format.value,
        "content_id": version.content_id,
        "location": version.location,
        "dropped": False,
        "schema_fingerprint": version.schema_fingerprint,
        "version": version_to_json(version),
    }


def dropped_row(commit_id: str, before: Version) -> dict[str, Any]:
    """The row of ``lake_entry`` that takes a table away."""
    return {
        "commit_id": commit_id,
        "table_key": before.table,
        "table_id": before.table_id,
        "format": before.format.value,
        "content_id": None,
        "location": None,
        "dropped": True,
        "schema_fingerprint": None,
        "version": None,
    }


def window_rows(commit_id: str, table_id: str, change: Change) -> list[dict[str, Any]]:
    """The ledger rows of a change, the reset first."""
    rows = [_window_row(commit_id, table_id, window) for window in change.windows]
    return [reset_row(commit_id, table_id), *rows] if change.reset_windows else rows


def reset_row(commit_id: str, table_id: str) -> dict[str, Any]:
    """The ledger row that forgets a table's windows."""
    nothing = WindowEntry(Span(RESET, RESET), key="", content_id="", files=())
    return _row(commit_id, table_id, nothing)


def window_of(row: Row[Any]) -> WindowEntry:
    """The window that a row of ``lake_window`` describes."""
    return WindowEntry(
        span=Span(row.span_start, row.span_end),
        key=row.key,
        content_id=row.content_id,
        files=tuple(row.files),
        code=row.code,
    )


def _tells(value: Any) -> bool:
    """Whether a value differs from its default; the number 0 does."""
    return value is not None and value is not False and value not in ([], {})


def _window_row(commit_id: str, table_id: str, window: WindowEntry) -> dict[str, Any]:
    if window.span.start == RESET:
        raise WindowError(
            f"A window of table {table_id} has an empty key.",
            hint="Give rows without a key a value of their own, such as 'none'.",
        )
    return _row(commit_id, table_id, window)


def _row(commit_id: str, table_id: str, window: WindowEntry) -> dict[str, Any]:
    return {
        "commit_id": commit_id,
        "table_id": table_id,
        "span_start": window.span.start,
        "span_end": window.span.end,
        "key": window.key,
        "content_id": window.content_id,
        "files": list(window.files),
        "code": window.code,
    }


def _intent_to_json(intent: Intent) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": intent.kind.value}
    if intent.spans:
        values["spans"] = [[span.start, span.end] for span in intent.spans]
    if intent.files:
        values["files"] = list(intent.files)
    if intent.removed:
        values["removed"] = list(intent.removed)
    return values


def _intent_from_json(values: dict[str, Any]) -> Intent:
    return Intent(
        kind=IntentKind(values["kind"]),
        spans=tuple(Span(start, end) for start, end in values.get("spans", ())),
        files=tuple(values.get("files", ())),
        removed=tuple(values.get("removed", ())),
    )
