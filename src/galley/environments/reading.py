"""Reading tables at one commit: a query sees pinned versions and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from galley.environments.home import Home
from galley.environments.inspect import missing_table
from galley.environments.kitchens import personal
from galley.errors import DefinitionError, StorageError, UsageError
from galley.lake import exporting, reading, refs, rooting, trees
from galley.lake.exporting import Rows
from galley.lake.handle import Table
from galley.lake.model import PRODUCTION, Target, Version
from galley.lake.names import nearest
from galley.lake.presence import Damage, damage_of
from galley.lake.warehouse import KEPT
from galley.project import sql_analysis
from galley.runs import scratch
from galley.runs.live import Site
from galley.runs.runner.preview import plain
from galley.runs.scene import Scene


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


def ensure_project(home: Home, project: str) -> None:
    """Make a project known to the home, with an empty production, if it is new."""
    with home.database.read() as connection:
        if refs.find_ref(connection, project, PRODUCTION):
            return
    with home.database.write() as connection:
        refs.ensure_project(connection, project, actor=home.actor.name, now=home.clock())


def find_target(home: Home, project: str, wanted: str) -> Target:
    """The commit that a text means; the personal kitchen, before it is open, shows production.

    Raises:
        RefNotFoundError: no such ref, commit or tag.
        UsageError: the text is none of these.
    """
    ensure_project(home, project)
    with home.database.read() as connection:
        own = wanted == personal(home.actor.name)
        if own and refs.find_ref(connection, project, wanted) is None:
            wanted = PRODUCTION
        return refs.resolve(connection, project, wanted, home.clock())


def versions_for(
    connection: Connection, project: str, target: Target, tables: Collection[str], now: int
) -> dict[str, Version]:
    """The versions of the named tables, and of what their views read.

    A table of another project is read as that project's production shows it.

    Raises:
        TableNotFoundError: a table is not there; names the nearest.
        RefNotFoundError: there is no such other project.
        CollectedError: the state is so old that its files are gone.
    """
    wanted = [name.removeprefix(f"{project}.") for name in tables]
    others = {name.partition(".")[0] for name in wanted if "." in name}
    pins = {
        other: refs.resolve(connection, other, PRODUCTION, now).commit for other in sorted(others)
    }
    found = Scene(connection, project, target.commit, pins).versions(wanted)
    if target.pinned:
        rooting.refuse_collected(connection, project, target.commit, found)
    for name in wanted:
        if name not in found:
            other, dot, table = name.partition(".")
            if dot:
                raise missing_table(connection, pins[other], f"{other} {PRODUCTION}", table)
            raise missing_table(connection, target.commit, target.text, name)
    return found


class Reader:
    """Reads a project's tables at one commit, shut off from everything else.

    A table is opened when a query first names it. ``also_write`` are folders that results may be
    written to.
    """

    def __init__(
        self,
        home: Home,
        site: Site,
        project: str,
        target: Target,
        *,
        also_write: tuple[Path, ...] = (),
    ) -> None:
        self.home = home
        self.project = project
        self.target = target
        self._warehouse = site.store
        self._mounted: set[str] = set()
        self._versions: dict[str, Version] = {}
        site.scratch.mkdir(parents=True, exist_ok=True)
        # The database makes it when it spills, and removes it at its end.
        folder = scratch.own(site.scratch)
        self.connection = reading.connect(
            threads=site.threads,
            memory=site.memory,
            scratch=folder,
            warehouse=self._warehouse,
        )
        outside = [str(path) for path in also_write]
        reading.lock(self.connection, read=[site.warehouse], write=[folder, *outside])

    def ask(self, question: Question, parameters: Mapping[str, object] | None = None) -> Table:
        """The query's result, not read yet.

        Raises:
            TableNotFoundError: a table is not there; names the nearest.
            UsageError: a parameter is missing or not used.
        """
        given = dict(parameters or {})
        _check_parameters(question, given)
        self._open(question.tables)
        return Table(self.connection, "query", question.sql, given)

    def query(self, text: str, parameters: Mapping[str, object]) -> Table:
        """The result of a text that must be one SELECT, not read yet. Raises as ``ask`` does."""
        return self.ask(parse_question(text), parameters)

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """All rows of a result as Python values."""
        return list(self.fetch(table).rows)

    def fetch(self, table: Table, limit: int | None = None) -> Rows:
        """The first rows of a result (all of them without a limit).

        Raises:
            UsageError: the query names what is not there.
            StepError: it failed on the data.
            StorageError: a file is gone or damaged; names it.
        """
        with self._told():
            return exporting.fetch(table, limit)

    def write(self, table: Table, path: Path, form: str) -> int:
        """Write a result as a csv, json or parquet file; returns the rows. Raises as ``fetch``."""
        with self._told():
            return exporting.write(table, path, form)

    def table(self, name: str) -> Table:
        """A table, not read yet. Raises TableNotFoundError."""
        self._open((name.lower(),))
        return Table(self.connection, name.lower().removeprefix(f"{self.project}."))

    def names(self) -> tuple[str, ...]:
        """The tables that are there."""
        with self.home.database.read() as connection:
            return tuple(trees.table_names(connection, self.target.commit))

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, tables: Collection[str]) -> None:
        new = [name for name in tables if name not in self._mounted]
        if not new:
            return
        with self.home.database.read() as connection:
            found = versions_for(connection, self.project, self.target, new, self.home.clock())
        added = {name: found[name] for name in found if name not in self._mounted}
        self._versions.update(added)
        with self._told():
            reading.mount(self.connection, self._warehouse, added, project=self.project)
        self._mounted |= {*new, *added}

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say of a file that cannot be read which it is, and of which version of which table."""
        try:
            yield
        except StorageError as error:
            looked_at: set[str] = set()
            for version in self._versions.values():
                for damage in damage_of(self._warehouse, version, looked_at):
                    where = f"{self.target.text} at commit {self.target.commit}"
                    raise StorageError(
                        f"{damage}, which {where} reads",
                        hint=remedy(damage),
                        details={"table": version.table, "path": damage.path},
                    ) from error
            said = error.message.removesuffix(KEPT)
            raise StorageError(said, hint=error.hint, details=error.details) from error


def rows_facts(reader: Reader, table: Table, limit: int | None) -> dict[str, Any]:
    """Rows as ``galley sql --json`` prints them; ``more``: there are more than the limit.

    Raises:
        UsageError: two columns have one name.
    """
    found = reader.fetch(table, limit)
    names = [name for name, _ in found.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two columns are named {twice}, and a JSON object holds one of a name",
            hint=f"give one another name: AS {twice}_2",
        )
    return {
        "ref": reader.target.ref,
        "commit": reader.target.commit,
        "columns": [{"name": name, "type": type_} for name, type_ in found.columns],
        "rows": [dict(zip(names, map(plain, row), strict=True)) for row in found.rows],
        "more": found.more,
    }


def remedy(damage: Damage) -> str:
    """What can be done about a damaged file of a version."""
    again = f", or make the table again: galley run --rebuild {damage.version.step}"
    return (
        "`galley doctor` lists all that is missing; restore it from a backup"
        f"{again if damage.version.step else ''}"
    )


def _check_parameters(question: Question, given: Mapping[str, object]) -> None:
    missing = [name for name in question.parameters if name not in given]
    unused = sorted(set(given) - set(question.parameters))
    if missing and not unused:
        raise UsageError(
            f"the query uses ${missing[0]}, which was not given", hint=f"--param {missing[0]}=…"
        )
    if unused:
        meant = nearest(unused[0], question.parameters)
        hint = f"did you mean --param {meant}=…?" if meant else "leave it out"
        raise UsageError(f"the query does not use ${unused[0]}", hint=hint)


def _hint(error: DefinitionError) -> str | None:
    if error.hint and error.hint.startswith("write the SELECT alone"):
        return "tables change only by runs: put the change into a step, then `galley run`"
    return error.hint
