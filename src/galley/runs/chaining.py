"""Steps that read their own table: their windows are made in order, each onto those before it.

What such a window is made of includes what the earlier ones hold, so that is part of its key. With
a declared ``lookback`` it is the windows that this reaches, else all earlier ones. Keys have no
order, so windows by key are apart from each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from galley.ids import digest
from galley.lake.model import Span, WindowEntry
from galley.project.model import Materialize, Step, WindowSpec, WindowUnit
from galley.runs import cutting
from galley.runs.coverage import in_order
from galley.runs.findings import Result


def chained(step: Step) -> bool:
    """Whether the step's windows are made onto one another."""
    return step.reads_self and step.window is not None and step.window.by is not WindowUnit.KEY


class Chain:
    """The windows of a table as those after them find them; asked and told in order."""

    def __init__(self, window: WindowSpec) -> None:
        self._window = window
        self._known: dict[Span, str] = {}
        self._unknown: set[Span] = set()
        self._mark = ""

    def key(self, span: Span, own: str) -> str | None:
        """The key of a window whose ``own`` key covers all but the windows before it.

        ``None`` if one of those is to be made, so that nobody knows yet what it will hold.
        """
        if not self._window.lookback:
            return None if self._unknown else digest("onto", own, self._mark)
        before = cutting.lookback(self._window, span)
        if not self._unknown.isdisjoint(before):
            return None
        there = (f"{one}:{self._known[one]}" for one in before if one in self._known)
        return digest("onto", own, *there)

    def put(self, span: Span, content_id: str | None) -> None:
        """The next window holds this (``None``: it is to be made)."""
        if content_id is None:
            self._unknown.add(span)
            return
        self._known[span] = content_id
        self._mark = digest("before", self._mark, str(span), content_id)


def keyed(
    window: WindowSpec, made: Collection[WindowEntry], ledger: Mapping[Span, WindowEntry]
) -> tuple[WindowEntry, ...]:
    """Windows that were made, in order and onto those of ``ledger``, with their full keys."""
    new = {entry.span: entry for entry in made}
    chain = Chain(window)
    found = []
    for span in in_order((*ledger, *new)):
        entry = new.get(span) or ledger[span]
        if span in new:
            entry = replace(entry, key=chain.key(span, entry.key) or entry.key)
            found.append(entry)
        chain.put(span, entry.content_id)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Sorted:
    """What becomes of the windows that are wanted, and the key of each by its text.

    Those ``accepted`` stay with another key, ``adopted`` ones are taken over from elsewhere.
    """

    stale: tuple[Span, ...]
    kept: tuple[Span, ...]
    accepted: tuple[WindowEntry, ...]
    adopted: tuple[Result, ...]
    keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The windows that a chained step shall have, with the key of each but for those before it.

    ``ledger`` are the windows that are there, ``remade`` those of them that cannot stay,
    ``acceptable`` those that may though the step is another one, and ``elsewhere`` windows that
    can be taken over, by their full keys.
    """

    step: Step
    window: WindowSpec
    own: Mapping[Span, str]
    ledger: Mapping[Span, WindowEntry]
    remade: Collection[Span]
    acceptable: Collection[Span]
    elsewhere: Mapping[str, Result]

    def sort(self) -> Sorted:
        """Decide in order: whatever follows a window that is to be made is to be made too."""
        chain = Chain(self.window)
        stale: list[Span] = []
        kept: list[Span] = []
        accepted: list[WindowEntry] = []
        adopted: list[Result] = []
        keys: dict[str, str] = {}
        for span in in_order((*self.ledger, *self.own)):
            entry = self.ledger.get(span)
            content = entry.content_id if entry else None
            if span in self.own:
                key = chain.key(span, self.own[span])
                keys[str(span)] = key or self.own[span]
                if entry is not None and self._stays(entry, key):
                    kept.append(span)
                elif entry is not None and span in self.acceptable:
                    accepted.append(replace(entry, key=keys[str(span)]))
                elif (found := self.elsewhere.get(key or "")) is not None:
                    adopted.append(found)
                    content = found.content_id
                else:
                    stale.append(span)
                    keys[str(span)] = self.own[span]
                    content = None
            chain.put(span, content)
        return Sorted(tuple(stale), tuple(kept), tuple(accepted), tuple(adopted), keys)

    def _stays(self, entry: WindowEntry, key: str | None) -> bool:
        if entry.span in self.remade:
            return False
        return self.step.materialize is Materialize.APPEND or entry.key == key
