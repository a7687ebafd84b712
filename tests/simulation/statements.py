"""Statements of SQLAlchemy on a bare SQLite connection, several times as fast as by its engine.

What is compiled is SQLAlchemy's own work and is kept by SQLAlchemy's own key, so that the queries
are those of the product to the letter. Left out are its events, pools, cursors and results.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, BindParameter, Row
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import operators

Convert = Callable[[Any], Any]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class BrokenStatementError(BaseException):
    """The database does not understand a statement: no outage, and nobody's to get over."""


class _Compiler(SQLiteCompiler):
    """SQLite's, and one expression of PostgreSQL's: that a column is any of an array."""

    def visit_binary(self, binary: Any, *given: Any, **named: Any) -> Any:
        """As usual, but ``= ANY (array)``."""
        if getattr(binary.right, "operator", None) is not operators.any_op:
            return super().visit_binary(binary, *given, **named)
        left, array = (self.process(one, **named) for one in (binary.left, binary.right.element))
        return f"{left} IN (SELECT value FROM json_each({array}))"


class _Dialect(SQLiteDialect_pysqlite):
    statement_compiler = _Compiler
    supports_statement_cache = True


DIALECT = _Dialect(paramstyle="qmark")
DIALECT.dbapi = sqlite3  # type: ignore[assignment]

_REMEMBERED = 4096
_NOTHING: dict[str, Any] = {}


@dataclass(slots=True)
class _Slot:
    """Where the value of one bound parameter comes from, and how the database takes it."""

    key: str
    place: int | None
    bind: BindParameter[Any]
    default: Any
    convert: Convert | None
    several: bool


@dataclass(slots=True)
class Prepared:
    """A compiled statement. ``changes`` says whether it writes, or locks anything for itself.

    ``shares`` and ``excludes`` are the two ways to take the lock of collection.
    """

    compiled: Any
    slots: tuple[_Slot, ...]
    changes: bool
    shares: bool
    excludes: bool
    several: bool
    metadata: SimpleResultMetaData | None
    convert: tuple[Convert | None, ...] | None
    texts: dict[tuple[int, ...], str] = field(default_factory=dict)

    def bound(self, given: Mapping[str, Any], extracted: Any) -> tuple[str, list[Any]]:
        """The text with its values in order."""
        values: list[Any] = []
        lengths: tuple[int, ...] = ()
        for slot in self.slots:
            if slot.key in given:
                value = given[slot.key]
            elif slot.place is not None:
                value = extracted[slot.place].effective_value
            else:
                value = slot.default
            convert = slot.convert
            if slot.several:
                lengths += (len(value),)
                values += map(convert, value) if convert else value
            else:
                values.append(convert(value) if convert else value)
        if not self.several:
            return self.compiled.string, values
        text = self.texts.get(lengths)
        if text is None:
            text = self.texts[lengths] = self._expanded(given, extracted)
        return text, values

    def _expanded(self, given: Mapping[str, Any], extracted: Any) -> str:
        wanted = self.compiled.construct_params(
            dict(given), extracted_parameters=extracted, escape_names=False
        )
        found: str = self.compiled._process_parameters_for_postcompile(wanted).statement
        return found


class Statements:
    """The statements that were met, by their keys; those that are built once by themselves."""

    def __init__(self) -> None:
        self._compiled: dict[Any, Any] = {}
        self._prepared: dict[int, Prepared] = {}
        self._fixed: dict[tuple[int, Any], tuple[Any, Prepared, Any]] = {}

    def prepare(self, statement: Any, given: Parameters) -> tuple[Prepared, Any]:
        """The statement with the values that it brings along."""
        many = isinstance(given, list)
        one: Mapping[str, Any] = (given[0] if isinstance(given, list) else given) or _NOTHING  # type: ignore[assignment]
        keys = tuple(one)
        known = self._fixed.get((id(statement), keys))
        if known is not None and known[0] is statement:
            return known[1], known[2]
        compiled, extracted, collected, _ = statement._compile_w_cache(
            DIALECT,
            compiled_cache=self._compiled,
            column_keys=sorted(keys),
            for_executemany=many,
        )
        assert not collected, "parameters that a statement carries itself"
        found = self._prepared.get(id(compiled))
        if found is None:
            found = self._prepared[id(compiled)] = _prepared(compiled, statement)
        if len(self._fixed) >= _REMEMBERED:
            self._fixed.clear()
        # The statement is kept with it: its id names no other as long as it is here.
        self._fixed[id(statement), keys] = (statement, found, extracted)
        return found, extracted


class Rows:
    """What a statement gave: the calls of SQLAlchemy's results that are used."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        """All rows."""
        return self._rows

    def first(self) -> Any:
        """The first row."""
        return self._rows[0] if self._rows else None

    def one_or_none(self) -> Any:
        """The only row."""
        assert len(self._rows) < 2
        return self.first()

    def one(self) -> Any:
        """The only row, which is there."""
        (found,) = self._rows
        return found

    def scalar(self) -> Any:
        """The first row's first value."""
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        """The only row's first value."""
        (found,) = self._rows
        return found[0]

    def scalars(self) -> Rows:
        """The first value of each row."""
        return Rows([row[0] for row in self._rows], self.rowcount)


def run(raw: sqlite3.Connection, prepared: Prepared, given: Parameters, extracted: Any) -> Rows:
    """Carry a statement out."""
    if isinstance(given, list):
        count = 0
        for one in given:
            text, values = prepared.bound(one, extracted)
            count += _executed(raw, text, values).rowcount
        return Rows([], count)
    text, values = prepared.bound(given or _NOTHING, extracted)  # type: ignore[arg-type]
    cursor = _executed(raw, text, values)
    if cursor.description is None:
        return Rows([], cursor.rowcount)
    if prepared.metadata is None:
        prepared.metadata = SimpleResultMetaData([column[0] for column in cursor.description])
    metadata, convert = prepared.metadata, prepared.convert
    index = metadata._key_to_index
    found = cursor.fetchall()
    rows: list[Any] = [Row(metadata, convert, index, one) for one in found]  # type: ignore[arg-type]
    return Rows(rows, cursor.rowcount)


def _executed(raw: sqlite3.Connection, text: str, values: list[Any]) -> sqlite3.Cursor:
    try:
        return raw.execute(text, values)
    except sqlite3.OperationalError as error:
        raise BrokenStatementError(f"{error}: {text}") from error
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, values, error, sqlite3.Error, dialect=DIALECT) from error


def _prepared(compiled: Any, statement: Any) -> Prepared:
    places: dict[Any, int] = {}
    if compiled.cache_key is not None:
        match = compiled._cache_key_bind_match[0]
        for place, original in enumerate(compiled.cache_key[1]):
            places.update(dict.fromkeys(match[original], place))
    named = {name: bind for bind, name in compiled.bind_names.items()}
    fresh = {column.key: column.default.arg for column in getattr(compiled, "insert_prefetch", ())}
    several = set(compiled.post_compile_params)
    slots = []
    for name in compiled._pre_expanded_positiontup or compiled.positiontup or ():
        bind = named[name]
        slots.append(
            _Slot(
                bind.key,
                places.get(bind) if bind.key not in fresh else None,
                bind,
                fresh.get(bind.key, bind.effective_value),
                json.dumps if isinstance(bind.type, ARRAY) else compiled._bind_processors.get(name),
                bind in several,
            )
        )
    metadata, convert = _columns(compiled)
    return Prepared(
        compiled,
        tuple(slots),
        _changes(compiled, statement),
        "pg_advisory_xact_lock_shared" in compiled.string,
        "pg_advisory_xact_lock(" in compiled.string,
        bool(several),
        metadata,
        convert,
    )


def _columns(compiled: Any) -> tuple[SimpleResultMetaData | None, tuple[Any, ...] | None]:
    columns = compiled._result_columns
    if not columns:
        return None, None
    convert = tuple(column.type._cached_result_processor(DIALECT, None) for column in columns)
    found = SimpleResultMetaData([column.keyname for column in columns])
    return found, convert if any(convert) else None


def _changes(compiled: Any, statement: Any) -> bool:
    if compiled.isinsert or compiled.isupdate or compiled.isdelete:
        return True
    return getattr(statement, "_for_update_arg", None) is not None
