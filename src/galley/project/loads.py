"""Declared steps: ``kind: load`` in a YAML file of a pipeline's folder."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from galley.codec import to_plain
from galley.errors import DefinitionError
from galley.ids import digest
from galley.project.analysis import Analyses
from galley.project.document import Document, mapping, read_yaml
from galley.project.drafts import Draft, Origin, Setting, draft_step, draft_tests, stem
from galley.project.formats import format_of
from galley.project.model import LoadSpec, Source, StepKind
from galley.project.names import hint_for
from galley.project.settings import Settings, check_address
from galley.project.shapes import LoadShape, read

LATER = ("deliver", "container", "command", "wait", "approve")
OPTIONS: dict[str, frozenset[str]] = {
    "csv": frozenset(
        """all_varchar columns comment compression dateformat decimal_separator delimiter encoding
        escape filename header hive_partitioning ignore_errors max_line_size new_line
        normalize_names null_padding nullstr parallel quote sample_size skip strict_mode thousands
        timestampformat types union_by_name""".split()  # noqa: SIM905
    ),
    "json": frozenset(
        """columns compression dateformat filename format hive_partitioning ignore_errors
        maximum_depth maximum_object_size records sample_size timestampformat types
        union_by_name""".split()  # noqa: SIM905
    ),
    "parquet": frozenset(
        "binary_as_string columns filename hive_partitioning types union_by_name".split()  # noqa: SIM905
    ),
    "postgres": frozenset({"columns", "where", "schema", "types"}),
}
_ONE_CHARACTER = frozenset({"delimiter", "quote", "escape", "decimal_separator"})
SCHEMES = ("postgres", "postgresql")


def read_declared_step(
    path: str, analyses: Analyses, setting: Setting, settings: Settings
) -> Draft:
    """The step of one YAML file; raises DefinitionError or DefinitionErrors."""
    document = mapping(read_yaml(analyses.files.text(path), path), "a declared step")
    kind = document.value.get("kind")
    if kind in LATER:
        raise DefinitionError(
            f"steps of kind '{kind}' are not available in this version",
            where=document.where("kind"),
            hint="use a Python step, or `kind: load`",
        )
    if kind != "load":
        raise DefinitionError(
            f"there is no kind of step '{kind}'" if kind else "a declared step needs `kind: load`",
            where=document.where("kind"),
            hint=hint_for(str(kind), ("load", *LATER), "kinds"),
        )
    shape = read(LoadShape, document, "a load step")
    spec, connections, secrets = _spec(shape, document, settings)
    origin = Origin(StepKind.LOAD, stem(path), Source(path), document.where())
    step = draft_step(
        shape,
        document,
        origin,
        setting,
        inputs=(),
        code_hash=digest("load", json.dumps(to_plain(spec), sort_keys=True)),
        secrets=secrets,
        connections=connections,
        load=spec,
    )
    tests = draft_tests(step, document, setting)
    return Draft(step, document.where(), lambda name: document.where(), tests=tests)


def _spec(
    shape: LoadShape, document: Document, settings: Settings
) -> tuple[LoadSpec, tuple[str, ...], tuple[str, ...]]:
    """What is read, the connection it needs and the secrets of its address."""
    given = [key for key in ("path", "url", "connection") if getattr(shape, key)]
    if len(given) != 1:
        raise DefinitionError(
            "a load step reads from one place: path, url or connection",
            where=document.where(given[1]) if given else document.where(),
            hint="for example `path: data/flights.csv`",
        )
    if shape.path:
        return _files(shape, document), (), ()
    if not shape.table:
        raise DefinitionError(
            "a load from a database needs the table to read",
            where=document.where(given[0]),
            hint="add `table: NAME` or `table: schema.NAME`",
        )
    options = _options(shape, "postgres", document)
    if shape.format not in (None, "postgres"):
        raise DefinitionError(
            f"a database is not read as {shape.format}", where=document.where("format")
        )
    if shape.connection:
        return _connected(shape, options, document, settings)
    url = str(shape.url)
    if urlsplit(url).scheme not in SCHEMES:
        raise DefinitionError(
            f"'{urlsplit(url).scheme or url}' is no address that a load step can read",
            where=document.where("url"),
            hint="postgres://USER:${SECRET}@HOST:PORT/DATABASE, or a file as `path:`",
        )
    secrets = check_address(url, settings.secrets, document.where("url"))
    return LoadSpec("postgres", url=url, table=shape.table, options=options), (), secrets


def _connected(
    shape: LoadShape, options: dict[str, object], document: Document, settings: Settings
) -> tuple[LoadSpec, tuple[str, ...], tuple[str, ...]]:
    name = str(shape.connection)
    connection = settings.connections.get(name)
    where = document.where("connection")
    if connection is None:
        raise DefinitionError(
            f"there is no connection '{name}'",
            where=where,
            hint=hint_for(name, settings.connections, "connections")
            or "add it under `connections:` in galley.yaml",
        )
    if connection.kind != "postgres":
        raise DefinitionError(
            f"a load step cannot read a connection of kind '{connection.kind}'", where=where
        )
    secrets = check_address(connection.url, settings.secrets, where)
    return LoadSpec("postgres", url=name, table=shape.table, options=options), (name,), secrets


def _files(shape: LoadShape, document: Document) -> LoadSpec:
    path = str(shape.path)
    where = document.where("path")
    if shape.table:
        raise DefinitionError(
            "'table' is for databases; a load step's own table has the name of its file",
            where=document.where("table"),
        )
    if path.startswith("~") or "://" in path or "\\" in path:
        raise DefinitionError(
            f"'{path}' is no path that every worker could read",
            where=where,
            hint="write it from the project folder (data/flights.csv), or absolute, with slashes",
        )
    if path.endswith("/"):
        raise DefinitionError(
            f"'{path}' is a folder", where=where, hint=f"name its files: {path}*.csv"
        )
    found = shape.format or format_of(path)
    if found not in OPTIONS or found == "postgres":
        raise DefinitionError(
            f"the format of '{path}' is not known" if found is None else f"no format '{found}'",
            where=document.where("format") if found else where,
            hint=hint_for(str(found), ("csv", "json", "parquet"), "add `format:` with one of"),
        )
    return LoadSpec(found, path=path, options=_options(shape, found, document))


def _options(shape: LoadShape, kind: str, document: Document) -> dict[str, object]:
    for name in shape.options:
        if name not in OPTIONS[kind]:
            raise DefinitionError(
                f"{kind} has no option '{name}'",
                where=document.where("options", name),
                hint=hint_for(name, OPTIONS[kind]),
            )
        value = shape.options[name]
        may_be_none = name in ("quote", "escape") and value == ""
        one = isinstance(value, str) and len(value) == 1
        if name in _ONE_CHARACTER and not (one or may_be_none):
            raise DefinitionError(
                f"{name}: {value!r} is not one character",
                where=document.where("options", name),
                hint=f"for instance `{name}: ';'`; a tab is \"\\t\"",
            )
    return dict(shape.options)
