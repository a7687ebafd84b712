"""Rolling a ref back (or forward again): a new commit that shows an old state.

Heads never move backwards. What is taken back is withdrawn, so that no reuse, merge or schedule
brings it back; what a roll-forward returns is cleared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from galley.clock import iso
from galley.errors import TableNotFoundError, UsageError
from galley.lake import tables as t
from galley.lake.commits import PUBLISHES, get_commit, walk, write_commit
from galley.lake.deltas import changed_content, fork_of, restoring, shown_since
from galley.lake.model import Commit, CommitKind, Ref, RefKind
from galley.lake.names import listed, nearest
from galley.lake.origins import merged, same_rows, windows_made, windows_shown, written
from galley.lake.refs import FAR, commit_in, get_ref, list_refs, move_ref, resolve
from galley.lake.rooting import refuse_collected
from galley.lake.rows import NAMES, batches
from galley.lake.trees import chain, contents, lookup, table_names
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
    ``downstream`` are tables that stay although they were made from what goes. ``code_before`` is
    the ref's code version now, ``code_version`` afterwards. ``in_effect`` are those of the commits
    that no earlier rollback took back.
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
    code_before: str | None
    code_version: str | None
    in_effect: frozenset[str]

    @property
    def code_returns(self) -> bool:
        """Whether the ref's code goes back too, perhaps with no table changing."""
        differs = self.code_version != self.code_before
        return self.ref.kind is RefKind.ENVIRONMENT and not self.tables and differs

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs whose work is taken back, newest first."""
        return tuple(dict.fromkeys(c.run_id for c in self.going if c.run_id))

    @property
    def going(self) -> tuple[Commit, ...]:
        """The commits whose work was shown until now, newest first."""
        return tuple(commit for commit in self.taken_back if commit.id in self.in_effect)

    @property
    def others(self) -> tuple[Commit, ...]:
        """The publishes taken back besides the oldest: those that have happened since."""
        publishes = [commit for commit in self.going if commit.kind in PUBLISHES]
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

    ``tables`` restricts it to some. Of an environment the code is part of the state: a promotion
    that changed nothing else is taken back too. Raises RefNotFoundError, TableNotFoundError,
    CollectedError where what it would show is no more, and UsageError where there is nothing to
    roll back.
    """
    target = get_ref(conn, project, ref)
    goal, changed = _goal(conn, target, to, now, tables or ())
    _check_own(conn, target, goal)
    returns = tuple(TableReturn(name, *pair) for name, pair in changed.items())
    code = get_commit(conn, target.head).code_version
    if not returns and (tables or not _code_differs(target, code, goal)):
        raise UsageError(
            f"{ref} already shows what it showed at commit {goal.id}.",
            hint=f"Choose another commit from: galley history {ref}",
        )
    steps = fork_of(conn, target.head, goal.id).left
    gone = walk(conn, target.head, len(steps))
    made = written(conn, [commit.id for commit in gone])
    names = {entry.table for entry in returns}
    refuse_collected(conn, project, goal.id, names if tables else None)
    taken = _taken_back(gone, made, names if tables else None)
    # What an earlier rollback had brought back was made by others.
    own = tuple(commit for commit in taken if commit.kind is not CommitKind.ROLLBACK)
    bad = _made_by(own, made, names if tables else None)
    others = {table for tables_ in made.values() for table in tables_} - names
    live = set(contents(conn, target.head if tables else goal.id, others).values())
    counted = {c.id: names & set(made[c.id]) if tables else set(made[c.id]) for c in own}
    bad |= merged(conn, own, counted)
    bad |= same_rows(conn, windows_made(conn, [commit.id for commit in own], names))
    back = same_rows(conn, windows_shown(conn, goal.id, names))
    back |= {entry.after for entry in returns if entry.after}
    if any(commit.kind is CommitKind.ROLLBACK for commit in gone):
        back |= _made_again(conn, goal.id, gone, names)
    bad -= live | back
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
        cleared=tuple(sorted(back)),
        downstream=_downstream(conn, target, others, bad) if tables else (),
        code_before=code,
        code_version=code if tables else goal.code_version,
        in_effect=_in_effect(gone),
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
    _check_tables(conn, ref, tables)
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
    code = get_commit(conn, ref.head).code_version
    while following:
        links = [link.id for link in chain(conn, following)]
        writers = set(links) if not tables else _writers(conn, links, tables)
        for commit in (get_commit(conn, link) for link in links):
            made = commit.kind is not CommitKind.ROLLBACK and commit.id in writers
            if made and commit.parent:
                before = get_commit(conn, commit.parent)
                changed = changed_content(conn, ref.head, before.id, only)
                if changed or (not tables and _code_differs(ref, code, before)):
                    return before, changed
            following = commit.tree_of or commit.parent
    raise _nothing_left(conn, ref, tables)


def _in_effect(commits: list[Commit]) -> frozenset[str]:
    """Those of a line of commits, newest first, that make up what the newest shows."""
    found: set[str] = set()
    following = commits[0].id if commits else None
    for commit in commits:
        if commit.id == following:
            found.add(commit.id)
            following = commit.tree_of or commit.parent
    return frozenset(found)


def _code_differs(ref: Ref, code: str | None, goal: Commit) -> bool:
    """Whether going back changes the version of the code that runs in an environment."""
    return ref.kind is RefKind.ENVIRONMENT and code != goal.code_version


def _nothing_left(conn: Connection, ref: Ref, tables: tuple[str, ...]) -> UsageError:
    """The error where no publish is in effect: there was none, or all were taken back."""
    about = f" of {', '.join(tables)}" if tables else ""
    for commit in walk(conn, ref.head, FAR):
        if commit.kind is CommitKind.ROLLBACK and commit.parent:
            return UsageError(
                f"Every publish{about} to {ref.name} is taken back already: the last rollback, "
                f"{commit.id} by {commit.author} at {iso(commit.created)}, returned it to commit "
                f"{commit.tree_of or commit.parent}. Nothing was changed.",
                hint=f"To show again what it took back: galley rollback {ref.name} "
                f"--to {commit.parent}. Else change the pipeline and publish it again. "
                f"See: galley history {ref.name}",
            )
    return UsageError(
        f"Nothing{about} was published to {ref.name} yet.",
        hint=f"See: galley history {ref.name}",
    )


def _writers(conn: Connection, commits: list[str], tables: Collection[str]) -> set[str]:
    """Those of the commits that wrote one of the tables."""
    found: set[str] = set()
    for some in batches(commits, NAMES):
        e = t.entry.c
        wrote = select(e.commit_id).where(e.commit_id.in_(some), e.table_key.in_(tables))
        found.update(conn.scalars(wrote.distinct()))
    return found


def _check_tables(conn: Connection, ref: Ref, tables: tuple[str, ...]) -> None:
    """Raise TableNotFoundError for tables that the ref's project has never had."""
    own = select(t.entry.c.table_key).join(t.commit, t.commit.c.id == t.entry.c.commit_id)
    own = own.where(t.commit.c.project == ref.project, t.entry.c.table_key.in_(tables))
    known = {*lookup(conn, ref.head, tables), *conn.scalars(own.distinct())} if tables else set()
    unknown = [table for table in tables if table not in known]
    if not unknown:
        return
    names = table_names(conn, ref.head)
    meant = {table: nearest(table, names) for table in unknown}
    close = [
        f"{one} for {table}" if len(unknown) > 1 else one for table, one in meant.items() if one
    ]
    hint = f"Did you mean {', '.join(close)}?" if close else f"There are: {listed(names)}"
    raise TableNotFoundError(
        f"{ref.name} has no table {', '.join(unknown)}.",
        hint=hint if names else f"{ref.name} shows no tables. See: galley history {ref.name}",
        details={"tables": unknown, "nearest": meant},
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


def _made_again(conn: Connection, goal: str, gone: Collection[Commit], names: set[str]) -> set[str]:
    """What returns with ``goal`` of what rollbacks had taken back, as their runs had it too."""
    bases = {commit.tree_of for commit in gone if commit.kind is CommitKind.ROLLBACK}
    links = list(dict.fromkeys(one for base in bases for one in shown_since(conn, goal, base)))
    made = written(conn, links)
    returning = tuple(get_commit(conn, link) for link in links if names.intersection(made[link]))
    known = merged(conn, returning, {link: names & set(made[link]) for link in links})
    return known | _made_by(returning, made, names)


def _in_environments(conn: Connection, project: str, names: Collection[str]) -> set[str]:
    """What the environments show of some tables: no kitchen takes that away from them."""
    found: set[str] = set()
    for ref in list_refs(conn, project, (RefKind.ENVIRONMENT,)):
        head = get_commit(conn, ref.head)
        found |= set(contents(conn, head.id, names).values())
        found |= {window.content_id for window in windows_shown(conn, head.id, names)}
    return found


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
