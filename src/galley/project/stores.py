"""Where a project keeps its tables, and connections to object stores."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from galley.errors import DefinitionError
from galley.project.declared import EXAMPLE, HIDDEN, SCHEME, Declared, check_warehouse
from galley.project.document import Document, mapping, read_yaml
from galley.project.files import Files
from galley.project.find import PROJECT_FILE
from galley.project.model import Connection
from galley.project.names import hint_for
from galley.project.shapes import ConnectionShape, ProjectShape, read

KIND = "s3"
_NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_store(folder: Path) -> Declared | None:
    """What galley.yaml says of the warehouse and how to reach it.

    Raises:
        DefinitionError: the file says something that cannot be.
    """
    text = Files(folder).text(PROJECT_FILE)
    document = mapping(read_yaml(text, PROJECT_FILE), PROJECT_FILE)
    shape = read(ProjectShape, document, PROJECT_FILE)
    stores = {
        name: connection(name, one, shape.secrets, document)
        for name, one in shape.connections.items()
        if one.kind == KIND
    }
    return warehouse(shape, stores, document)


def warehouse(
    shape: ProjectShape, connections: dict[str, Connection], document: Document
) -> Declared | None:
    """What the project says of its warehouse; raises DefinitionError for what cannot be."""
    address, name = shape.warehouse, shape.warehouse_connection
    where = document.where("warehouse_connection")
    chosen = connections.get(name) if name else None
    if name and (chosen is None or chosen.kind != KIND):
        stores = [one.name for one in connections.values() if one.kind == KIND]
        raise DefinitionError(
            f"there is no connection '{name}' of kind s3",
            where=where,
            hint=hint_for(name, stores, "connections")
            or f"add to galley.yaml: `connections: {{{name}: {{kind: s3, …}}}}`",
        )
    if address is None:
        return Declared("", chosen, shape.secrets) if chosen else None
    check_warehouse(address, document.where("warehouse"))
    if name and not address.startswith(SCHEME):
        raise DefinitionError("a folder needs no connection", where=where, hint=EXAMPLE)
    return Declared(address, chosen, shape.secrets)


def connection(
    name: str, shape: ConnectionShape, secrets: dict[str, str], document: Document
) -> Connection:
    """A connection of kind s3; raises DefinitionError for a value that must not stand there."""
    at = ("connections", name)
    endpoint = shape.endpoint or shape.url
    if endpoint and urlsplit(endpoint).scheme not in ("http", "https"):
        raise DefinitionError(
            f"the endpoint '{endpoint}' is no address of an object store",
            where=document.where(*at, "endpoint"),
            hint="https://HOST:PORT, or leave it out for Amazon S3",
        )
    options = {"region": shape.region} if shape.region else {}
    for option in HIDDEN:
        value = getattr(shape, option)
        if value is not None:
            options[option] = _secret(option, value, secrets, document, at)
    if ("key" in options) != ("secret" in options):
        raise DefinitionError("a key and its secret go together", where=document.where(*at))
    return Connection(name, KIND, endpoint, options)


def check_absent(name: str, shape: ConnectionShape, document: Document) -> None:
    """Raise DefinitionError for a connection of another kind with an object store's options."""
    at = ("connections", name)
    for option in ("endpoint", "region", *HIDDEN):
        if getattr(shape, option) is not None:
            raise DefinitionError(
                f"'{option}' belongs to a connection of kind s3",
                where=document.where(*at, option),
                hint="add `kind: s3`, or put all into `url:`",
            )
    if not shape.url:
        raise DefinitionError("'url' is missing", where=document.where(*at))


def _secret(
    option: str, value: str, secrets: dict[str, str], document: Document, at: tuple[str, str]
) -> str:
    """The value, which must be the name of one secret."""
    where = document.where(*at, option)
    found = _NAMED.fullmatch(value)
    if found is None:
        raise DefinitionError(
            f"the {option} must not stand in a file of the project",
            where=where,
            hint="write ${NAME} in its place and `secrets: {NAME: env:NAME}` in galley.yaml",
        )
    if found[1] not in secrets:
        raise DefinitionError(
            f"there is no secret '{found[1]}'",
            where=where,
            hint=hint_for(found[1], secrets)
            or f"add to galley.yaml: `secrets: {{{found[1]}: env:{found[1].upper()}}}`",
        )
    return value
