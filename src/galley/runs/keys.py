"""Reuse keys: equal keys mean that computing again would give the same rows.

A key covers the step's code and the project modules it imports, the values of the variables it
names, the toolchain, the contents it reads, how it materializes, and its window. Secrets are in no
key, not even as digests.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from galley.ids import digest
from galley.lake.model import Span, Version, WindowEntry
from galley.project.model import Materialize, Step
from galley.runs.coverage import Coverage


def step_identity(step: Step, variables: Mapping[str, Any], toolchain: str) -> str:
    """What a step is, apart from the data it reads: code, settings, libraries, materialization."""
    used = {name: variables.get(name) for name in sorted(step.variables)}
    window = step.window
    return digest(
        "step",
        step.kind.value,
        step.code_hash,
        json.dumps(used, sort_keys=True),
        toolchain,
        step.materialize.value,
        ",".join(step.outputs),
        ",".join(step.key),
        step.cursor or "",
        f"{window.column}/{window.by}/{window.timezone}/{window.lookback}" if window else "",
    )


def table_key(identity: str, contents: Mapping[str, str], probe: str | None) -> str:
    """The key of a whole table made from ``contents`` (input -> content id)."""
    return digest("table", identity, probe or "", *_pairs(contents))


def window_key(
    identity: str, span: Span, contents: Mapping[str, str], windowed: Mapping[str, Collection[str]]
) -> str:
    """The key of one window.

    ``contents`` are the inputs read whole, ``windowed`` the contents of the same window (widened
    by the step's lookback) of the inputs that are cut the same way.
    """
    parts = [f"{table}[{','.join(sorted(ids))}]" for table, ids in sorted(windowed.items())]
    return digest("window", identity, span.start, span.end, *_pairs(contents), *parts)


def unusable(step: Step, probe: str | None) -> str | None:
    """Why a step's result can never be reused whatever its key, or ``None`` if it can."""
    if step.volatile:
        return f"its result can change by itself: {step.volatile[0]}"
    outside = sorted({"context", "now"} & set(step.wants))
    if outside and not step.stable:
        return f"it asks for {outside[0]}, which differs from run to run"
    if step.secrets or step.connections:
        return "it uses a connection or secret"
    if step.materialize is Materialize.NONE:
        return "it makes no table"
    if not step.inputs and probe is None and not step.stable:
        return (
            "it reads no table, so nothing says whether the outside changed (`stable: true` does)"
        )
    return None


def windows_read(
    ledger: Mapping[Span, WindowEntry], there: Coverage, read: Collection[Span]
) -> tuple[str, ...]:
    """The contents of an input's windows that a window of its consumer reads.

    ``there`` covers the ledger's windows.
    """
    wanted = {one for span in read for one in there.of(span)}
    return tuple(f"{span}:{ledger[span].content_id}" for span in wanted)


def effective_contents(versions: Mapping[str, Version]) -> dict[str, str]:
    """The content of every version; a view's follows from its text and what it reads now."""
    found: dict[str, str] = {}

    def content(name: str, seen: tuple[str, ...] = ()) -> str:
        if name in found or name in seen:
            return found.get(name, "")
        version = versions.get(name)
        if version is None:
            return "absent"
        if version.view_sql is None:
            found[name] = version.content_id
        else:
            inputs = {table: content(table, (*seen, name)) for table in version.inputs}
            found[name] = digest("view", version.view_sql, *_pairs(inputs))
        return found[name]

    for name in versions:
        content(name)
    return found


def _pairs(contents: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{table}={content}" for table, content in sorted(contents.items()))
