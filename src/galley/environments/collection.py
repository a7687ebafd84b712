"""Collecting a project: what is over, what nothing keeps any more, whose files can go.

``survey`` changes nothing and can be shown. ``carry_out`` does what a survey says and no more,
each thing only if it still holds. Dying in between is harmless: what is left is found again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from galley import faults
from galley.environments import compaction, expiry, leftovers, retention
from galley.environments.compaction import Compacted
from galley.environments.expiry import Stale
from galley.environments.home import Home
from galley.environments.retention import Expired
from galley.errors import StorageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.lake import collect, sweeping
from galley.lake.collect import Item, Policy
from galley.lake.rows import NAMES, batches
from galley.lake.sweeping import Sweep
from galley.lake.warehouse import storage_errors
from galley.project.model import Retention
from galley.runs import findings
from galley.runs.model import RunState
from galley.runs.tables import attempt, run

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND

MOST_VERSIONS = 10_000
MOST_FOLDERS = 2_000
"""So much is done in one daily round; the next one goes on from there."""

DAILY_BYTES = 1 << 28
"""So many bytes of small files are put together in one."""

BATCH = 1_000
"""Versions of one transaction: roots cannot be written meanwhile."""

FILES = 200
"""Files that are removed between two looks at whether to go on."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What collecting would do: to refs and logs, to records of runs, to versions, to files.

    ``folder`` is where the next round's sweep goes on; empty after the last one. ``writers`` are
    those of whom no file is left, known only if all folders were looked at.
    """

    project: str
    kept: Retention
    expired: Expired
    stale: Stale
    versions: collect.Plan
    sweeps: tuple[Sweep, ...]
    folder: str = ""
    writers: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy:
        """The lake's part of the project's retention."""
        return policy_of(self.kept)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What collecting did; less than was planned where something was used meanwhile."""

    expired: Expired
    stale: Stale
    condemned: tuple[Item, ...] = ()
    doomed: tuple[Item, ...] = ()
    revived: int = 0
    commits: int = 0
    files: int = 0
    bytes: int = 0
    writers: int = 0
    compacted: tuple[Compacted, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Swept:
    """What has been removed so far."""

    files: int = 0
    bytes: int = 0
    clean: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def policy_of(kept: Retention) -> Policy:
    """What the lake keeps for how long, by a project's settings."""
    return Policy(
        history=int(kept.history * SECOND),
        publishes=kept.publishes,
        quarantine=int(kept.quarantine * SECOND),
    )


def survey(
    home: Home, project: str, kept: Retention, *, after: str = "", folders: int | None = None
) -> Survey:
    """Look at a project; at most at ``folders`` of its tables, from the one after ``after`` on.

    Raises:
        StorageError: the warehouse cannot be listed.
    """
    policy, now = policy_of(kept), home.clock()
    with home.database.read() as connection:
        expired = retention.plan_retention(connection, home, project, kept)
        stale = expiry.find_stale(connection, project, now, kept, policy)
        versions = collect.plan(connection, project, now, policy, pins, limit=MOST_VERSIONS)
    going = collect.places((*versions.doom, *versions.unfinished))
    warehouse = home.store
    with storage_errors("listing the warehouse", kept=""):
        every = [one for one in warehouse.list_folders(project) if one > after]
    looked = every[:folders]
    wanted = sorted({*looked, *map(sweeping.folder_of, going)})
    sweeps = tuple(_sweep(home, project, folder, going) for folder in wanted)
    all_seen = len(looked) == len(every) and not after
    return Survey(
        project=project,
        kept=kept,
        expired=expired,
        stale=stale,
        versions=versions,
        sweeps=sweeps,
        folder=looked[-1] if len(looked) < len(every) else "",
        writers=_ended_writers(home, project, now, sweeps) if all_seen else (),
    )


def carry_out(home: Home, wanted: Survey) -> Outcome:
    """Do what a survey says, as far as it still holds.

    Raises:
        RefusedError: the actor may not collect.
    """
    resource = Resource("home", wanted.project, wanted.project)
    demand(home.actor, Action.COLLECT, resource)
    with home.database.write() as connection:
        expired = retention.apply_retention(connection, home, wanted.project, wanted.expired)
    retention.remove_logs(expired)
    condemned, revived = _condemn(home, wanted)
    doomed = _doom(home, wanted)
    swept = _remove(home, wanted, doomed)
    commits = _forget(home, wanted)
    leftovers.remove_leftovers(home, writers)
    leftovers.remove_code(home)
    with home.database.write() as connection:
        forgotten = sweeping.forget_writers(connection, wanted.writers)
        stale = expiry.remove_stale(
            connection, wanted.project, wanted.stale, home.clock(), wanted.kept, wanted.policy
        )
    return Outcome(
        expired=expired,
        stale=stale,
        condemned=condemned,
        doomed=doomed,
        revived=revived,
        commits=commits,
        files=swept.files,
        bytes=swept.bytes,
        writers=forgotten,
        problems=tuple(swept.problems),
    )


def collect_daily(home: Home, project: str, kept: Retention) -> Outcome | None:
    """Once a day, whoever comes first: one bounded round. ``None`` if it was not due."""
    with home.database.read() as connection:
        last = collect.last_turn(connection, project)
    if last is not None and home.clock() - last < DAY:
        return None
    with home.database.write() as connection:
        after = collect.take_turn(connection, project, home.clock(), DAY)
    if after is None:
        return None
    found = survey(home, project, kept, after=after, folders=MOST_FOLDERS)
    outcome = with_compaction(home, project, carry_out(home, found), most=DAILY_BYTES)
    with home.database.write() as connection:
        collect.end_turn(connection, project, found.folder)
    return outcome


def with_compaction(
    home: Home, project: str, done: Outcome, *, most: int = compaction.MOST_BYTES
) -> Outcome:
    """The outcome with the small files of environments put together too."""
    made: list[Compacted] = []
    search = compaction.find_scattered(home, project, most=most)
    problems = [*done.problems, *search.problems]
    for one in search.tables:
        try:
            found = compaction.compact(home, project, one)
        except StorageError as error:
            problems.append(error.message)
            continue
        made += [found] if found else []
    return replace(done, compacted=tuple(made), problems=tuple(problems))


def pins(connection: Connection) -> set[str]:
    """The commits that runs under way are based on, read, or bring over."""
    ended = [state.value for state in RunState if state.terminal]
    found: set[str | None] = set()
    rows = select(run.c.base, run.c.pins, run.c.request).where(run.c.state.not_in(ended))
    for row in connection.execute(rows):
        found |= {row.base, *(row.pins or {}).values(), (row.request or {}).get("source")}
    return {one for one in found if one}


def writers(connection: Connection, ids: Collection[str]) -> dict[str, bool]:
    """Which of some ids are attempts or runs, and whether they may still write files."""
    ended = [state.value for state in RunState if state.terminal]
    found: dict[str, bool] = {}
    for some in batches(sorted(ids), NAMES):
        runs = select(run.c.id, run.c.state).where(run.c.id.in_(some))
        found.update((row.id, row.state not in ended) for row in connection.execute(runs))
        attempts = select(attempt.c.id, attempt.c.end).where(attempt.c.id.in_(some))
        found.update((row.id, row.end is None) for row in connection.execute(attempts))
    return found


def _sweep(home: Home, project: str, folder: str, going: Collection[str] = ()) -> Sweep:
    return sweeping.sweep(
        home.database,
        home.store,
        project,
        folder,
        writers,
        now=home.clock(),
        going=going,
    )


def _ended_writers(home: Home, project: str, now: int, sweeps: Sequence[Sweep]) -> tuple[str, ...]:
    """Of a folder that cannot be read nobody knows whose files are in it."""
    if any(one.problem is not None for one in sweeps):
        return ()
    seen = {writer for one in sweeps for writer in one.writers}
    with home.database.read() as connection:
        return sweeping.ended_writers(connection, project, now, seen)


def _condemn(home: Home, wanted: Survey) -> tuple[tuple[Item, ...], int]:
    found: list[Item] = []
    for some in batches(wanted.versions.condemn, BATCH):
        faults.point("collect.before_condemn")
        with home.database.write() as connection:
            found += collect.condemn(
                connection,
                wanted.versions,
                some,
                policy=wanted.policy,
                pins=pins,
                now=home.clock(),
                by=home.actor.name,
            )
        faults.point("collect.condemned")
    revived = 0
    if wanted.versions.revive:
        with home.database.write() as connection:
            revived = collect.revive(connection, wanted.versions)
    return tuple(found), revived


def _doom(home: Home, wanted: Survey) -> tuple[Item, ...]:
    """Mark what goes, with the results that point there: from here on nobody can use it again."""
    found: list[Item] = []
    for some in batches(wanted.versions.doom, BATCH):
        with home.database.write() as connection:
            now = home.clock()
            gone = collect.doom(
                connection, wanted.versions, some, policy=wanted.policy, pins=pins, now=now
            )
            findings.forget_results(connection, wanted.project, collect.places(gone))
            _record(connection, home, wanted.project, gone, now)
            faults.point("collect.before_doom_commit")
        faults.point("collect.doomed")
        found += gone
    return tuple(found)


def _record(
    connection: Connection, home: Home, project: str, gone: Sequence[Item], now: int
) -> None:
    if not gone:
        return
    resource = Resource("home", project, project)
    tables = sorted({item.table for item in gone})
    record(
        connection,
        actor=home.actor,
        action=Action.COLLECT,
        resource=resource,
        decision=demand(home.actor, Action.COLLECT, resource),
        now=now,
        detail={"versions": len(gone), "tables": tables[:50]},
    )


def _remove(home: Home, wanted: Survey, doomed: Sequence[Item]) -> _Swept:
    """Remove the files that were planned and that, asked again, nothing needs."""
    swept = _Swept()
    for planned in wanted.sweeps:
        if planned.problem is not None:
            swept.problems.append(planned.problem)
        elif planned.files:
            _remove_from(home, wanted.project, planned, swept)
        else:
            swept.clean.add(planned.folder)
    finished = [
        item.location
        for item in (*doomed, *wanted.versions.unfinished)
        if sweeping.folder_of(item.location) in swept.clean
    ]
    faults.point("collect.before_note")
    with home.database.write() as connection:
        collect.note_removed(connection, wanted.project, finished, home.clock())
    return swept


def _remove_from(home: Home, project: str, planned: Sweep, swept: _Swept) -> None:
    present = _sweep(home, project, planned.folder)
    if present.problem is not None:
        swept.problems.append(present.problem)
        return
    shown = {path for path, _ in planned.files}
    going = [file for file in present.files if file[0] in shown]
    warehouse = home.store
    try:
        for some in batches(going, FILES):
            warehouse.remove(path for path, _ in some)
            faults.point("collect.removing")
            swept.files += len(some)
            swept.bytes += sum(size for _, size in some)
    except OSError as error:
        swept.problems.append(f"{planned.folder}: {error.strerror or error}")
        return
    swept.clean.add(planned.folder)


def _forget(home: Home, wanted: Survey) -> int:
    faults.point("collect.before_forget")
    with home.database.write() as connection:
        gone = collect.forget(
            connection, wanted.versions, policy=wanted.policy, pins=pins, now=home.clock()
        )
    return len(gone)
