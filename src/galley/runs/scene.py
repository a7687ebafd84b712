"""The tables as the steps of a run find them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from sqlalchemy import Connection

from galley.lake import trees
from galley.lake.model import Span, Version, WindowEntry
from galley.runs import keys
from galley.runs.takenback import TakenBack


class Scene:
    """The tables as a step of a run sees them: its ref's head, other projects at their pins.

    ``pending`` are tables that will be made anew: all of it (``None``) or the given windows.
    ``base`` is the target's commit that the run begins at. ``aside`` are tables that it begins
    with as they were earlier.
    """

    def __init__(
        self,
        connection: Connection,
        project: str,
        head: str,
        pins: Mapping[str, str],
        *,
        base: str | None = None,
        aside: Mapping[str, TakenBack] = MappingProxyType({}),
    ) -> None:
        self.connection = connection
        self.project = project
        self.head = head
        self.pins = pins
        self.base = base or head
        self.aside = aside
        self.pending: dict[str, tuple[Span, ...] | None] = {}
        # What a commit shows never changes.
        self._seen: dict[str, Version | None] = {}
        self._ledgers: dict[tuple[str, str], Mapping[Span, WindowEntry]] = {}

    def versions(self, tables: Collection[str]) -> dict[str, Version]:
        """The present versions of the named tables and of all that their views read."""
        found: dict[str, Version] = {}
        asked: set[str] = set()
        wanted = set(tables)
        while wanted:
            asked |= wanted
            found |= self._remembered(wanted)
            views = [version for version in found.values() if version.view_sql]
            wanted = {name for view in views for name in view.inputs} - asked
        return found

    def ledger(
        self, table_id: str, starts: tuple[str, str] | None = None
    ) -> Mapping[Span, WindowEntry]:
        """The windows a table has; or those that start from one to another place."""
        earlier = [one.commit for one in self.aside.values() if one.table_id == table_id]
        head = earlier[0] if earlier else self.head
        if not head:
            return {}
        known = self._ledgers.get((head, table_id))
        if known is None:
            known = trees.ledger(self.connection, head, table_id, starts)
            if starts is None:
                self._ledgers[head, table_id] = known
        elif starts is not None:
            first, last = starts
            return {span: one for span, one in known.items() if first <= span.start <= last}
        return known

    def contents(self, versions: Mapping[str, Version]) -> dict[str, str]:
        """The content of each version; pending tables have one that matches nothing."""
        found = keys.effective_contents(versions)
        return found | {name: f"pending {name}" for name in self.pending}

    def _remembered(self, names: Collection[str]) -> dict[str, Version]:
        new = [name for name in names if name not in self._seen]
        if new:
            self._seen |= {**dict.fromkeys(new), **self._look_up(new)}
        known = {name: self._seen[name] for name in names}
        return {name: version for name, version in known.items() if version is not None}

    def _look_up(self, names: Collection[str]) -> dict[str, Version]:
        own = [name for name in names if "." not in name]
        found = trees.lookup(self.connection, self.head, own) if own else {}
        for name in self.aside.keys() & set(own):
            found.pop(name, None)
            if (earlier := self.aside[name].commit) is not None:
                found |= trees.lookup(self.connection, earlier, [name])
        for name in names:
            other, dot, table = name.partition(".")
            if dot and other in self.pins:
                version = trees.lookup(self.connection, self.pins[other], [table]).get(table)
                if version is not None:
                    found[name] = version
        return found
