"""Publishing a run: merge onto the target, hold the gate on the merged versions, move the ref.

Merging and testing happen outside the lock; one short transaction then checks everything again and
makes all tables visible at once. Who loses the compare-and-set plans again, a bounded number of
times.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from galley import faults
from galley.errors import (
    ContendedError,
    GateError,
    InterruptedRunError,
    StaleRefError,
    SupersededError,
)
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Actor, Resource
from galley.lake import commits, publish, refs, withdrawals
from galley.lake.merge import MergeOutcome
from galley.lake.model import Change, Commit, CommitKind, RefKind, Version
from galley.lake.publish import Proposal, PublishPlan
from galley.project.codec import manifest_from_json
from galley.project.model import TestSpec, Untested
from galley.runs import adopting, findings, queue, records, testing
from galley.runs.finishing import end_run, refuse_held
from galley.runs.graph import tested_tables
from galley.runs.live import LiveRun, Site
from galley.runs.model import Intention, Reason, Run, RunState, StepType
from galley.runs.protocol import TaskFailed, TestDone, TestTask
from galley.runs.reasons import end_of_run, of_the_home
from galley.runs.scene import Scene
from galley.runs.testing import TestWork
from galley.runs.verdict import Verdict

MOST_TRIES = 5
MOST_AMONG_SIBLINGS = 50
"""How often a publish plans again after losing the target to somebody else; the runs of a backfill
lose it to each other, where several engines publish them.
"""


@dataclass(slots=True)
class _Publication:
    """A run on its way to its target; ``trouble`` is why its tests could not be evaluated."""

    live: LiveRun
    tries: int = 0
    trouble: str | None = None
    waiting: bool = False
    replayed: dict[str, dict[str, Change]] = field(default_factory=dict)
    work: dict[int, TestWork] = field(default_factory=dict)

    @property
    def most_tries(self) -> int:
        """How often it is planned again."""
        alone = self.live.run.request.parent is None
        return MOST_TRIES if alone or self.trouble else MOST_AMONG_SIBLINGS


class Publisher:
    """Publishes runs whose steps have all succeeded."""

    def __init__(self, site: Site, owner: str) -> None:
        self.site = site
        self.owner = owner
        self._queue: dict[str, _Publication] = {}

    def enqueue(self, live: LiveRun) -> None:
        """Take a run in the state PUBLISHING on."""
        self._queue.setdefault(live.run.id, _Publication(live))

    def forget(self, run_id: str) -> None:
        """The run has ended, or is another's: nobody is to wait for it here."""
        self._queue.pop(run_id, None)

    def advance(self, slots: int) -> list[tuple[LiveRun, TestTask | None]]:
        """Publish what can be; a task is tests that must first run on the merged versions."""
        moved = []
        for run_id, publication in list(self._queue.items()):
            if publication.waiting or self._behind(publication.live.run):
                continue
            try:
                task = self._try(publication, slots)
            except ContendedError:
                # Nothing of it stays; it is its turn again in the next round.
                continue
            except Exception as error:
                # One run's trouble must not stop the engine for all others: it is kept with it.
                if of_the_home(error):
                    raise
                self._end(publication.live, error)
                task = None
            if task is None and not self._ours(publication.live.run):
                self.forget(run_id)
            publication.waiting = task is not None
            moved.append((publication.live, task))
        return moved

    def _behind(self, run: Run) -> bool:
        """Whether another run of the same backfill has its tests evaluated on the merged tables.

        To publish now would make them worth nothing, again and again where many publish.
        """
        parent = run.request.parent
        return parent is not None and any(
            one.waiting and one.live.run.request.parent == parent for one in self._queue.values()
        )

    def tests_done(self, live: LiveRun, answer: TestDone | TaskFailed) -> None:
        """The tests on the merged versions were evaluated (or their process was lost)."""
        publication = self._queue.get(live.run.id)
        if publication is None:
            return
        publication.waiting = False
        publication.tries += 1
        if isinstance(answer, TestDone):
            with self.site.database.write() as connection:
                for work in publication.work.values():
                    _keep(connection, live, work, answer.verdicts, self.site.clock())
        else:
            publication.trouble = answer.message
        publication.work.clear()

    def _try(self, publication: _Publication, slots: int) -> TestTask | None:
        live = publication.live
        with self.site.database.read() as connection:
            if records.get_run(connection, live.run.id).intention is Intention.CANCEL:
                raise InterruptedRunError("cancelled before it was published")
            proposal = self._propose(connection, live)
        replayed = self._replay(publication, proposal)
        with self.site.database.read() as connection:
            merged = _Merged(live.scene(connection), proposal, replayed)
            work = _ungated(connection, live, merged)
        if work:
            if publication.tries >= publication.most_tries:
                raise _ungateable(publication)
            publication.work = work
            return _task(self.site, live, work, slots)
        try:
            self._apply(live, proposal, replayed)
        except StaleRefError:
            publication.tries += 1
            if publication.tries >= publication.most_tries:
                raise
        return None

    def _propose(self, connection: Connection, live: LiveRun) -> Proposal:
        source = refs.get_ref(connection, live.project, live.run.ref_name)
        return publish.plan_publish(
            connection,
            live.project,
            source_head=source.head,
            fork_point=source.fork_point or source.head,
            target_ref=live.run.ref,
        )

    def _replay(self, publication: _Publication, proposal: Proposal) -> dict[str, Change]:
        """Commit stored intents on the target's versions, once per state of the target."""
        known = publication.replayed.setdefault(proposal.target.head, {})
        for merge in proposal.merge.of(MergeOutcome.REPLAY):
            if merge.table not in known:
                known[merge.table] = adopting.replay(self.site, publication.live, merge)
        return known

    def _apply(self, live: LiveRun, proposal: Proposal, replayed: Mapping[str, Change]) -> None:
        faults.point("publish.before")
        now = self.site.clock()
        with self.site.database.write() as connection:
            present = records.get_run(connection, live.run.id)
            if not self._ours(present):
                live.run = present
                return
            if present.intention is Intention.CANCEL:
                raise InterruptedRunError("cancelled before it was published")
            _check_code(connection, live, proposal)
            _check_gate(connection, live, proposal, now)
            _check_holds(connection, live)
            plan = publish.prepare(
                proposal,
                run_id=live.run.id,
                message=_message(live),
                replayed=replayed,
                code_version=_code_after(live, proposal),
                kind=CommitKind.PROMOTE if live.run.request.activates else CommitKind.PUBLISH,
            )
            plan = replace(plan, changes=_marked(live, plan))
            _check_inputs(connection, live, plan)
            commit = _write(connection, live, plan, now)
            _succeed(connection, live, commit, plan, now)
            faults.point("publish.before_commit")
        faults.point("publish.after_commit")
        publish.shorten(self.site.database, live.project, live.run.ref)

    def _ours(self, run: Run) -> bool:
        """Whether the publish is still this engine's."""
        return not run.state.terminal and run.engine == self.owner

    def _end(self, live: LiveRun, error: Exception) -> None:
        now = self.site.clock()
        with self.site.database.write() as connection:
            present = records.get_run(connection, live.run.id)
            if self._ours(present):
                end_run(connection, live, *_outcome(error), now=now)
            else:
                live.run = present


def _outcome(error: Exception) -> tuple[RunState, Reason, str]:
    """How a run ends whose publish ended in an error."""
    if isinstance(error, InterruptedRunError):
        return RunState.CANCELLED, Reason.CANCELLED, "cancelled; nothing was published"
    reason, said = end_of_run(error)
    state = RunState.SUPERSEDED if reason is Reason.SUPERSEDED else RunState.FAILED
    return state, reason, said


class _Merged(Scene):
    """The target as it would be after the publish."""

    def __init__(self, scene: Scene, proposal: Proposal, replayed: Mapping[str, Change]) -> None:
        super().__init__(scene.connection, scene.project, proposal.target.head, scene.pins)
        self.written: dict[str, Version | None] = {
            name: change.version for name, change in proposal.made.items()
        } | {name: change.version for name, change in replayed.items()}

    def _look_up(self, names: Collection[str]) -> dict[str, Version]:
        found = super()._look_up(names)
        for name in names:
            if name in self.written:
                version = self.written[name]
                if version is None:
                    found.pop(name, None)
                else:
                    found[name] = version
        return found


def _ungateable(publication: _Publication) -> GateError:
    run, trouble = publication.live.run, publication.trouble
    why = f", at last because of this: {trouble}" if trouble else ""
    return GateError(
        f"the tests of run {run.id} could not be evaluated on the merged tables in "
        f"{publication.most_tries} tries{why}; {run.ref} is untouched",
        hint=f"galley resume {run.id}",
    )


def _ungated(connection: Connection, live: LiveRun, merged: _Merged) -> dict[int, TestWork]:
    """The gating tests that have no verdict on exactly the merged versions, by their node."""
    judged = findings.verdict_keys(connection, live.run.id)
    steps = {step.name: step for step in queue.steps_of(connection, live.run.id)}
    found = {}
    for position, node in enumerate(live.graph.nodes.values()):
        if node.type is StepType.INPUT_TESTS or not node.tests:
            continue
        spans = steps[node.name].spans if node.step else testing.requested_spans(live)
        tests = [test for test in node.tests if _touches(test, merged)]
        tables = {table for test in tests for table in (test.table, *test.reads)}
        versions = merged.versions(tables)
        contents = merged.contents(versions)
        todo = tuple(
            test for test in tests if testing.key_of(live, test, contents, spans) not in judged
        )
        if todo:
            found[position] = TestWork(versions, contents, spans, (), todo)
    return found


def _touches(test: TestSpec, merged: _Merged) -> bool:
    return any(table in merged.written for table in (test.table, *test.reads))


def _task(site: Site, live: LiveRun, work: Mapping[int, TestWork], slots: int) -> TestTask:
    """All tests that must run on the merged versions, as one task."""
    nodes = list(live.graph.nodes.values())
    position, first = next(iter(work.items()))
    task = testing.task_for(site, live, nodes[position], first, slots)
    tests = tuple(test for one in work.values() for test in one.todo)
    versions = {name: v for one in work.values() for name, v in one.versions.items()}
    return replace(task, tests=tests, versions=versions)


def _keep(
    connection: Connection,
    live: LiveRun,
    work: TestWork,
    verdicts: tuple[Verdict, ...],
    now: int,
) -> None:
    specs = {(test.name, test.table): test for test in work.todo}
    rows: list[tuple[str, Verdict, str | None]] = [
        (testing.key_of(live, specs[(v.test, v.table)], work.contents, work.spans), v, None)
        for v in verdicts
        if (v.test, v.table) in specs
    ]
    findings.save_verdicts(connection, live.project, live.run.id, "publish", rows, now)


def _check_code(connection: Connection, live: LiveRun, proposal: Proposal) -> None:
    """A protected target's code decides what may be published there."""
    target = proposal.target
    if target.kind is not RefKind.ENVIRONMENT:
        return
    head = commits.get_commit(connection, target.head)
    request = live.run.request
    if request.activates:
        if head.code_version != request.expected_code:
            raise SupersededError(
                f"{target.name} has got another code version since this promotion was planned; "
                "it is untouched",
                hint="plan again with `galley promote`",
            )
        return
    if head.code_version == live.run.definition:
        return
    if head.code_version is None:
        raise SupersededError(
            f"nothing runs in {target.name} any more: it was rolled back to before its first "
            "promotion; nothing was published",
            hint="bring a version there with `galley promote`",
        )
    present = manifest_from_json(records.definition_row(connection, head.code_version)["body"])
    for node in live.graph.nodes.values():
        step = node.step
        if step is None:
            continue
        now_there = present.steps.get(step.name)
        if now_there is None or now_there.code_hash != step.code_hash:
            raise SupersededError(
                f"step {step.name} has other code in {target.name} by now; nothing was published",
                hint=f"run again with `galley run {live.run.pipeline} --in {target.name}`",
            )


def _code_after(live: LiveRun, proposal: Proposal) -> str | None:
    """The target's code version after the publish; ``None`` keeps what it has.

    Only a promotion changes what runs in an environment, however old the run is that publishes.
    """
    if live.run.request.activates or proposal.target.kind is not RefKind.ENVIRONMENT:
        return live.run.definition
    return None


def _check_gate(connection: Connection, live: LiveRun, proposal: Proposal, now: int) -> None:
    verdicts = findings.blocking_by_key(connection, live.run.id)
    allowed = findings.overridden(connection, records.resumed(connection, live.run), now)
    stopping = [one for key, one in verdicts.items() if key not in allowed]
    if stopping:
        listed = "; ".join(f"{v.test} on {v.table}: {v.message or v.outcome}" for v in stopping[:3])
        raise GateError(
            f"blocking tests did not pass on the versions to be published ({listed}); "
            f"{live.run.ref} is untouched",
            hint=f"galley show {live.run.id}",
        )
    untested = sorted(set(proposal.made) - tested_tables(live.manifest))
    rule = live.manifest.environments.get(live.run.ref)
    if untested and rule is not None and rule.untested is Untested.BLOCK:
        raise GateError(
            f"{live.run.ref} takes no untested tables, and no test looks at {', '.join(untested)}",
            hint="add a test under `tests:` in the step",
        )


def _check_holds(connection: Connection, live: LiveRun) -> None:
    run = live.run
    refuse_held(connection, live.manifest, run.ref, run.request.pipelines)


def _check_inputs(connection: Connection, live: LiveRun, plan: PublishPlan) -> None:
    """Nothing is published that was made from what a rollback has taken back since."""
    versions = [change.version for change in plan.changes if change.version is not None]
    read = {content for version in versions for content in _beneath(version).values()}
    gone = withdrawals.withdrawn(connection, live.project, read)
    for version in versions:
        for table, content in _beneath(version).items():
            if content in gone:
                raise SupersededError(
                    f"{version.table} was made from a version of {table} that "
                    f"{gone[content].by} has taken back ({gone[content].reason})",
                    hint=_remedy(live, table),
                )


def _remedy(live: LiveRun, table: str) -> str:
    """How to get another version of a table that was taken back."""
    makers = [step.pipeline for step in live.manifest.steps.values() if table in step.outputs]
    maker = (makers or [live.run.pipeline])[0]
    again = "" if maker in live.run.request.pipelines else f", then {live.run.pipeline}"
    return f"make {table} anew with `galley run {maker} --in {live.run.ref}`{again}"


def _beneath(version: Version) -> dict[str, str]:
    """The contents a version was made from, those under the views it read included."""
    below: dict[str, str] = version.made.get("read", {})
    return {**below, **version.inputs}


def _marked(live: LiveRun, plan: PublishPlan) -> tuple[Change, ...]:
    """The changes with the mark on tables that no test looks at."""
    tested = tested_tables(live.manifest)
    return tuple(
        replace(change, version=replace(change.version, untested=change.table not in tested))
        if change.version is not None
        else change
        for change in plan.changes
    )


def _write(connection: Connection, live: LiveRun, plan: PublishPlan, now: int) -> Commit:
    head = commits.get_commit(connection, plan.target.head)
    activates = live.run.request.activates and head.code_version != live.run.definition
    if not plan.changes and not activates:
        return head
    run = live.run
    return publish.apply_publish(
        connection, plan, actor=run.actor, on_behalf_of=run.on_behalf_of, now=now
    )


def _succeed(
    connection: Connection, live: LiveRun, commit: Commit, plan: PublishPlan, now: int
) -> None:
    run = live.run
    if not queue.move_run(connection, run.id, RunState.SUCCEEDED, now, commit_id=commit.id):
        raise SupersededError(f"run {run.id} was ended by somebody else; {run.ref} is untouched")
    findings.bind_metrics(connection, run.id, commit.id)
    actor = Actor(run.actor, on_behalf_of=run.on_behalf_of)
    protected = plan.target.protected
    resource = Resource("ref", run.ref, run.project, protected)
    action = Action.PROMOTE if run.request.activates else Action.RUN
    decision = demand(actor, action, resource, {"activated": True})
    record(
        connection,
        actor=actor,
        action=action,
        resource=resource,
        decision=decision,
        now=now,
        reason=plan.message,
        before=plan.target.head,
        after=commit.id,
        detail={"run": run.id},
    )
    ref = refs.find_ref(connection, run.project, run.ref_name)
    if ref is not None:
        refs.delete_ref(connection, ref, who=run.actor, why="published", now=now)
    live.run = replace(run, state=RunState.SUCCEEDED, commit=commit.id)


def _message(live: LiveRun) -> str:
    pipelines = ", ".join(live.run.request.pipelines)
    verb = "promote" if live.run.request.activates else "run"
    window = live.run.request.windows
    return f"{verb} {pipelines}" + (f" {window[0]}..{window[1]}" if window else "")
