"""``galley.yaml`` and ``pipeline.yaml`` as values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from galley.errors import DefinitionError, Where
from galley.project import stores
from galley.project.declared import Declared
from galley.project.document import Document, mapping, read_yaml
from galley.project.files import Files
from galley.project.find import PROJECT_FILE
from galley.project.model import Connection, Environment, Json, Read, Retention, Untested
from galley.project.names import BUILT_IN, WANTS, check_name, hint_for
from galley.project.problems import Problems
from galley.project.schedule import AlertRule, Schedule
from galley.project.shapes import DefaultsShape, PipelineShape, ProjectShape, read
from galley.project.triggers import Around, read_alerts, read_schedule

PRODUCTION = "production"
SERVER_KEYS = ("conditions", "goal")
SHORTEST_QUARANTINE, LONGEST_QUARANTINE = 24 * 3600.0, 72 * 3600.0
"""Seconds."""
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_SOURCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)")


@dataclass(slots=True)
class Settings:
    """What holds for the whole project."""

    name: str
    document: Document
    defaults: DefaultsShape
    owner: str | None = None
    description: str | None = None
    variables: dict[str, Json] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    reads: tuple[Read, ...] = ()
    pools: dict[str, int] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)
    warehouse: Declared | None = None
    alerts: tuple[AlertRule, ...] = ()

    def around(self, pipeline: str, timezone: str | None) -> Around:
        """What the triggers of a pipeline may name."""
        kinds = {name: one.kind for name, one in self.connections.items()}
        return Around(
            pipeline,
            timezone or "UTC",
            tuple(self.environments),
            kinds,
            self.secrets,
            lambda address, where: check_address(address, self.secrets, where),
        )


@dataclass(slots=True)
class PipelineSettings:
    """What holds for one pipeline; ``defaults`` are the project's where it has none of its own."""

    defaults: DefaultsShape
    owner: str | None = None
    description: str | None = None
    variables: dict[str, Json] = field(default_factory=dict)
    priority: int = 0
    concurrency: int | None = None
    schedule: Schedule = field(default_factory=Schedule)


def read_settings(files: Files, problems: Problems) -> Settings:
    """galley.yaml; raises DefinitionErrors when it cannot be read at all."""
    document = mapping(read_yaml(files.text(PROJECT_FILE), PROJECT_FILE), PROJECT_FILE)
    shape = read(ProjectShape, document, PROJECT_FILE)
    settings = Settings(
        shape.name, document, shape.defaults, _owner(shape.owner, shape.owners), shape.description
    )
    with problems.noted():
        check_name(shape.name, "project", document.where("name"))
    settings.variables = _variables(shape.variables, document, ("variables",), problems)
    settings.environments = _environments(shape, document, problems)
    settings.secrets = _secrets(shape, document, problems)
    settings.connections = _connections(shape, document, problems)
    with problems.noted():
        settings.warehouse = stores.warehouse(shape, settings.connections, document)
    settings.reads = _reads(shape, document, problems)
    settings.pools = _pools(shape, document, problems)
    settings.retention = _retention(shape, document, problems)
    around = settings.around("", shape.defaults.timezone)
    settings.alerts = read_alerts(document, around, problems)
    return settings


def read_pipeline(
    name: str, path: str, files: Files, settings: Settings, problems: Problems
) -> PipelineSettings:
    """pipeline.yaml, or the project's defaults where there is none."""
    defaults = settings.defaults
    found = PipelineSettings(defaults)
    if not files.exists(path):
        return found
    with problems.noted():
        document = mapping(read_yaml(files.text(path), path), "pipeline.yaml")
        shape = read(PipelineShape, document, "pipeline.yaml")
        for key in SERVER_KEYS:
            if key in document.value:
                problems.warn(f"'{key}' has no effect in this version", document.where(key))
        given = shape.defaults.model_dump(exclude_unset=True, exclude_none=True)
        owner = _owner(shape.owner, shape.owners)
        if owner is not None:
            given.setdefault("owner", owner)
        updates = {key: getattr(shape.defaults, key, None) or value for key, value in given.items()}
        found.defaults = defaults.model_copy(update=updates)
        found.owner, found.description = owner, shape.description
        found.priority, found.concurrency = shape.priority, shape.concurrency
        found.variables = _variables(shape.variables, document, ("variables",), problems)
        around = settings.around(name, found.defaults.timezone)
        found.schedule = read_schedule(document, around, problems)
    return found


def _owner(owner: str | None, owners: tuple[str, ...]) -> str | None:
    return ", ".join(dict.fromkeys([*([owner] if owner else []), *owners])) or None


def _variables(
    given: dict[str, Json], document: Document, path: tuple[str, ...], problems: Problems
) -> dict[str, Json]:
    for name, value in given.items():
        where = document.where(*path, name)
        with problems.noted():
            check_name(name, "variable", None if name.lower() in BUILT_IN else where)
        if name.lower() in (*BUILT_IN, *WANTS):
            problems.add(f"'{name}' is a name that the engine binds itself", where)
        twin = next((one for one in given if one != name and one.lower() == name.lower()), None)
        if twin is not None and twin < name:
            problems.add(f"the variables '{twin}' and '{name}' differ only in case", where)
        if isinstance(value, dict):
            problems.add(
                f"the variable '{name}' is a mapping",
                where,
                "a value is a text, a number, true, false, or a list of these",
            )
    return dict(given)


def _environments(
    shape: ProjectShape, document: Document, problems: Problems
) -> dict[str, Environment]:
    default = shape.defaults.untested or Untested.WARN
    found = {PRODUCTION: Environment(PRODUCTION, untested=default)}
    for name, one in shape.environments.items():
        where = ("environments", name)
        with problems.noted():
            check_name(name, "environment", document.where(*where))
        variables = _variables(one.variables, document, (*where, "variables"), problems)
        found[name] = Environment(name, variables, one.untested or default, one.isolation)
    return found


def _secrets(shape: ProjectShape, document: Document, problems: Problems) -> dict[str, str]:
    for name, source in shape.secrets.items():
        where = document.where("secrets", name)
        with problems.noted():
            check_name(name, "secret", where)
        if not _SOURCE.fullmatch(source):
            problems.add(
                f"the secret '{name}' does not say where its value is",
                where,
                f"write `{name}: env:{name.upper()}` or `{name}: file:/run/secrets/{name}`; "
                "the value itself never stands in a file of the project",
            )
    return dict(shape.secrets)


def _pools(shape: ProjectShape, document: Document, problems: Problems) -> dict[str, int]:
    for name in shape.pools:
        with problems.noted():
            check_name(name, "pool", document.where("pools", name))
    return dict(shape.pools)


def _connections(
    shape: ProjectShape, document: Document, problems: Problems
) -> dict[str, Connection]:
    found: dict[str, Connection] = {}
    for name, one in shape.connections.items():
        where = document.where("connections", name)
        with problems.noted():
            check_name(name, "connection", where)
            if one.kind == stores.KIND:
                found[name] = stores.connection(name, one, shape.secrets, document)
                continue
            stores.check_absent(name, one, document)
            check_address(one.url, shape.secrets, document.where("connections", name, "url"))
        kind = one.kind or urlsplit(one.url).scheme
        kind = "postgres" if kind in ("postgresql", "postgres") else kind
        found[name] = Connection(name, kind, one.url)
    return found


def check_address(url: str, secrets: dict[str, str], where: Where) -> tuple[str, ...]:
    """The secrets in an address; raises DefinitionError for unknown ones and plain passwords."""
    named = tuple(dict.fromkeys(PLACEHOLDER.findall(url)))
    for name in named:
        if name not in secrets:
            raise DefinitionError(
                f"there is no secret '{name}'",
                where=where,
                hint=hint_for(name, secrets)
                or f"add to galley.yaml: `secrets: {{{name}: env:{name.upper()}}}`",
            )
    if has_password(url):
        raise DefinitionError(
            "a password must not stand in a file of the project",
            where=where,
            hint="write ${NAME} in its place and `secrets: {NAME: env:NAME}` in galley.yaml",
        )
    return named


def has_password(url: str) -> bool:
    """Whether an address holds a password in plain text."""
    match = re.match(r"[a-z][a-z0-9+.-]*://[^/@:]*:(?P<password>[^/]*)@", url, re.IGNORECASE)
    plain = bool(match and PLACEHOLDER.sub("", match["password"]))
    asked = re.search(r"[?&]password=(?P<password>[^&]*)", url, re.IGNORECASE)
    return plain or bool(asked and PLACEHOLDER.sub("", asked["password"]))


def _reads(shape: ProjectShape, document: Document, problems: Problems) -> tuple[Read, ...]:
    found: list[Read] = []
    for name, one in shape.reads.items():
        where = document.where("reads", name)
        with problems.noted():
            check_name(name, "project", where)
        if name.lower() == shape.name.lower():
            problems.add("a project reads its own tables without declaring them", where)
        tables = tuple(table.lower() for table in one.tables)
        for at, table in enumerate(tables):
            with problems.noted():
                check_name(table, "table", document.where("reads", name, "tables", at))
        found.append(Read(name.lower(), one.ref, tables))
    return tuple(found)


def _retention(shape: ProjectShape, document: Document, problems: Problems) -> Retention:
    given = shape.retention
    if not SHORTEST_QUARANTINE <= given.quarantine <= LONGEST_QUARANTINE:
        problems.add(
            "the quarantine of files is between 24 and 72 hours",
            document.where("retention", "quarantine"),
            "shorter, and work under way could lose what it reads; longer only costs room",
        )
    return Retention(**given.model_dump())
