"""CSV files, read strictly: what is broken is named by file and line, and nothing is loaded.

The dialect and the header are read here, not guessed from the rows: a guess would take broken
lines for another dialect.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from galley.errors import InputDataError
from galley.lake.types import literal, quote
from galley.project.names import hint_for
from galley.runs.protocol import StepTask
from galley.runs.runner.files import shown
from galley.runs.runner.formats import Source, call, not_empty, options_of, where_of

if TYPE_CHECKING:
    import duckdb

_BLOCK = 1 << 20
_LONGEST_HEADER = 1 << 20
_DELIMITERS = ",;\t|"
_PACKED = {".gz": "gzip", ".zst": "zstd"}
_PLACE = re.compile(
    r"CSV Error on Line: (\d+)\n(?:Original Line: ?(.*?)\n)?"
    r"((?:Expected|Error|Value|Invalid|Maximum|The |Unterminated)[^\n]*)",
    re.DOTALL,
)
_WHOLE = frozenset({"BIGINT", "INTEGER", "INT", "SMALLINT", "TINYINT", "HUGEINT", "LONG"})
_NAMED = re.compile(r"file = (.+)|sniffing file \"([^\"]+)\"")
_COUNT = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_CONVERTED = re.compile(r"column \"(.+?)\"\. Could not convert string \"(.*)\" to '([^']+)'")
_PYTHONS_UTF8 = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii"})
_OURS = frozenset({"encoding", "delimiter", "types", "columns", "header", "compression"})
_DEFAULTS: dict[str, Any] = {
    "quote": '"',
    "escape": '"',
    "comment": "",
    "skip": 0,
    "strict_mode": True,
    "null_padding": False,
    "ignore_errors": False,
    "union_by_name": True,
}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """One file: where it is read from, and its header, which is line ``line``."""

    path: str
    name: str
    header: bytes
    names: tuple[str, ...]
    delimiter: str
    line: int = 1


def csv_source(task: StepTask, files: tuple[str, ...]) -> Source:
    """The query over CSV files, after looking at the header of each.

    Raises:
        InputDataError: a file is empty, in another encoding, or its header is not sound.
    """
    not_empty(task, files)
    options = options_of(task)
    copies = _in_utf8(task, files, str(options.get("encoding") or "utf-8"))
    looked = [_look(task, path, name, options) for path, name in copies.items()]
    delimiter = _one_delimiter(task, looked)
    header = bool(options.get("header", True))
    if header:
        for file in looked:
            _check_header(task, file)
    types = _types(task, looked, options)
    named: dict[str, Any] = {
        "auto_detect": True,
        "delim": delimiter,
        "header": header,
        # Types found from a sample would round or cut what comes later: 1.5 fits BIGINT as 2.
        "sample_size": -1,
        **_DEFAULTS,
        **{name: value for name, value in options.items() if name not in _OURS},
    }
    paths = _with_rows(copies, looked) if header else tuple(copies)
    whole = {name: type_ for name, type_ in types.items() if type_.upper() in _WHOLE}
    rest = {name: type_ for name, type_ in types.items() if name not in whole}
    sql, loose = (_query(paths, named, some) for some in (types, rest))
    return Source(tuple(copies), sql, task, names=copies, whole=whole, loose=loose)


def exact_sql(source: Source, connection: duckdb.DuckDBPyConnection) -> str:
    """The source's query, refusing fractions in whole numbers, which DuckDB would round."""
    if not source.whole:
        return source.sql
    described = connection.execute(f"SELECT * FROM ({source.loose}) LIMIT 0").description or ()
    broken = [name for name, type_, *_ in described if name in source.whole and type_ == "DOUBLE"]
    guarded = ", ".join(_guarded(name, source.whole[name]) for name in broken)
    return f"SELECT * REPLACE ({guarded}) FROM ({source.loose})" if broken else source.sql


def _guarded(name: str, type_: str) -> str:
    column, said = quote(name), literal(f"column {name!r} is {type_} and ")
    return (
        f"CASE WHEN {column} = trunc({column}) THEN CAST({column} AS {type_}) "
        f"WHEN {column} IS NOT NULL THEN error({said} || {column} || ' is none') END AS {column}"
    )


def _query(paths: tuple[str, ...], named: dict[str, Any], types: dict[str, str]) -> str:
    typed = {"types": types} if types else {}
    return f"SELECT * FROM {call('read_csv', paths, {**named, **typed})}"


def explain_csv(source: Source, error: duckdb.Error) -> InputDataError:
    """DuckDB's message about a line, as the file, the line, the text and the reason."""
    text = str(error)
    place, named = _PLACE.search(text), _NAMED.search(text)
    path = (named[1] or named[2]).strip() if named else ""
    name = source.shown(path) if path else "the files"
    where = where_of(source.task)
    if "not utf-8 encoded" in text:
        return _wrong_encoding(source.task, path, name)
    if place is None:
        return source.explain(error)
    line, original, reason = place[1], (place[2] or "").rstrip("\r"), place[3]
    count, converted = _COUNT.search(text), _CONVERTED.search(text)
    hint = "correct the line; nothing was loaded"
    if count:
        reason = f"{count[1]} columns were expected and {count[2]} found"
    elif converted:
        reason = f"column {converted[1]!r} is {converted[3]} and {converted[2]!r} is none"
        hint = f"correct the line, or give the option `types: {{{converted[1]}: VARCHAR}}`"
    return InputDataError(f"{name}:{line}: {reason}: {original!r}", where=where, hint=hint)


def find_broken(source: Source, connection: duckdb.DuckDBPyConnection) -> InputDataError | None:
    """The first line with another number of columns than its file's header has, if there is one."""
    import duckdb

    options = options_of(source.task)
    for path in source.files:
        file = _look(source.task, path, source.shown(path), options)
        columns = {f"column{number}": "VARCHAR" for number in range(len(file.names))}
        named = {"auto_detect": False, "delim": file.delimiter, **_DEFAULTS, "columns": columns}
        named |= {"header": bool(options.get("header", True)), "union_by_name": False}
        named |= {name: value for name, value in options.items() if name in _DEFAULTS}
        try:
            connection.execute(f"SELECT count(COLUMNS(*)) FROM {call('read_csv', (path,), named)}")
        except duckdb.Error as error:
            return explain_csv(source, error)
    return None


def _in_utf8(task: StepTask, files: tuple[str, ...], encoding: str) -> dict[str, str]:
    """The files to read, each with the one it stands for; other encodings are copied to UTF-8."""
    if encoding.lower().replace("_", "-") in _PYTHONS_UTF8:
        return {path: path for path in files}
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise InputDataError(
            f"there is no encoding {encoding!r}",
            where=where_of(task),
            hint=hint_for(encoding, ("utf-8", "utf-16", "latin-1", "windows-1252"), "for example"),
        ) from error
    return {
        _copied(task, path, f"{task.scratch}/load-{number}.csv", encoding): path
        for number, path in enumerate(files)
    }


def _copied(task: StepTask, path: str, target: str, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with _opened(path) as source, open(target, "wb") as copy:  # noqa: PTH123
            while block := source.read(_BLOCK):
                copy.write(decoder.decode(block).encode())
            copy.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise InputDataError(
            f"{shown(path, task.project_dir)} is not in the encoding {encoding}: {error}",
            where=where_of(task),
        ) from error
    return target


def _opened(path: str) -> BinaryIO:
    """A file's bytes, unpacked."""
    import pyarrow as pa

    packed = next((kind for ending, kind in _PACKED.items() if path.endswith(ending)), None)
    return cast(BinaryIO, pa.input_stream(path, compression=packed))


def _look(task: StepTask, path: str, meant: str, options: dict[str, Any]) -> CsvFile:
    name = shown(meant, task.project_dir)
    try:
        with _opened(path) as source:
            start = source.read(_LONGEST_HEADER)
    except OSError as error:
        raise InputDataError(f"{name} cannot be read: {error}", where=where_of(task)) from error
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\0" in start[:_BLOCK]:
        raise _wrong_encoding(task, path, name)
    skip = int(options.get("skip", 0))
    lines = start.removeprefix(codecs.BOM_UTF8).splitlines()[skip:]
    if not lines or not lines[0].strip():
        raise InputDataError(f"{name} has no header in its first line", where=where_of(task))
    try:
        text = lines[0].decode()
    except UnicodeDecodeError:
        raise _wrong_encoding(task, path, name) from None
    delimiter = str(options.get("delimiter") or _likely(text))
    names = next(csv.reader([text], delimiter=delimiter, quotechar=options.get("quote") or '"'))
    return CsvFile(path, name, lines[0], tuple(one.strip() for one in names), delimiter, skip + 1)


def _likely(line: str) -> str:
    """The delimiter that stands most often in the first line, outside quotes."""
    bare = re.sub(r'"(?:[^"]|"")*"', "", line)
    return max(_DELIMITERS, key=bare.count)


def _one_delimiter(task: StepTask, files: list[CsvFile]) -> str:
    several = [file for file in files if len(file.names) > 1] or files[:1]
    for file in several:
        if file.delimiter != several[0].delimiter:
            raise InputDataError(
                f"{several[0].name} is delimited by {several[0].delimiter!r} and "
                f"{file.name} by {file.delimiter!r}",
                where=where_of(task),
                hint="load them in two steps, each with its option `delimiter`",
            )
    return several[0].delimiter


def _check_header(task: StepTask, file: CsvFile) -> None:
    seen: dict[str, str] = {}
    for number, name in enumerate(file.names, start=1):
        if not name:
            raise InputDataError(
                f"{file.name}:{file.line}: column {number} has no name", where=where_of(task)
            )
        if name.lower() in seen:
            raise InputDataError(
                f"{file.name}:{file.line}: two columns are named {name!r}",
                where=where_of(task),
                hint="names compare case-insensitively; give each column a name of its own",
            )
        seen[name.lower()] = name
    line = _repeated(file)
    if line is not None:
        raise InputDataError(
            f"{file.name}:{line}: the header is repeated: {file.header.decode()!r}",
            where=where_of(task),
            hint="remove the line; files that were joined keep each other's headers",
        )


def _repeated(file: CsvFile) -> int | None:
    """The line on which the header stands again, looked for block by block."""
    if file.header.count(b'"') % 2:
        return None
    mark = b"\n" + file.header
    line, rest = 1, b"\n"
    for block in _blocks(file.path):
        whole = rest + block
        for at in _places(whole, mark):
            found = line + whole.count(b"\n", 0, at)
            if found > file.line:
                return found
        keep = min(len(mark) + 1, len(whole))
        line += whole.count(b"\n", 0, len(whole) - keep)
        rest = whole[-keep:]
    return None


def _places(text: bytes, mark: bytes) -> Iterator[int]:
    """Where the mark stands before the end of a line."""
    at = text.find(mark)
    while at >= 0:
        if text[at + len(mark) : at + len(mark) + 1] in (b"\n", b"\r"):
            yield at
        at = text.find(mark, at + 1)


def _blocks(path: str) -> Iterator[bytes]:
    with _opened(path) as source:
        while block := source.read(_BLOCK):
            yield block
        yield b"\n"  # the last line may lack its end


def _with_rows(copies: Iterable[str], looked: list[CsvFile]) -> tuple[str, ...]:
    """The files that hold rows: those that do not say nothing about types."""
    filled = tuple(file.path for file in looked if _has_rows(file))
    return filled or tuple(copies)[:1]


def _has_rows(file: CsvFile) -> bool:
    with _opened(file.path) as source:
        start = source.read(len(file.header) + 64).removeprefix(codecs.BOM_UTF8)
        return bool(start[len(file.header) :].strip() or source.read(1))


def _types(task: StepTask, files: list[CsvFile], options: dict[str, Any]) -> dict[str, str]:
    """The ``types`` of columns, once each is known to exist."""
    columns = options.get("columns")
    types = {**(columns if isinstance(columns, dict) else {}), **(options.get("types") or {})}
    if not types:
        return {}
    known = {name.lower(): name for file in files for name in file.names}
    for name in types:
        if str(name).lower() not in known:
            raise InputDataError(
                f"the options name a column {name!r}, which no file has",
                where=where_of(task),
                hint=hint_for(str(name), known.values(), "there are"),
            )
    return {known[str(name).lower()]: str(type_) for name, type_ in types.items()}


def _wrong_encoding(task: StepTask, path: str, name: str) -> InputDataError:
    likely = _guess(path)
    return InputDataError(
        f"{name} is not in UTF-8; it looks like {likely}",
        where=where_of(task),
        hint=f"add the option `encoding: {likely}`",
    )


def _guess(path: str) -> str:
    with _opened(path) as source:
        start = source.read(_BLOCK)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if b"\0" in start:
        return "utf-16-be" if start[:1] == b"\0" else "utf-16-le"
    # Latin-1 has no printable characters there; the Windows code page has quotes and the euro.
    return "windows-1252" if re.search(rb"[\x80-\x9f]", start) else "latin-1"
