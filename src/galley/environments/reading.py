"""Reading tables at one commit: a query sees pinned versions and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection

from galley.environments.home import Home
from galley.environments.inspect import missing_table
from galley.errors import DefinitionError, UsageError
from galley.lake import reading, refs
from galley.lake.handle import Table
from galley.lake.model import PRODUCTION, Target, Version
from galley.lake.warehouse import Warehouse
from galley.project import sql_analysis
from galley.runs.live import Site
from galley.runs.planning import Scene


@dataclass(frozen=True, slots=True)
class Question:
    """A query that may be asked: one SELECT, and the tables it names."""

    sql: str
    tables: tuple[str, ...]
    parameters: tuple[str, ...]


def parse_question(text: str) -> Question:
    """Take a query apart without running it.

    Raises:
        UsageError: it is no single SELECT, or it would write or read from outside.
    """
    try:
        found = sql_analysis.analyse(text, "query")
    except DefinitionError as error:
        said = error.message.replace("a SQL step is one SELECT", "only one SELECT can be asked")
        said = said.replace("a SQL step only reads", "a query only reads")
        said = said.replace("the file holds no SELECT", "there is no SELECT")
        place = error.where
        at = f" (line {place.line}, column {place.column})" if place and place.column else ""
        raise UsageError(f"{said}{at}", hint=_hint(error)) from error
    return Question(found.sql, found.tables, (*found.parameters, *found.built_in))


def versions_for(
    connection: Connection, project: str, target: Target, tables: tuple[str, ...], now: int
) -> dict[str, Version]:
    """The versions of the named tables, and of what their views read.

    A table of another project is read as that project's production shows it.

    Raises:
        TableNotFoundError: a table is not there; names the nearest.
        RefNotFoundError: there is no such other project.
    """
    wanted = tuple(name.removeprefix(f"{project}.") for name in tables)
    others = {name.partition(".")[0] for name in wanted if "." in name}
    pins = {
        other: refs.resolve(connection, other, PRODUCTION, now).commit for other in sorted(others)
    }
    found = Scene(connection, project, target.commit, pins).versions(wanted)
    for name in wanted:
        if name not in found:
            other, dot, table = name.partition(".")
            if dot:
                raise missing_table(connection, pins[other], f"{other} {PRODUCTION}", table)
            raise missing_table(connection, target.commit, target.text, name)
    return found


class Reader:
    """A connection on pinned versions, shut off from everything else.

    ``also_write`` are folders that results may be written to.
    """

    def __init__(
        self,
        site: Site,
        project: str,
        versions: Mapping[str, Version],
        *,
        also_write: tuple[Path, ...] = (),
    ) -> None:
        scratch = site.scratch / "queries"
        scratch.mkdir(parents=True, exist_ok=True)
        self.connection = reading.connect(
            threads=site.threads, memory=site.memory, scratch=str(scratch)
        )
        reading.mount(self.connection, Warehouse(site.warehouse), versions, project=project)
        outside = [str(path) for path in also_write]
        reading.lock(self.connection, read=[site.warehouse], write=[str(scratch), *outside])

    def ask(self, question: Question, parameters: Mapping[str, object] | None = None) -> Table:
        """The query's result, not read yet.

        Raises:
            VariableError: a parameter is missing or not used.
        """
        given = dict(parameters or {})
        missing = [name for name in question.parameters if name not in given]
        if missing:
            raise UsageError(
                f"the query uses ${missing[0]}, which was not given",
                hint=f"--param {missing[0]}=…",
            )
        unused = sorted(set(given) - set(question.parameters))
        if unused:
            raise UsageError(f"the query does not use ${unused[0]}", hint="leave it out")
        return Table(self.connection, "query", question.sql, given)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_reader(
    home: Home,
    site: Site,
    project: str,
    target: Target,
    question: Question,
    **options: tuple[Path, ...],
) -> Reader:
    """A reader for one question at a target."""
    with home.database.read() as connection:
        versions = versions_for(connection, project, target, question.tables, home.clock())
    return Reader(site, project, versions, **options)


def _hint(error: DefinitionError) -> str | None:
    if error.hint and error.hint.startswith("write the SELECT alone"):
        return "tables change only by runs: put the change into a step, then `galley run`"
    return error.hint
