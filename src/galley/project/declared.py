"""What a project says of its warehouse, as far as its address alone tells.

Every command asks where the tables stand. The parsers that the rest takes are imported only where
that is a bucket.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galley.errors import DefinitionError, Where
from galley.project.model import Connection

SCHEME = "s3://"
HIDDEN = ("key", "secret", "token")
"""Options of a connection that are secrets, named as ``${NAME}``."""

EXAMPLE = "warehouse: s3://BUCKET/PREFIX"
_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/?#\s]+)*/?")


@dataclass(frozen=True, slots=True)
class Declared:
    """A warehouse as galley.yaml has it; ``secrets`` maps names to sources, as in a manifest."""

    address: str
    connection: Connection | None = None
    secrets: dict[str, str] = field(default_factory=dict)


def check_warehouse(address: str, where: Where) -> None:
    """Raise DefinitionError for an address that is neither a folder nor a bucket's."""
    if address.startswith(SCHEME) and not _ADDRESS.fullmatch(address):
        raise DefinitionError(f"'{address}' names no bucket", where=where, hint=EXAMPLE)
    if "://" in address and not address.startswith(SCHEME):
        scheme = address.partition("://")[0]
        raise DefinitionError(
            f"a warehouse cannot stand at '{scheme}://'",
            where=where,
            hint=f"a folder, or an object store that speaks S3: `{EXAMPLE}`",
        )


def declared_store(folder: Path) -> Declared | None:
    """What galley.yaml says of the warehouse and how to reach it; loads YAML and pydantic.

    Raises:
        DefinitionError: the file says something that cannot be.
    """
    stores: Any = importlib.import_module("galley.project.stores")
    found: Declared | None = stores.read_store(folder)
    return found
