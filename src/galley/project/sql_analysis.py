"""What a SELECT reads and why its result may change: tables, parameters, volatile functions.

DuckDB decides what is valid SQL. SQLGlot finds the tables because it is there without starting a
database; what it cannot parse is put to DuckDB's own parser.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from galley.errors import DefinitionError, Where
from galley.project import duck
from galley.project.names import BUILT_IN
from galley.project.select_list import output_columns
from galley.project.sqltext import Token, code_digest, statements, tokens

if TYPE_CHECKING:
    from sqlglot import exp

OTHER_STATEMENTS = frozenset(
    """alter analyze attach begin call checkpoint comment commit copy create deallocate delete
    describe desc detach drop execute explain export force grant import insert install load merge
    pragma prepare reset revoke rollback set show summarize truncate update use vacuum""".split()  # noqa: SIM905
)
PURE_TABLE_FUNCTIONS = frozenset(
    """explode generate_series generate_subscripts json_each json_tree range repeat repeat_row
    unnest""".split()  # noqa: SIM905
)
VOLATILE_CALLS = frozenset(
    """clock_timestamp current_localtime current_localtimestamp current_query current_setting
    currval gen_random_uuid get_current_time get_current_timestamp getenv nextval now random
    setseed statement_timestamp today transaction_timestamp txid_current uuid uuidv4
    uuidv7""".split()  # noqa: SIM905
)
VOLATILE_WORDS = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
)
LIMITED = "LIMIT without ORDER BY"
SAMPLED = "a sample without REPEATABLE"


@dataclass(frozen=True, slots=True)
class Analysis:
    """One SELECT. ``sql`` is the statement without comments around it and semicolons after it.

    ``tables`` are lower-case keys (``name`` or ``project.name``) in order of appearance;
    ``parameters`` the names after ``$`` that the engine does not bind, ``built_in`` those it does.
    ``columns`` are those of the result, where the select list names every one of them.
    """

    sql: str
    code_hash: str
    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    built_in: tuple[str, ...]
    volatile: tuple[str, ...]
    columns: tuple[str, ...] | None = None


def analyse(
    text: str, path: str, first_line: int = 1, known: MutableMapping[str, duck.Found] | None = None
) -> Analysis:
    """Analyse a text that must hold exactly one SELECT; ``first_line`` is its line in ``path``.

    ``known`` is what was parsed before, by code hash; what is parsed now is added to it.
    Raises DefinitionError with file, line and column for anything else.
    """
    words = list(tokens(text, first_line))
    statement = _only_statement(words, path, first_line)
    sql = text[statement[0].start : statement[-1].end]
    names = _parameters(statement, path)
    code_hash = code_digest(statement)
    found = known.pop(code_hash, None) if known is not None else None
    if found is None:
        found = _parse(sql, statement, path)
    if known is not None:
        known[code_hash] = found
    return Analysis(
        sql=sql,
        code_hash=code_hash,
        tables=tuple(dict.fromkeys(_tables(found, statement, path))),
        parameters=tuple(name for name in names if name.lower() not in BUILT_IN),
        built_in=tuple(name.lower() for name in names if name.lower() in BUILT_IN),
        volatile=tuple(sorted({*_volatile(statement), *found.reasons})),
        columns=None if found.columns is None else tuple(found.columns),
    )


def place(text: str, table: str, path: str, first_line: int = 1) -> Where:
    """Where a table (or, with ``$`` before it, a parameter) is named first in a SQL text."""
    words = [word for word in tokens(text, first_line) if word.kind != "comment"]
    return _where(_find(words, table), path, first_line)


def _where(word: Token | None, path: str, line: int = 1) -> Where:
    return Where(path, word.line, word.column) if word else Where(path, line)


def _find(words: list[Token], table: str) -> Token | None:
    if table.startswith("$"):
        return next((word for word in words if word.text == table), None)
    *schema, name = table.lower().split(".")
    at_end: Token | None = None
    for at, word in enumerate(words):
        if word.name != name and word.text.strip("'").lower() != table.lower():
            continue
        before = words[at - 1].text.lower() if at else ""
        if schema and at >= 2 and before == "." and words[at - 2].name == schema[-1]:
            return words[at - 2]
        if not schema and before in ("from", "join", ",", "("):
            return word
        at_end = at_end or word
    return at_end


def _only_statement(words: list[Token], path: str, first_line: int) -> list[Token]:
    found = statements(words)
    refuse_unclosed(words, path)
    if not found:
        raise DefinitionError(
            "the file holds no SELECT",
            where=Where(path, first_line),
            hint="a SQL step is one SELECT; the tables it names are its inputs",
        )
    first = found[0][0]
    if first.text.lower() in OTHER_STATEMENTS:
        raise DefinitionError(
            f"a SQL step is one SELECT, and this statement begins with {first.text.upper()}",
            where=_where(first, path),
            hint="write the SELECT alone: Galley stores its result as the step's table",
        )
    if len(found) > 1:
        raise DefinitionError(
            f"a SQL step is one SELECT, and here are {len(found)} statements",
            where=_where(found[1][0], path),
            hint="put each into a file of its own, or use WITH",
        )
    for one, other in zip(found[0], found[0][1:], strict=False):
        if one.end == other.start and one.text + other.text in ("{{", "{%"):
            raise DefinitionError(
                "templates are not used in SQL",
                where=_where(one, path),
                hint="write a variable as a parameter: $name",
            )
    return found[0]


def refuse_unclosed(words: list[Token], path: str) -> None:
    """Raise DefinitionError for an open comment: it can only be the last word of a text."""
    last = words[-1] if words else None
    if last is None or last.kind != "comment" or not last.text.startswith("/*"):
        return
    if last.text.count("/*") > last.text.count("*/"):
        raise DefinitionError(
            "the comment that begins here is never closed", where=_where(last, path), hint="add */"
        )


def _parameters(statement: list[Token], path: str) -> tuple[str, ...]:
    for word in statement:
        numbered = word.kind == "parameter" and word.text[1:].isdigit()
        if numbered or (word.kind == "sign" and word.text == "?"):
            raise DefinitionError(
                f"the parameter {word.text} has no name",
                where=_where(word, path),
                hint="name the variable: $name",
            )
    return tuple(dict.fromkeys(word.text[1:] for word in statement if word.kind == "parameter"))


def _volatile(statement: list[Token]) -> Iterator[str]:
    sampled = repeatable = False
    for at, word in enumerate(statement):
        name = word.text.lower() if word.kind == "word" else ""
        if not name or (at and statement[at - 1].text == "."):
            continue
        called = at + 1 < len(statement) and statement[at + 1].text == "("
        if name in VOLATILE_WORDS or (called and name in VOLATILE_CALLS):
            yield f"{name}()" if called else name
        sampled = sampled or name == "tablesample"
        sampled = sampled or (name == "sample" and statement[at - 1].text.lower() == "using")
        repeatable = repeatable or name == "repeatable"
    if sampled and not repeatable:
        yield SAMPLED


def _tables(found: duck.Found, statement: list[Token], path: str) -> Iterator[str]:
    for name in found.functions:
        if name.lower() not in PURE_TABLE_FUNCTIONS:
            raise DefinitionError(
                f"{name.lower()}() reads from outside of the project",
                where=_where(_find(statement, name) or statement[0], path),
                hint="declare a load step (`galley add PATH` writes one) and read its table",
            )
    for parts in found.tables:
        where = _where(_find(statement, ".".join(parts[-2:])) or statement[0], path)
        if any(not part.replace("_", "a").isalnum() for part in parts):
            raise DefinitionError(
                f"'{'.'.join(parts)}' is not a table of a project",
                where=where,
                hint="a file is read by a load step (`galley add PATH` writes one)",
            )
        if len(parts) > 2:
            raise DefinitionError(
                f"'{'.'.join(parts)}' has too many parts",
                where=where,
                hint="a table is `name`, or `project.name` in another project",
            )
        yield ".".join(parts).lower()


def _parse(sql: str, statement: list[Token], path: str) -> duck.Found:
    from sqlglot import parse
    from sqlglot.errors import SqlglotError

    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        trees = [tree for tree in parse(sql, read="duckdb") if tree is not None]
    except (SqlglotError, RecursionError):
        trees = []
    finally:
        logger.setLevel(level)
    if len(trees) == 1 and (found := _walk(trees[0])) is not None:
        _refuse_writes(found, statement, path)
        return found
    try:
        return duck.find(sql)
    except duck.NotParsedError as error:
        line = statement[0].line + error.line - 1
        column = error.column + (statement[0].column - 1 if error.line == 1 else 0)
        raise DefinitionError(
            f"SQL that cannot be parsed: {error}", where=Where(path, line, column)
        ) from None


def _refuse_writes(found: duck.Found, statement: list[Token], path: str) -> None:
    if found.writes is None:
        return
    word = next((one for one in statement if one.text.upper() == found.writes), statement[0])
    raise DefinitionError(
        f"a SQL step only reads, and this one holds {found.writes}",
        where=_where(word, path),
        hint="write the SELECT alone: Galley stores its result as the step's table",
    )


def _walk(root: exp.Expr) -> duck.Found | None:
    """What a SQLGlot tree reads; ``None`` for a tree that is no query.

    A CTE hides a table of its name from what follows it, and from itself only when recursive.
    """
    from sqlglot import exp

    if not isinstance(root, exp.Query | exp.Values | exp.Pivot):
        return None
    found = duck.Found(columns=output_columns(root))
    stack: list[tuple[exp.Expr, frozenset[str]]] = [(root, frozenset())]
    while stack:
        node, hidden = stack.pop()
        if isinstance(node, exp.Command):
            return None
        if isinstance(node, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.Create):
            found.writes = node.key.upper()
        if isinstance(node, exp.Table):
            _note_table(node, hidden, found)
        if node.args.get("limit") is not None and node.args.get("order") is None:
            found.reasons.add(LIMITED)
        children = []
        if (clause := node.args.get("with_")) is not None:
            for cte in clause.expressions:
                name = cte.alias.lower()
                own = hidden | {name} if clause.args.get("recursive") else hidden
                children.append((cte, own))
                hidden = hidden | {name}
        for child in node.iter_expressions():
            if child is not clause:
                children.append((child, hidden))
        stack.extend(reversed(children))
    return found


def _note_table(node: exp.Table, hidden: frozenset[str], found: duck.Found) -> None:
    from sqlglot import exp

    if isinstance(node.this, exp.Func):
        named = isinstance(node.this, exp.Anonymous)
        found.functions.append(node.this.name if named else node.this.sql_name())
        return
    parts = tuple(part.name for part in node.parts)
    if len(parts) > 1 or parts[0].lower() not in hidden:
        found.tables.append(parts)
