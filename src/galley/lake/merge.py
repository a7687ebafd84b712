"""Three-way merging of tables, decided by what each side meant to do. Pure.

Both sides started at a base; ``source`` shall be brought onto ``target``. Row-level merges,
rewrites and schema operations are not among the outcomes: where they would be needed, the answer
is to compute the table again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from galley.lake.model import Change, Intent, IntentKind, Span, Version, WindowEntry


class MergeOutcome(StrEnum):
    """What becomes of one table."""

    TAKE = "take"
    KEEP = "keep"
    REPLAY = "replay"
    RECOMPUTE = "recompute"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class TableMerge:
    """The outcome for one table, why, and what each side has (None: no table).

    ``windows`` are the source's windows to put on the target where the outcome is REPLAY.
    """

    table: str
    outcome: MergeOutcome
    reason: str
    base: Version | None = None
    source: Version | None = None
    target: Version | None = None
    windows: tuple[WindowEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class MergePlan:
    """The outcome for every table that the source changed, by name."""

    tables: tuple[TableMerge, ...]

    def of(self, *outcomes: MergeOutcome) -> tuple[TableMerge, ...]:
        """The tables with one of these outcomes."""
        return tuple(table for table in self.tables if table.outcome in outcomes)

    @property
    def clean(self) -> bool:
        """Whether nothing has to be written, computed or decided."""
        return not self.of(MergeOutcome.REPLAY, MergeOutcome.RECOMPUTE, MergeOutcome.CONFLICT)


def plan_merge(
    base: Mapping[str, Version], source: Mapping[str, Change], target: Mapping[str, Change]
) -> MergePlan:
    """Decide about every table that the source changed since the base.

    ``base`` holds the versions at the fork point (at least of the tables both sides changed);
    ``source`` and ``target`` what each side did since then, one combined change per table.
    """
    return MergePlan(
        tuple(
            _merge(name, base.get(name), source[name], target.get(name)) for name in sorted(source)
        )
    )


def first_overlap(left: Iterable[Span], right: Iterable[Span]) -> Span | None:
    """A window of ``left`` that shares a moment (or is the same key) with one of ``right``."""
    lefts, rights = sorted(left), sorted(right)
    mine = theirs = 0
    while mine < len(lefts) and theirs < len(rights):
        if lefts[mine].overlaps(rights[theirs]):
            return lefts[mine]
        if lefts[mine].start <= rights[theirs].start:
            mine += 1
        else:
            theirs += 1
    return None


def _merge(name: str, base: Version | None, source: Change, target: Change | None) -> TableMerge:
    mine, theirs = source.version, target.version if target else base
    outcome, reason = _decide(base, source, target)
    windows = _new_windows(source, target) if outcome is MergeOutcome.REPLAY and target else ()
    return TableMerge(name, outcome, reason, base, mine, theirs, windows)


def _decide(
    base: Version | None, source: Change, target: Change | None
) -> tuple[MergeOutcome, str]:
    mine = source.version
    if mine == base and not source.windows:
        return MergeOutcome.KEEP, "the source did not change it"
    if mine is not None and mine.intent.kind is IntentKind.COMPACT:
        return MergeOutcome.KEEP, "the source only compacted it"
    if target is None or _content(target.version) == _content(base):
        return MergeOutcome.TAKE, "only the source changed it"
    theirs = target.version
    if _content(mine) == _content(theirs):
        return MergeOutcome.KEEP, "both sides have the same content"
    if mine is None or theirs is None:
        gone, there = ("source", "target") if mine is None else ("target", "source")
        return MergeOutcome.CONFLICT, f"the {gone} dropped it and the {there} changed it"
    if base is None and not (_cut_alike(source) and _cut_alike(target)):
        return MergeOutcome.CONFLICT, "both sides added it with different content"
    if not _only_adds(mine.intent) or not _only_adds(theirs.intent):
        return MergeOutcome.RECOMPUTE, "both sides changed it, and one of them all of it"
    if len({side.schema_fingerprint for side in (base, mine, theirs) if side}) > 1:
        return MergeOutcome.RECOMPUTE, "its columns changed while both sides wrote to it"
    return _decide_windows(_spans(mine, source, target), _spans(theirs, target, source))


def _decide_windows(mine: set[Span] | None, theirs: set[Span] | None) -> tuple[MergeOutcome, str]:
    if mine is None and theirs is None:
        return MergeOutcome.REPLAY, "both sides only added rows"
    if mine is None or theirs is None:
        return MergeOutcome.CONFLICT, "one side added rows to a window that the other may replace"
    shared = first_overlap(mine, theirs)
    if shared is not None:
        return MergeOutcome.CONFLICT, f"both sides wrote window {shared}"
    return MergeOutcome.REPLAY, "the sides wrote different windows"


def _only_adds(intent: Intent) -> bool:
    return intent.kind in (IntentKind.APPEND, IntentKind.WINDOW)


def _cut_alike(change: Change) -> bool:
    """Whether a new table consists of windows, as the first batches of a backfill make it."""
    return change.version is not None and _only_adds(change.version.intent) and bool(change.windows)


def _content(version: Version | None) -> str | None:
    return version.content_id if version else None


def _new_windows(change: Change, other: Change) -> tuple[WindowEntry, ...]:
    """The windows of a change that the other side does not have just so."""
    theirs = {(window.span, window.content_id) for window in other.windows}
    return tuple(w for w in change.windows if (w.span, w.content_id) not in theirs)


def _spans(version: Version, change: Change, other: Change) -> set[Span] | None:
    """The windows a change wrote that the other does not have just so; None: it named none."""
    written = {window.span for window in change.windows}
    new = {window.span for window in _new_windows(change, other)}
    spans = (set(version.intent.spans) - (written - new)) | new
    if not spans and not written:
        return None
    return spans
