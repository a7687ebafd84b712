"""Taking over windows that another ref has proved, and replaying windows onto a moved target."""

from __future__ import annotations

from dataclasses import replace

from galley import codec
from galley.ids import digest, new_id
from galley.lake import field_ids, withdrawals
from galley.lake.merge import TableMerge
from galley.lake.model import (
    Change,
    FieldKey,
    Intent,
    IntentKind,
    Version,
    WindowEntry,
    content_of,
)
from galley.lake.replay import replay as replay_files
from galley.lake.schema import FieldIds
from galley.project.model import Step
from galley.runs import queue
from galley.runs.attempts import commit_changes
from galley.runs.findings import Result
from galley.runs.live import LiveRun, Site
from galley.runs.model import StepRun
from galley.runs.planning import StepPlan


def adopt(site: Site, live: LiveRun, step_run: StepRun, step: Step, plan: StepPlan) -> None:
    """Commit a plan's accepted and adopted windows on the run's ref; no row is written.

    Nothing is committed for a claim that was lost meanwhile.
    """
    table = step.outputs[0]
    with site.database.read() as connection:
        target = live.scene(connection).versions([table]).get(table)
    first = target.content_id if target else None
    change = _accepted(table, target, plan)
    if plan.whole:
        change = _whole(table, plan)
    else:
        for source, windows in _by_version(plan.adopted):
            target = change.version if change else target
            change = _joined(change, _replayed(site, live, target, source, windows))
    if change is not None:
        change = _told_apart(site, live, change)
        change = replace(change, expected=first, guarded=True)
        now = site.clock()
        message = f"take over {len(change.windows)} windows of {step.name}"
        takes = [result.location for result in plan.adopted]
        with site.database.write() as connection:
            if queue.lock_step(connection, step_run):
                commit_changes(connection, live, [change], message, now, takes=takes)


def _accepted(table: str, target: Version | None, plan: StepPlan) -> Change | None:
    """The windows that stay, under the keys they get: nothing else of the table changes."""
    if target is None or not plan.accepted:
        return None
    intent = Intent(IntentKind.WINDOW, tuple(entry.span for entry in plan.accepted))
    return Change(table, replace(target, intent=intent), windows=plan.accepted)


def _whole(table: str, plan: StepPlan) -> Change:
    """The table as the run that is resumed left it: all its windows, and none from before."""
    (whole,) = _by_version(plan.adopted)
    version = replace(whole[0], intent=Intent(IntentKind.REPLACE))
    return Change(table, version, windows=whole[1], reset_windows=True)


def _replayed(
    site: Site,
    live: LiveRun,
    target: Version | None,
    source: Version,
    windows: tuple[WindowEntry, ...],
) -> Change:
    return replay_files(
        site.store,
        project=live.project,
        target=target,
        source=source,
        source_base=None,
        windows=windows,
        attempt=_writer(live),
        field_ids=_field_ids(site),
    )


def replay(site: Site, live: LiveRun, merge: TableMerge) -> Change:
    """Commit what a run did to one table on the present version of its target."""
    if merge.source is None or merge.target is None:
        raise AssertionError(f"{merge.table}: a replay needs both sides")
    change = replay_files(
        site.store,
        project=live.project,
        target=merge.target,
        source=merge.source,
        source_base=merge.base,
        windows=merge.windows,
        attempt=_writer(live),
        field_ids=_field_ids(site),
    )
    return _told_apart(site, live, change)


def _told_apart(site: Site, live: LiveRun, change: Change) -> Change:
    """The change with a content of its own if its table holds no row and such a one was taken back.

    Tables without rows look alike, so that one that was withdrawn says nothing about another; their
    windows are told apart, and refused if they were.
    """
    version = change.version
    if version is None or version.content_id != content_of(version.schema_fingerprint, ()):
        return change
    with site.database.read() as connection:
        if not withdrawals.withdrawn(connection, live.project, [version.content_id]):
            return change
    content = digest("anew", version.content_id, _writer(live))
    return replace(change, version=replace(version, content_id=content))


def _by_version(results: tuple[Result, ...]) -> list[tuple[Version, tuple[WindowEntry, ...]]]:
    grouped: dict[str, tuple[Version, list[WindowEntry]]] = {}
    for result in results:
        version = codec.from_plain(Version, result.body["version"])
        entry = codec.from_plain(WindowEntry, result.body["window"])
        grouped.setdefault(version.location, (version, []))[1].append(entry)
    return [(version, tuple(entries)) for version, entries in grouped.values()]


def _joined(before: Change | None, after: Change) -> Change:
    """One change that does what two after each other do."""
    if before is None or before.version is None or after.version is None:
        return after
    one, two = before.version.intent, after.version.intent
    intent = replace(
        two,
        spans=(*one.spans, *two.spans),
        files=(*one.files, *two.files),
        removed=(*one.removed, *two.removed),
    )
    return replace(
        after,
        version=replace(after.version, intent=intent),
        windows=(*before.windows, *after.windows),
        reset_windows=before.reset_windows or after.reset_windows,
    )


def _writer(live: LiveRun) -> str:
    """What the files of a replay are named by: as long as the run is under way they are its."""
    return f"{live.run.id}-{new_id()}"


def _field_ids(site: Site) -> FieldIds:
    def allocate(table_id: str, keys: tuple[FieldKey, ...], at_least: int) -> tuple[int, ...]:
        with site.database.write() as connection:
            return field_ids.allocate(connection, table_id, keys, at_least)

    return allocate
