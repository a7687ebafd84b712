"""What going forward again brings back: the holds of earlier rollbacks that end with it.

A rollback holds the pipelines whose publishes, or whose code, it takes back. Where a later one
shows all of that of a pipeline again, its hold has no reason any more.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from galley.lake import commits, deltas, trees, withdrawals
from galley.lake.model import Commit
from galley.lake.origins import written
from galley.lake.rollback import RollbackPlan
from galley.lake.withdrawals import PipelineHold
from galley.project.codec import manifest_from_json
from galley.project.model import Manifest
from galley.runs import records
from galley.runs.finishing import pipeline_code


def lifted(connection: Connection, plan: RollbackPlan) -> tuple[PipelineHold, ...]:
    """The holds on the ref that a rollback ends, since it shows again what they were for."""
    standing = withdrawals.holds(connection, plan.project, plan.ref.name)
    given = [hold for hold in standing if hold.commit is not None]
    if not given:
        return ()
    shown = set(deltas.shown_since(connection, plan.to.id, None))
    found = []
    for hold in given:
        earlier = _Earlier(connection, hold)
        back = earlier.comes_back(plan) if plan.tables else earlier.is_among(shown)
        if back:
            found.append(hold)
    return tuple(found)


def changed_by(connection: Connection, commit: Commit) -> set[str]:
    """The tables whose content a commit changed; one that was made anew as it was is not."""
    made = written(connection, [commit.id])[commit.id]
    before = trees.contents(connection, commit.parent, made) if commit.parent else {}
    return {table for table, content in made.items() if content != before.get(table)}


class _Earlier:
    """The rollback that a hold came from, and what it took back of the held pipeline."""

    def __init__(self, connection: Connection, hold: PipelineHold) -> None:
        self._connection = connection
        self._hold = hold
        self._commit = commits.get_commit(connection, hold.commit or "")
        self._before = commits.get_commit(connection, self._commit.parent or "")
        self._outputs = _outputs(_manifest(connection, self._before.code_version), hold.pipeline)

    def is_among(self, shown: Collection[str]) -> bool:
        """Whether all that it took back is among the commits that are shown."""
        took = self._took()
        return bool(took) and took <= set(shown)

    def comes_back(self, plan: RollbackPlan) -> bool:
        """Whether its tables will show what they showed before it, and the code is the same."""
        head = plan.ref.head
        changed = deltas.changed_content(self._connection, self._before.id, self._commit.id)
        mine = self._outputs & changed.keys()
        after = trees.contents(self._connection, head, mine)
        returned = {one.table: one.after for one in plan.returns}
        shown = {table: returned.get(table, after.get(table)) for table in mine}
        same = all(shown[table] == changed[table][0] for table in mine)
        code = self._code(self._before.code_version)
        return bool(mine) and same and self._code(plan.code_version) == code

    def _took(self) -> set[str]:
        """The commits of the pipeline that it took back."""
        if self._commit.tree_of is None:
            return self._wrote_tables()
        went = deltas.shown_since(self._connection, self._before.id, self._commit.id)
        return {id for id in went if self._concerned(commits.get_commit(self._connection, id))}

    def _wrote_tables(self) -> set[str]:
        """Those that wrote its tables since the state that it returned them to."""
        line = deltas.shown_since(self._connection, self._before.id, None)
        returned = written(self._connection, [self._commit.id])[self._commit.id]
        waiting = {table: returned[table] for table in self._outputs & returned.keys()}
        found = set()
        for commit in line:
            made = written(self._connection, [commit])[commit]
            for table in waiting.keys() & made.keys():
                if made[table] == waiting[table]:
                    del waiting[table]
                else:
                    found.add(commit)
            if not waiting:
                break
        return found

    def _concerned(self, commit: Commit) -> bool:
        """Whether a commit changed the pipeline's tables or its code."""
        if commit.parent is None:
            return False
        before = commits.get_commit(self._connection, commit.parent).code_version
        coded = self._code(commit.code_version) != self._code(before)
        return coded or bool(self._outputs & changed_by(self._connection, commit))

    def _code(self, version: str | None) -> str | None:
        """The pipeline's code in a project version."""
        manifest = _manifest(self._connection, version)
        name = self._hold.pipeline
        if manifest is None or name not in manifest.pipelines:
            return None
        return pipeline_code(manifest, name, self._hold.ref)


def _outputs(manifest: Manifest | None, pipeline: str) -> set[str]:
    """The tables that a pipeline makes."""
    if manifest is None or pipeline not in manifest.pipelines:
        return set()
    steps = (manifest.steps[name] for name in manifest.pipelines[pipeline].steps)
    return {table for step in steps for table in step.outputs}


def _manifest(connection: Connection, version: str | None) -> Manifest | None:
    if version is None:
        return None
    return manifest_from_json(records.definition_row(connection, version)["body"])
