"""The lake's values: table versions, commits, refs, intents, windows. Plain, frozen, JSON-able."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from galley.ids import digest

PRODUCTION = "production"


class RefKind(StrEnum):
    """What a ref is for."""

    ENVIRONMENT = "environment"
    KITCHEN = "kitchen"
    RUN = "run"
    ATTEMPT = "attempt"
    TAG = "tag"


class CommitKind(StrEnum):
    """Why a commit was made."""

    INIT = "init"
    STEP = "step"
    PUBLISH = "publish"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    ADOPT = "adopt"
    IMPORT = "import"
    COMPACT = "compact"


class Format(StrEnum):
    """What an entry's pointer points to."""

    ICEBERG = "iceberg"
    VIEW = "view"
    FILE = "file"


class IntentKind(StrEnum):
    """What a write meant to do; merges are decided by it.

    COMPACT put the same rows into fewer files: to a merge it is as if nothing had happened.
    """

    REPLACE = "replace"
    APPEND = "append"
    WINDOW = "window"
    MERGE = "merge"
    DROP = "drop"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open window ``[start, end)``.

    For time windows both are ISO 8601 texts of equal form, so that they sort as text; for key
    windows both hold the key's value.
    """

    start: str
    end: str

    def overlaps(self, other: Span) -> bool:
        """Whether the two windows share a moment (or are the same key)."""
        if self == other:
            return True
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return self.start if self.start == self.end else f"{self.start}..{self.end}"


@dataclass(frozen=True, slots=True)
class FieldKey:
    """A column that needs a field id: its parent's id (-1 at the top), name, type, incarnation."""

    parent: int
    name: str
    type: str
    incarnation: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """What one write did to its table. ``files`` were added, ``removed`` taken out (paths)."""

    kind: IntentKind
    spans: tuple[Span, ...] = ()
    files: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowEntry:
    """One row of the window ledger: which content a window has and the key that made it."""

    span: Span
    key: str
    content_id: str
    files: tuple[str, ...]
    code: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of a table: what an entry of a commit points to.

    ``location`` is the Iceberg metadata file (or the file, or for a view its SQL's location in
    ``view_sql``), relative to the warehouse. ``schema`` is a list of columns
    ``{"id", "name", "type"}`` in Iceberg's type names. ``rows`` and ``bytes`` are totals of the
    version. ``rows_digest`` is set where the files were small enough to compare contents.
    ``untested`` marks a table that no test looked at. ``inputs`` maps the tables it was made from
    to their content ids; ``made`` tells with which code, variables and toolchain.
    """

    table: str
    table_id: str
    format: Format
    content_id: str
    location: str
    schema_fingerprint: str
    schema: tuple[dict[str, Any], ...] = ()
    rows: int | None = None
    bytes: int | None = None
    intent: Intent = Intent(IntentKind.REPLACE)
    inputs: dict[str, str] = field(default_factory=dict)
    rows_digest: str | None = None
    view_sql: str | None = None
    step: str | None = None
    untested: bool = False
    made: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to one table: a new version (``None`` drops it) and its ledger rows.

    ``expected`` is the content id the table must have on the ref before (``None``: absent) and is
    checked only when ``guarded``. ``reset_windows`` forgets the ledger before adding ``windows``.
    """

    table: str
    version: Version | None
    expected: str | None = None
    guarded: bool = False
    windows: tuple[WindowEntry, ...] = ()
    reset_windows: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """A name for a commit. ``generation`` rises with every move (no ABA).

    ``code_version`` is the project version that was deployed to a kitchen.
    """

    project: str
    name: str
    kind: RefKind
    head: str
    generation: int
    owner: str
    fork_point: str | None
    fork_ref: str | None
    expires_at: int | None
    protected: bool
    created: int
    code_version: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a project's catalogue. ``created`` is in microseconds, strictly rising per ref.

    ``tree_of`` makes the commit show another commit's tables (a rollback, in constant time).
    """

    id: str
    project: str
    parent: str | None
    kind: CommitKind
    author: str
    message: str
    created: int
    depth: int = 0
    checkpointed: bool = False
    merged_from: str | None = None
    tree_of: str | None = None
    on_behalf_of: str | None = None
    code_version: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What ``REF``, ``REF@COMMIT``, ``REF@TIME`` or ``tag/NAME`` resolved to."""

    text: str
    ref: str
    commit: str
    pinned: bool


def fingerprint(schema: tuple[dict[str, Any], ...]) -> str:
    """A schema's identity: names and types in order (field ids do not count)."""
    return digest(*(f"{column['name'].lower()}\x00{column['type']}" for column in schema))


def content_of(schema_fingerprint: str, files: tuple[str, ...]) -> str:
    """The content id of a table whose rows are those of ``files`` (in any order)."""
    return digest("content", schema_fingerprint, *sorted(files))
