"""Rolling a ref back (or forward again): a new commit that shows an old state.

Heads never move backwards. What is taken back is withdrawn, so that no reuse, merge or schedule
brings it back; what a roll-forward returns is cleared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from galley.errors import TableNotFoundError, UsageError
from galley.lake import tables as t
from galley.lake.commits import PUBLISHES, get_commit, walk, write_commit
from galley.lake.deltas import changed_content, fork_of, restoring
from galley.lake.entries import RESET
from galley.lake.model import Commit, CommitKind, Ref, RefKind
from galley.lake.names import nearest
from galley.lake.refs import commit_in, get_ref, list_refs, move_ref, resolve
from galley.lake.rooting import refuse_collected
from galley.lake.rows import NAMES, batches
from galley.lake.trees import chain, contents, ledgers, lookup, table_ids, table_names
from galley.lake.withdrawals import clear, withdraw

_Changed = dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class TableReturn:
    """One table that a rollback changes: the content now and afterwards (None: no table)."""

    table: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback will do, and the state of the ref that it holds for.

    ``tables`` is empty for a rollback of everything. ``taken_back`` are the commits whose work
    goes, newest first: more than one publish means that others have published since, and that a
    rollback of single tables is worth offering. ``withdrawn`` and ``cleared`` are content ids.
    ``downstream`` are tables that stay although they were made from what goes. ``code_version`` is
    the ref's afterwards.
    """

    project: str
    ref: Ref
    to: Commit
    tables: tuple[str, ...]
    returns: tuple[TableReturn, ...]
    taken_back: tuple[Commit, ...]
    withdrawn: tuple[str, ...]
    cleared: tuple[str, ...]
    downstream: tuple[str, ...]
    code_version: str | None

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs whose work is taken back, newest first."""
        return tuple(dict.fromkeys(c.run_id for c in self.taken_back if c.run_id))

    @property
    def others(self) -> tuple[Commit, ...]:
        """The publishes taken back besides the oldest: those that have happened since."""
        publishes = [commit for commit in self.taken_back if commit.kind in PUBLISHES]
        return tuple(publishes[:-1])


def plan_rollback(
    conn: Connection,
    project: str,
    ref: str,
    *,
    now: int,
    to: str | None = None,
    tables: tuple[str, ...] | None = None,
) -> RollbackPlan:
    """Plan to show ``to`` again: a commit's prefix or a time, by default before the last publish.

    ``tables`` restricts it to some. Raises RefNotFoundError, TableNotFoundError, CollectedError
    where what it would show is no more, and UsageError where there is nothing to roll back.
    """
    target = get_ref(conn, project, ref)
    goal, changed = _goal(conn, target, to, now, tables or ())
    _check_own(conn, target, goal)
    returns = tuple(TableReturn(name, *pair) for name, pair in changed.items())
    if not returns:
        raise UsageError(
            f"{ref} already shows what it showed at commit {goal.id}.",
            hint=f"Choose another commit from: galley history {ref}",
        )
    steps = fork_of(conn, target.head, goal.id).left
    gone = walk(conn, target.head, len(steps))
    made = _written(conn, [commit.id for commit in gone])
    names = {entry.table for entry in returns}
    refuse_collected(conn, project, goal.id, names if tables else None)
    taken = _taken_back(gone, made, names if tables else None)
    bad = _made_by(taken, made, names if tables else None)
    others = {table for tables_ in made.values() for table in tables_} - names
    live = set(contents(conn, target.head if tables else goal.id, others).values())
    bad |= _windows_made(conn, taken, names)
    shown = _windows_shown(conn, goal, names)
    bad -= live.union(shown, (entry.after for entry in returns if entry.after))
    if target.kind is RefKind.KITCHEN:
        bad -= _in_environments(conn, project, names)
    return RollbackPlan(
        project=project,
        ref=target,
        to=goal,
        tables=tuple(sorted(tables or ())),
        returns=returns,
        taken_back=taken,
        withdrawn=tuple(sorted(bad)),
        cleared=tuple(sorted(shown | {entry.after for entry in returns if entry.after})),
        downstream=_downstream(conn, target, others, bad) if tables else (),
        code_version=(get_commit(conn, target.head) if tables else goal).code_version,
    )


def apply_rollback(
    conn: Connection, plan: RollbackPlan, *, actor: str, reason: str, now: int
) -> Commit:
    """Write the commit, move the ref to it, withdraw what goes and clear what returns.

    Raises StaleRefError if the ref has moved since the plan was made.
    """
    names = [entry.table for entry in plan.returns]
    commit = write_commit(
        conn,
        project=plan.project,
        parent=get_commit(conn, plan.ref.head),
        kind=CommitKind.ROLLBACK,
        author=actor,
        message=reason,
        now=now,
        changes=restoring(conn, plan.to.id, names) if plan.tables else (),
        tree_of=None if plan.tables else plan.to.id,
        code_version=plan.code_version,
        inherits_code=False,
    )
    move_ref(conn, plan.ref, commit.id, who=actor, why=reason, now=now)
    since = [entry.id for entry in fork_of(conn, plan.ref.head, plan.to.id).left]
    clear(conn, plan.project, plan.cleared, commits=since)
    withdraw(
        conn,
        plan.project,
        plan.withdrawn,
        commit=commit.id,
        by=actor,
        reason=reason,
        now=commit.created,
    )
    return commit


def _goal(
    conn: Connection, ref: Ref, to: str | None, now: int, tables: tuple[str, ...]
) -> tuple[Commit, _Changed]:
    """The commit to show again, and what that changes."""
    for table in tables:
        _check_table(conn, ref, table)
    if to is None:
        return _before_last_publish(conn, ref, tables)
    text = to if "@" in to or to.startswith("tag/") else f"{ref.name}@{to}"
    commit = resolve(conn, ref.project, text, now).commit
    goal = commit_in(conn, ref, commit)
    return goal, changed_content(conn, ref.head, goal.id, tables or None)


def _before_last_publish(
    conn: Connection, ref: Ref, tables: tuple[str, ...]
) -> tuple[Commit, _Changed]:
    """The state before the newest publish that is still in effect (and wrote one of the tables).

    It follows the tree: what an earlier rollback took back does not count again.
    """
    following: str | None = ref.head
    only = tables or None
    while following:
        links = [link.id for link in chain(conn, following)]
        writers = set(links) if not tables else _writers(conn, links, tables)
        for commit in (get_commit(conn, link) for link in links):
            made = commit.kind is not CommitKind.ROLLBACK and commit.id in writers
            if made and commit.parent:
                changed = changed_content(conn, ref.head, commit.parent, only)
                if changed:
                    return get_commit(conn, commit.parent), changed
            following = commit.tree_of or commit.parent
    raise UsageError(
        f"Nothing was published to {ref.name} yet.", hint=f"See: galley history {ref.name}"
    )


def _writers(conn: Connection, commits: list[str], tables: Collection[str]) -> set[str]:
    """Those of the commits that wrote one of the tables."""
    found: set[str] = set()
    for some in batches(commits, NAMES):
        e = t.entry.c
        wrote = select(e.commit_id).where(e.commit_id.in_(some), e.table_key.in_(tables))
        found.update(conn.scalars(wrote.distinct()))
    return found


def _check_table(conn: Connection, ref: Ref, table: str) -> None:
    known = select(t.entry.c.table_key).where(t.entry.c.table_key == table).limit(1)
    if lookup(conn, ref.head, [table]) or conn.scalar(known):
        return
    meant = nearest(table, table_names(conn, ref.head))
    raise TableNotFoundError(
        f"{ref.name} has no table {table}.", hint=f"Did you mean {meant}?" if meant else None
    )


def _check_own(conn: Connection, ref: Ref, goal: Commit) -> None:
    """A kitchen goes back to where it has stood itself, never to before it was opened."""
    if ref.kind is RefKind.ENVIRONMENT:
        return
    g = t.ref_log.c
    stood = select(g.id).where(g.project == ref.project, g.name == ref.name, g.new == goal.id)
    if conn.scalar(stood.limit(1)) is None:
        raise UsageError(
            f"{ref.name} was never at commit {goal.id}: that was before it was opened.",
            hint="Open another kitchen from that commit.",
        )


def _written(conn: Connection, commits: list[str]) -> dict[str, dict[str, str | None]]:
    """What each commit wrote: the content id by table, None where it dropped one."""
    found: dict[str, dict[str, str | None]] = {commit: {} for commit in commits}
    e = t.entry.c
    for some in batches(commits, NAMES):
        wrote = select(e.commit_id, e.table_key, e.content_id).where(e.commit_id.in_(some))
        for row in conn.execute(wrote):
            found[row.commit_id][row.table_key] = row.content_id
    return found


def _taken_back(
    gone: list[Commit], made: Mapping[str, Collection[str]], names: Collection[str] | None
) -> tuple[Commit, ...]:
    """The commits whose work goes; of a restricted rollback those that wrote its tables."""
    if names is None:
        return tuple(gone)
    return tuple(commit for commit in gone if set(made[commit.id]).intersection(names))


def _made_by(
    commits: tuple[Commit, ...],
    made: Mapping[str, Mapping[str, str | None]],
    names: Collection[str] | None,
) -> set[str]:
    """The contents that the commits made, of some tables or of all."""
    return {
        content
        for commit in commits
        for table, content in made[commit.id].items()
        if content and (names is None or table in names)
    }


def _windows_made(
    conn: Connection, commits: tuple[Commit, ...], names: Collection[str]
) -> set[str]:
    """The contents of the windows that the commits made in some tables."""
    e, w = t.entry.c, t.window.c
    found: set[str] = set()
    for some in batches([commit.id for commit in commits], NAMES):
        made = (
            select(w.content_id)
            .join(t.entry, (e.commit_id == w.commit_id) & (e.table_id == w.table_id))
            .where(w.commit_id.in_(some), w.span_start != RESET, e.table_key.in_(sorted(names)))
        )
        found.update(conn.scalars(made))
    return found


def _in_environments(conn: Connection, project: str, names: Collection[str]) -> set[str]:
    """What the environments show of some tables: no kitchen takes that away from them."""
    found: set[str] = set()
    for ref in list_refs(conn, project, (RefKind.ENVIRONMENT,)):
        head = get_commit(conn, ref.head)
        found |= set(contents(conn, head.id, names).values()) | _windows_shown(conn, head, names)
    return found


def _windows_shown(conn: Connection, commit: Commit, names: Collection[str]) -> set[str]:
    """The contents of the windows that some tables have at a commit."""
    found = ledgers(conn, commit.id, table_ids(conn, commit.id, names).values())
    return {window.content_id for ledger in found.values() for window in ledger.values()}


def _downstream(
    conn: Connection, ref: Ref, candidates: Collection[str], bad: Collection[str]
) -> tuple[str, ...]:
    """The live tables among the candidates that were made from what goes, also indirectly."""
    live = lookup(conn, ref.head, candidates)
    tainted: set[str] = set()
    growing = set(bad)
    while True:
        found = {
            name
            for name, version in live.items()
            if name not in tainted and growing.intersection(version.inputs.values())
        }
        if not found:
            return tuple(sorted(tainted))
        tainted |= found
        growing |= {live[name].content_id for name in found}
