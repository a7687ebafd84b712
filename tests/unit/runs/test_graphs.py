"""Graphs of runs: every step after what it reads, every test in exactly one node."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.errors import NotFoundError, UsageError
from galley.project.model import (
    Manifest,
    Materialize,
    Pipeline,
    Source,
    Stage,
    Step,
    StepKind,
    TestSpec,
)
from galley.runs.graph import INPUT_PREFIX, SPANNING, build_graph, selected_steps
from galley.runs.model import RunRequest, StepType

Edges = dict[str, frozenset[str]]


def step(name: str, *inputs: str, tests: tuple[TestSpec, ...] = ()) -> Step:
    return Step(
        name,
        "p",
        StepKind.SQL,
        Source("x"),
        (name,),
        inputs,
        Materialize.TABLE,
        "code",
        tests=tests,
    )


def spec(table: str, stage: Stage = Stage.OUTPUT, *reads: str) -> TestSpec:
    return TestSpec(f"test_{table}_{stage}", "unique", table, stage, {}, reads=reads)


def manifest(*steps: Step, spanning: tuple[TestSpec, ...] = ()) -> Manifest:
    names = tuple(one.name for one in steps)
    return Manifest(
        "shop",
        "hash",
        {one.name: one for one in steps},
        {"p": Pipeline("p", names)},
        spanning,
        {},
        {},
        {},
        {},
        (),
        {},
        "toolchain",
    )


@st.composite
def projects(draw: st.DrawFn) -> Manifest:
    """Any acyclic project, its steps in any order, with tests of any stage."""
    count = draw(st.integers(1, 8))
    names = [f"t{number}" for number in range(count)]
    steps = []
    for at, name in enumerate(names):
        inputs = draw(st.lists(st.sampled_from([*names[:at], "outside", "beyond"]), unique=True))
        steps.append(step(name, *inputs))
    tables = st.sampled_from([*names, "outside", "beyond"])
    stages = st.sampled_from(Stage)
    wanted = draw(st.lists(st.tuples(tables, stages, st.lists(tables, max_size=2))))
    spanning = tuple(spec(table, stage, *reads) for table, stage, reads in wanted)
    return manifest(*draw(st.permutations(steps)), spanning=spanning)


@given(projects(), st.data())
def test_a_graph_is_in_order_and_whole(project: Manifest, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(project.steps))
    select = tuple(data.draw(st.lists(names, unique=True)))
    graph = build_graph(project, RunRequest(("p",), "production", select=select))
    wanted = set(select) or set(project.steps)
    assert {n.name for n in graph.nodes.values() if n.type is StepType.STEP} == wanted
    seen: set[str] = set()
    for node in graph.nodes.values():
        assert node.upstream <= seen, "a node stands before what it waits for"
        assert all(node.name in graph.consumers[one] for one in node.upstream)
        seen.add(node.name)
    edges = {(up, node.name) for node in graph.nodes.values() for up in node.upstream}
    assert edges == {(up, name) for up, found in graph.consumers.items() for name in found}


@given(projects())
def test_every_test_is_in_at_most_one_node_and_those_of_made_tables_in_one(
    project: Manifest,
) -> None:
    graph = build_graph(project, RunRequest(("p",), "production"))
    assigned = [id(test) for node in graph.nodes.values() for test in node.tests]
    assert len(assigned) == len(set(assigned))
    made = graph.makers()
    for test in project.spanning:
        if test.table in made:
            assert id(test) in assigned, "a blocking test of a published table is never asked"


@given(projects())
def test_a_reader_waits_for_the_tests_of_its_input(project: Manifest) -> None:
    graph = build_graph(project, RunRequest(("p",), "production"))
    for node in graph.nodes.values():
        if node.type is StepType.INPUT_TESTS:
            table = node.name.removeprefix(INPUT_PREFIX)
            readers = {name for name, one in project.steps.items() if table in one.inputs}
            assert graph.consumers[node.name] == readers
        if node.step is not None:
            for table in node.step.inputs:
                assert (
                    table in node.step.outputs
                    or table not in graph.makers()
                    or (graph.makers()[table] in node.upstream)
                )


@given(projects())
def test_downstream_is_everything_that_can_never_run(project: Manifest) -> None:
    graph = build_graph(project, RunRequest(("p",), "production"))
    for name in graph.nodes:
        doomed = {name}
        for node in graph.nodes.values():
            if node.upstream & doomed:
                doomed.add(node.name)
        assert graph.downstream(name) == doomed - {name}


def test_a_spanning_test_waits_for_all_that_it_reads() -> None:
    project = manifest(step("a"), step("b"), spanning=(spec("a", Stage.OUTPUT, "b"),))
    graph = build_graph(project, RunRequest(("p",), "production"))
    assert graph.nodes[SPANNING].upstream == {"a", "b"}
    assert graph.downstream("a") == {SPANNING}


def test_wrong_names_get_the_nearest() -> None:
    project = manifest(step("flights"))
    with pytest.raises(NotFoundError) as found:
        selected_steps(project, RunRequest(("q",), "production"))
    assert "p" in str(found.value.hint)
    with pytest.raises(NotFoundError) as found:
        selected_steps(project, RunRequest(("p",), "production", select=("flihgts",)))
    assert found.value.hint == "did you mean 'flights'?"
    with pytest.raises(UsageError):
        selected_steps(manifest(), RunRequest(("p",), "production"))
