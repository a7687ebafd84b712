"""How the windows of a step's table are cut, and which of them a run is about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta
from functools import lru_cache

from galley.clock import iso
from galley.errors import WindowError
from galley.lake.model import Span, Version
from galley.project import windows as calendar
from galley.project.model import Materialize, Step, WindowSpec, WindowUnit


def cut_of(step: Step) -> dict[str, str] | None:
    """How a step's tables are cut into windows, as their versions keep it; None: not at all."""
    window = step.window
    if window is None or step.materialize not in (Materialize.WINDOW, Materialize.APPEND):
        return None
    return {"column": window.column.lower(), "by": window.by.value, "timezone": window.timezone}


def recut(step: Step, own: Version, *, rebuild: bool) -> bool:
    """Whether the table was cut by another column, unit or time zone than its step cuts it now.

    Raises:
        WindowError: it was, and its rows could get lost where nobody asked for a rebuild.
    """
    before, now = own.made.get("window"), cut_of(step)
    if before is None or now is None or before == now:
        return False
    kept = step.materialize is Materialize.APPEND or WindowUnit.KEY in (before["by"], now["by"])
    if kept and not rebuild:
        raise WindowError(
            f"{own.table} was cut by {before['by']} of {before['column']} ({before['timezone']}), "
            f"and now by {now['by']} of {now['column']} ({now['timezone']}): its windows would "
            "have to be made anew, all of them",
            hint=f"--rebuild {step.name} replaces the whole table, or give the step a new name",
        )
    return True


def present(
    step: Step, window: WindowSpec, version: Version | None, ledger: Collection[Span]
) -> Collection[Span]:
    """The windows a table has, as the step cuts it now."""
    before = version.made.get("window") if version else None
    if before is None or before == cut_of(step):
        return ledger
    if WindowUnit.KEY in (window.by, before["by"]):
        return ()
    found: set[Span] = set()
    for span in ledger:
        first, after = calendar.parse_range(span.start, window)
        pairs = calendar.spans(window, first, max(after, span.end))
        found.update(Span(*pair) for pair in pairs)
    return found


def wanted(
    step: Step,
    window: WindowSpec,
    asked: tuple[str, str] | None,
    now: int,
    known: Callable[[], Collection[Span]],
) -> tuple[Span, ...]:
    """The windows that a run is about: those asked for, or all complete ones since the start.

    ``known`` finds out what there is; a run that was told its windows hardly ever needs that.

    Raises:
        WindowError: nothing says which, or none is complete yet.
    """
    if asked is not None:
        spans = _between(window, *asked)
        return _declared(window, spans, known)
    if window.by is WindowUnit.KEY or window.start is None:
        if there := known():
            return tuple(sorted(there))
        raise WindowError(
            f"nothing says which windows of {step.name} to make",
            hint="give --window, or a `start` under `window:` in the step",
        )
    until = calendar.complete_until(window, now)
    if window.end is not None:
        until = min(until, window.end)
    if until <= window.start:
        raise WindowError(
            f"no window of {step.name} is complete: its first starts at {window.start} and it is "
            f"{iso(now)}",
            hint="run again when the first window is over, or give --window",
        )
    return _between(window, window.start, until)


@lru_cache(maxsize=1)
def _between(window: WindowSpec, start: str, end: str) -> tuple[Span, ...]:
    """The windows of a time; the steps of a backfill, planned one after the other, ask alike."""
    return tuple(Span(*pair) for pair in calendar.spans(window, start, end))


def cut_alike(step: Step, version: Version) -> bool:
    """Whether an input's windows say what a window of the step reads of it.

    Those of time do in one time zone, whatever their units; keys do if they are the same column's.
    """
    mine, theirs = cut_of(step), version.made.get("window")
    if mine is None or theirs is None:
        return False
    if WindowUnit.KEY in (mine["by"], theirs["by"]):
        return (mine["by"], mine["column"]) == (theirs["by"], theirs["column"])
    return bool(mine["timezone"] == theirs["timezone"])


def starts(
    window: WindowSpec, wanted: Collection[Span], version: Version
) -> tuple[str, str] | None:
    """Where windows of a table start that share a moment with what making ``wanted`` reads.

    From and to, rather too far; ``None``: anywhere.
    """
    if not wanted:
        return None
    first, last = min(span.start for span in wanted), max(span.end for span in wanted)
    by = (version.made.get("window") or {}).get("by")
    if window.by is WindowUnit.KEY:
        return (first, last) if by == window.by.value else None
    if window.lookback:
        first = calendar.shift(window, first, -window.lookback)
    # A longer window may have begun before; none is longer than a month.
    before = timedelta(days=2 if by == window.by.value else 33)
    try:
        earliest = date.fromisoformat(first[:10]) - before
        latest = date.fromisoformat(last[:10]) + timedelta(days=2)
    except OverflowError:  # at the ends of the calendar
        return None
    return earliest.isoformat(), latest.isoformat()


def lookback(window: WindowSpec, span: Span) -> tuple[Span, ...]:
    """The windows before ``span`` that making it looks back at."""
    if not window.lookback:
        return ()
    first = calendar.shift(window, span.start, -window.lookback)
    return tuple(Span(*pair) for pair in calendar.spans(window, first, span.start))


def _declared(
    window: WindowSpec, asked: tuple[Span, ...], known: Callable[[], Collection[Span]]
) -> tuple[Span, ...]:
    """The windows asked for that lie between the step's declared start and end.

    A table that would have none yet gets its first one, so that its readers find a table.
    """
    if window.by is WindowUnit.KEY:
        return asked
    first = calendar.parse_range(window.start, window)[0] if window.start else None
    last = calendar.parse_range(window.end, window)[0] if window.end else None
    found = tuple(
        span
        for span in asked
        if (first is None or span.start >= first) and (last is None or span.start < last)
    )
    if found or first is None or known():
        return found
    return (Span(first, calendar.shift(window, first, 1)),)
