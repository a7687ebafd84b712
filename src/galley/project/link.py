"""The graph: who makes which table, who reads it, in which order, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

from galley.errors import Where
from galley.project.drafts import Draft, note_column
from galley.project.model import Json, Materialize, Step, TestSpec
from galley.project.names import hint_for, nearest
from galley.project.problems import Problems
from galley.project.settings import PipelineSettings, Settings
from galley.project.testspec import named_columns


@dataclass(slots=True)
class Graph:
    """The linked steps. ``makers`` maps each table to the draft that makes it."""

    settings: Settings
    pipelines: dict[str, PipelineSettings]
    problems: Problems
    drafts: dict[str, Draft] = field(default_factory=dict)
    makers: dict[str, Draft] = field(default_factory=dict)

    def add(self, draft: Draft) -> None:
        """Take a step in, unless its name or one of its tables is taken."""
        step = draft.step
        twin = self.drafts.get(step.name)
        if twin is not None:
            self.problems.add(
                f"the step '{step.name}' is defined twice: here and in {twin.where}",
                draft.where,
                "a step's name holds for the whole project: rename one of them",
            )
            return
        for table in step.outputs:
            other = self.makers.get(table)
            if other is not None:
                self.problems.add(
                    f"two steps make the table '{table}': '{step.name}' here and "
                    f"'{other.step.name}' in {other.where}",
                    draft.where,
                    "rename one of the tables",
                )
                return
        self.drafts[step.name] = draft
        self.makers.update(dict.fromkeys(step.outputs, draft))

    @property
    def known_tables(self) -> frozenset[str]:
        """Every table that a step may read."""
        foreign = {f"{read.project}.{name}" for read in self.settings.reads for name in read.tables}
        return frozenset(self.makers) | foreign

    def link(self) -> None:
        """Check every name that a step uses; problems are noted."""
        for draft in self.drafts.values():
            self._link_inputs(draft)
            self._link_variables(draft)
            self._link_outside(draft)

    def variables_of(self, pipeline: str | None) -> dict[str, Json]:
        """Every variable that a step of the pipeline could name."""
        known = dict(self.settings.variables)
        for environment in self.settings.environments.values():
            known.update(environment.variables)
        for name, settings in self.pipelines.items():
            if pipeline in (None, name):
                known.update(settings.variables)
        return known

    def table(self, name: str) -> str:
        """The key of a table: a name of one's own project needs no project."""
        own = f"{self.settings.name.lower()}."
        return name.removeprefix(own)

    def check_table(self, name: str, where: Where) -> None:
        """Note a table that does not exist."""
        name = self.table(name)
        if name in self.known_tables:
            return
        project, _, bare = name.rpartition(".")
        declared = {read.project for read in self.settings.reads}
        if project and project not in declared:
            close = nearest(project, declared) or nearest(name, self.known_tables)
            hint = f"did you mean '{close}'?" if close else None
            self.problems.add(
                f"the project '{project}' is not declared",
                where,
                hint or f"add to galley.yaml: `reads: {{{project}: {{tables: [{bare}]}}}}`",
            )
            return
        self.problems.add(
            f"there is no table '{name}'",
            where,
            hint_for(name, self.known_tables, "tables")
            or "a table is made by a step of the project, or declared under `reads:`",
        )

    def order(self, pipeline: str) -> tuple[str, ...]:
        """The pipeline's steps, each after those it reads from; a cycle is noted."""
        own = {
            name: draft for name, draft in self.drafts.items() if draft.step.pipeline == pipeline
        }
        waiting = {name: self._upstream(draft.step, own.keys()) for name, draft in own.items()}
        ordered: list[str] = []
        while waiting:
            ready = sorted(
                name for name, upstream in waiting.items() if not upstream & set(waiting)
            )
            if not ready:
                self._note_cycle(waiting)
                return tuple(sorted(own))
            ordered.extend(ready)
            for name in ready:
                del waiting[name]
        return tuple(ordered)

    def _upstream(self, step: Step, own: Set[str]) -> set[str]:
        makers = {self.makers[table].step.name for table in step.inputs if table in self.makers}
        return (makers & own) - {step.name}

    def _note_cycle(self, waiting: dict[str, set[str]]) -> None:
        path = [min(name for name, upstream in waiting.items() if upstream & set(waiting))]
        while path.count(path[-1]) == 1:
            path.append(min(waiting[path[-1]] & set(waiting)))
        cycle = path[path.index(path[-1]) :][::-1]
        second = self.drafts[cycle[1]]
        table = next(
            table for table in self.drafts[cycle[0]].step.outputs if table in second.step.inputs
        )
        self.problems.add(
            f"the steps read each other in a circle: {' -> '.join(cycle)}",
            second.place(table),
            "a step that needs its own earlier result reads its own table",
        )

    def _link_inputs(self, draft: Draft) -> None:
        step = draft.step
        inputs = []
        for written in step.inputs:
            name = self.table(written)
            foreign = name.replace("__", ".", 1)
            if name not in self.known_tables and foreign in self.known_tables:
                name = foreign
            inputs.append(name)
            self.check_table(name, draft.place(written))
            maker = self.makers.get(name)
            if maker is not None and maker.step.materialize is Materialize.FILE:
                self.problems.warn(f"'{name}' is a file, which only Python reads", draft.where)
        draft.step = replace(step, inputs=tuple(inputs))
        if draft.step.reads_self and step.materialize is Materialize.VIEW:
            self.problems.add("a view cannot read itself", draft.place(step.name))

    def _link_variables(self, draft: Draft) -> None:
        known = self.variables_of(draft.step.pipeline)
        named = []
        for name in draft.step.variables:
            if name in known:
                named.append(name)
            elif name not in draft.optional:
                self.note_variable(name, draft.place(f"${name}"), known)
        if draft.all_variables:
            named = sorted({*named, *known})
        draft.step = replace(draft.step, variables=tuple(named))

    def note_variable(self, name: str, where: Where, known: Iterable[str]) -> None:
        """Note a variable that is defined nowhere."""
        as_table = name.lower() in self.makers
        self.problems.add(
            f"the variable '{name}' is defined nowhere",
            where,
            f"'{name}' is a table: tables are positional parameters, before `*`"
            if as_table
            else hint_for(name, known, "variables")
            or f"add to galley.yaml: `variables: {{{name}: …}}`",
        )

    def _link_outside(self, draft: Draft) -> None:
        step = draft.step
        secrets = set(step.secrets)
        for kind, names, known in (
            ("secret", step.secrets, self.settings.secrets),
            ("connection", step.connections, self.settings.connections),
        ):
            for name in names:
                if name not in known:
                    self.problems.add(
                        f"there is no {kind} '{name}'",
                        draft.place(name),
                        hint_for(name, known, f"{kind}s") or f"add it to galley.yaml: `{kind}s:`",
                    )
        for name in step.connections:
            connection = self.settings.connections.get(name)
            if connection is not None:
                said = " ".join((connection.url, *connection.options.values()))
                secrets.update(one for one in self.settings.secrets if f"${{{one}}}" in said)
        draft.step = replace(step, secrets=tuple(sorted(secrets)))

    def check_test(self, test: TestSpec) -> None:
        """Note tables, and columns of theirs, that a test names and that are not there."""
        where = Where(test.source.path, test.source.line)
        for table in (test.table, *test.reads):
            self.check_table(table, where)
        for table, column in named_columns(test):
            maker = self.makers.get(self.table(table))
            if maker is not None:
                note_column(column, maker.columns, where, self.problems, maker.step.name)
