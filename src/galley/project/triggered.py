"""What triggers name of the rest of the project: tables, pipelines, variables; and circles."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from galley.errors import DefinitionError, Where
from galley.project.link import Graph
from galley.project.names import hint_for
from galley.project.schedule import RunFinished, TableUpdated, Trigger
from galley.project.variables import convert


def check_triggers(graph: Graph) -> None:
    """Note every name that a trigger uses and that is not there, and pipelines in a circle."""
    edges: dict[tuple[str, str], dict[str, Trigger]] = {}
    for name, pipeline in graph.pipelines.items():
        for trigger in pipeline.schedule.triggers:
            _check_variables(graph, trigger)
            for before in _starters(graph, trigger):
                edges.setdefault((trigger.environment, name), {})[before] = trigger
    for environment in sorted({key[0] for key in edges}):
        started = {key[1]: found.keys() for key, found in edges.items() if key[0] == environment}
        try:
            TopologicalSorter(started).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            trigger = edges[environment, circle[1]][circle[0]]
            graph.problems.add(
                f"the pipelines start each other in a circle: {' -> '.join(circle)}",
                Where(trigger.path, trigger.line),
                "take one of these triggers away",
            )


def _starters(graph: Graph, trigger: Trigger) -> Iterator[str]:
    """The pipelines whose runs fire a trigger."""
    where = Where(trigger.path, trigger.line)
    if isinstance(trigger.on, RunFinished):
        name = trigger.on.pipeline
        if name not in graph.pipelines:
            hint = hint_for(name, graph.pipelines, "pipelines")
            graph.problems.add(f"there is no pipeline '{name}'", where, hint)
        else:
            yield name
    if isinstance(trigger.on, TableUpdated):
        for table in trigger.on.tables:
            if table not in graph.known_tables:
                hint = hint_for(table, graph.known_tables, "tables")
                graph.problems.add(f"there is no table '{table}'", where, hint)
            elif table in graph.makers:
                yield graph.makers[table].step.pipeline


def _check_variables(graph: Graph, trigger: Trigger) -> None:
    known = graph.variables_of(trigger.pipeline)
    where = Where(trigger.path, trigger.line)
    given = dict(trigger.variables or {})
    given.update({one.name: one.default for one in trigger.parameters})
    for name, value in given.items():
        if name not in known:
            graph.problems.add(
                f"the pipeline '{trigger.pipeline}' has no variable '{name}'",
                where,
                hint_for(name, known, "its variables"),
            )
        elif value is not None:
            with graph.problems.noted():
                try:
                    convert(name, value, known[name])
                except DefinitionError as error:
                    raise DefinitionError(error.message, where=where, hint=error.hint) from None
