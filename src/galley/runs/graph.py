"""From a manifest and a request to the steps of one run. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from galley.errors import NotFoundError, UsageError
from galley.project.model import Manifest, Stage, Step, TestSpec
from galley.runs.model import RunRequest, StepType

SPANNING = "tests:spanning"
INPUT_PREFIX = "tests:input:"


@dataclass(frozen=True, slots=True)
class Node:
    """One step run to be: a user's step, or tests that are claimed like a step."""

    name: str
    type: StepType
    upstream: frozenset[str]
    step: Step | None = None
    tests: tuple[TestSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class RunGraph:
    """The nodes of one run in topological order, and who waits for whom."""

    nodes: dict[str, Node]
    consumers: dict[str, frozenset[str]]

    def downstream(self, name: str) -> frozenset[str]:
        """Everything that directly or indirectly waits for ``name``."""
        found: set[str] = set()
        queue = [name]
        while queue:
            for consumer in self.consumers.get(queue.pop(), frozenset()):
                if consumer not in found:
                    found.add(consumer)
                    queue.append(consumer)
        return frozenset(found)

    def makers(self) -> dict[str, str]:
        """For every table made in this run, the step that makes it."""
        return {
            table: node.name
            for node in self.nodes.values()
            if node.step is not None
            for table in node.step.outputs
        }


def selected_steps(manifest: Manifest, request: RunRequest) -> tuple[Step, ...]:
    """The steps that the request names, in topological order.

    Raises:
        NotFoundError: no such pipeline or step; names the nearest.
        UsageError: the selection is empty.
    """
    names: list[str] = []
    for pipeline in request.pipelines:
        if pipeline not in manifest.pipelines:
            raise NotFoundError(
                f"the project has no pipeline {pipeline!r}",
                hint=_nearest(pipeline, manifest.pipelines, "its pipelines are"),
            )
        names += manifest.pipelines[pipeline].steps
    for wanted in request.select:
        if wanted not in names:
            raise NotFoundError(
                f"pipeline {', '.join(request.pipelines)} has no step {wanted!r}",
                hint=_nearest(wanted, names, "its steps are"),
            )
    steps = tuple(
        manifest.steps[name]
        for name in _ordered(manifest, names)
        if not request.select or name in request.select
    )
    if not steps:
        raise UsageError(
            f"pipeline {', '.join(request.pipelines)} has no steps",
            hint="put a .sql, .py or load .yaml file into its folder",
        )
    return steps


def build_graph(manifest: Manifest, request: RunRequest) -> RunGraph:
    """Expand a request into nodes: its steps, input tests before readers, spanning tests last."""
    steps = selected_steps(manifest, request)
    made = {table: step.name for step in steps for table in step.outputs}
    tests = _tests_for(manifest, request)
    nodes: dict[str, Node] = {}
    guarded = _input_nodes(steps, made, tests)
    for node in guarded.values():
        nodes[node.name] = node
    for step in steps:
        upstream = {made[table] for table in step.inputs if table in made} - {step.name}
        upstream |= {guarded[table].name for table in step.inputs if table in guarded}
        mine = tuple(test for test in tests if _is_output_test(test, step, made))
        nodes[step.name] = Node(step.name, StepType.STEP, frozenset(upstream), step, mine)
    assigned = {id(test) for node in nodes.values() for test in node.tests}
    spanning = tuple(test for test in tests if id(test) not in assigned and _reads_made(test, made))
    if spanning and not request.atomic:
        upstream = {made[t] for test in spanning for t in (test.table, *test.reads) if t in made}
        nodes[SPANNING] = Node(
            SPANNING, StepType.SPANNING_TESTS, frozenset(upstream), None, spanning
        )
    return RunGraph(nodes, _consumers(nodes))


def tested_tables(manifest: Manifest) -> frozenset[str]:
    """The tables that at least one test looks at."""
    return frozenset(table for test in _all_tests(manifest) for table in (test.table, *test.reads))


def _ordered(manifest: Manifest, names: Collection[str]) -> list[str]:
    """Topological order over several pipelines; ties keep the manifest's order."""
    wanted = dict.fromkeys(names)
    makers = {t: name for name in wanted for t in manifest.steps[name].outputs}
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in done:
            return
        for table in manifest.steps[name].inputs:
            maker = makers.get(table)
            if maker is not None and maker != name:
                visit(maker)
        done[name] = None

    for name in wanted:
        visit(name)
    return list(done)


def _all_tests(manifest: Manifest) -> tuple[TestSpec, ...]:
    own = [test for step in manifest.steps.values() for test in step.tests]
    return (*own, *manifest.spanning)


def _tests_for(manifest: Manifest, request: RunRequest) -> tuple[TestSpec, ...]:
    """The tests that count in a run.

    While an atomic backfill goes, its windowed tables are not whole: tests of whole tables, and
    those across tables, wait for its last run, which publishes.
    """
    tests = _all_tests(manifest)
    if not request.atomic:
        return tests
    cut = {table for step in manifest.steps.values() if step.window for table in step.outputs}
    return tuple(
        test
        for test in tests
        if test.stage is Stage.INPUT or test.scope != "table" or test.table not in cut
    )


def _input_nodes(
    steps: tuple[Step, ...], made: Mapping[str, str], tests: tuple[TestSpec, ...]
) -> dict[str, Node]:
    read = dict.fromkeys(table for step in steps for table in step.inputs if table not in made)
    nodes = {}
    for table in read:
        mine = tuple(t for t in tests if t.table == table and t.stage is Stage.INPUT)
        if mine:
            name = f"{INPUT_PREFIX}{table}"
            nodes[table] = Node(name, StepType.INPUT_TESTS, frozenset(), None, mine)
    return nodes


def _is_output_test(test: TestSpec, step: Step, made: Mapping[str, str]) -> bool:
    """Whether the test can be judged as soon as ``step`` has staged its tables."""
    if test.table not in step.outputs or test.stage is Stage.BUSINESS:
        return False
    there = {*step.inputs, *step.outputs}
    return all(table in there or table not in made for table in test.reads)


def _reads_made(test: TestSpec, made: Mapping[str, str]) -> bool:
    if test.stage is Stage.INPUT and test.table not in made:
        return False
    return any(table in made for table in (test.table, *test.reads))


def _consumers(nodes: Mapping[str, Node]) -> dict[str, frozenset[str]]:
    consumers: dict[str, set[str]] = {name: set() for name in nodes}
    for node in nodes.values():
        for upstream in node.upstream:
            consumers[upstream].add(node.name)
    return {name: frozenset(found) for name, found in consumers.items()}


def _nearest(name: str, known: Collection[str], otherwise: str) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"{otherwise} {', '.join(sorted(known))}"
