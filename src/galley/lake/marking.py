"""Which entries of a catalogue roots still show. Pure.

A commit shows its own entries and, of every table that it did not write, what the commit that it
follows shows. Followed from the roots backwards this takes time linear in the entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping


def shown(
    following: Mapping[str, str | None],
    written: Mapping[str, Collection[str]],
    roots: Iterable[str],
) -> Iterator[tuple[str, str]]:
    """The (commit, table) pairs that at least one root shows.

    ``following`` maps each commit to the one whose tables it goes on from, ``written`` to the
    tables it wrote itself.
    """
    starts = {root for root in roots if root in following}
    reached = closure(following, starts)
    waiting = Counter(after for commit in reached if (after := following[commit]) in reached)
    ready = [commit for commit in reached if not waiting[commit]]
    hidden: dict[str, set[str]] = {}
    while ready:
        commit = ready.pop()
        over = hidden.pop(commit, set())
        if commit in starts:
            over = set()
        own = written.get(commit, ())
        for table in own:
            if table not in over:
                yield commit, table
        after = following[commit]
        if after is None or after not in reached:
            continue
        over.update(own)
        _join(hidden, after, over)
        waiting[after] -= 1
        if not waiting[after]:
            ready.append(after)


def closure(following: Mapping[str, str | None], starts: Iterable[str]) -> set[str]:
    """All commits that are reached from the starts, themselves included."""
    reached: set[str] = set()
    for start in starts:
        commit: str | None = start
        while commit is not None and commit not in reached and commit in following:
            reached.add(commit)
            commit = following[commit]
    return reached


def _join(hidden: dict[str, set[str]], commit: str, over: set[str]) -> None:
    """What all ways to a commit have written over; a table hidden on one way only is shown."""
    known = hidden.get(commit)
    if known is None:
        hidden[commit] = over
    else:
        known &= over
