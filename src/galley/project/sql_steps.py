"""SQL steps: one SELECT in a file, with its options in a comment that starts with ``@galley``."""

from __future__ import annotations

from galley.errors import DefinitionError, Where
from galley.project.analysis import Analyses
from galley.project.document import Document, mapping, read_yaml
from galley.project.drafts import (
    Draft,
    Origin,
    Setting,
    check_columns,
    draft_step,
    draft_tests,
    stem,
)
from galley.project.model import Source, StepKind
from galley.project.shapes import StepShape, read
from galley.project.sql_analysis import place, refuse_unclosed
from galley.project.sqltext import Token, tokens

MARK = "@galley"


def read_sql_step(path: str, analyses: Analyses, setting: Setting) -> Draft:
    """The step of one ``.sql`` file; raises DefinitionError or DefinitionErrors."""
    text = analyses.files.text(path)
    document = header(text, path)
    shape = read(StepShape, document, "a SQL step")
    found = analyses.select(text, path)
    line = text[: text.index(found.sql)].count("\n") + 1
    where = Where(path, line)
    if not shape.window and set(found.built_in) - {"now"}:
        name = next(one for one in found.built_in if one != "now")
        raise DefinitionError(
            f"${name} is a bound of the window, and the step has none",
            where=place(text, f"${name}", path),
            hint="leave the filter out: of what the SELECT yields, only rows beyond the table's "
            "greatest cursor are added"
            if shape.cursor
            else "add `materialize: window` and `window: {column: …, by: day}`",
        )
    if shape.window and not {"start", "end"} <= set(found.built_in):
        setting.problems.warn(
            "the step has a window but does not filter by $start and $end: every window reads "
            "everything",
            where,
        )
    check_columns(shape, document, found.columns, setting.problems)
    origin = Origin(StepKind.SQL, stem(path), Source(path, line), where)
    step = draft_step(
        shape,
        document,
        origin,
        setting,
        inputs=found.tables,
        code_hash=found.code_hash,
        variables=found.parameters,
        wants=found.built_in,
        volatile=() if shape.stable else found.volatile,
        sql=found.sql,
        sql_line=line,
    )
    return Draft(
        step,
        where,
        lambda name: place(text, name, path),
        tests=draft_tests(step, document, setting),
        columns=found.columns,
    )


def header(text: str, path: str) -> Document:
    """The options of a SQL file, empty without a header; raises DefinitionError."""
    words = list(tokens(text))
    refuse_unclosed(words, path)
    first = next((word for word in words if word.kind != "comment"), None)
    marked = [word for word in words if word.kind == "comment" and _body(word).startswith(MARK)]
    if not marked:
        return Document(path, {}, {(): (1, 1)})
    if first is not None and marked[0].start > first.start:
        raise DefinitionError(
            f"the {MARK} comment stands after the beginning of the SELECT",
            where=Where(path, marked[0].line, marked[0].column),
            hint="move it to the top of the file",
        )
    if len(marked) > 1:
        raise DefinitionError(
            f"a second {MARK} comment (the first is on line {marked[0].line})",
            where=Where(path, marked[1].line, marked[1].column),
            hint="keep all options in one comment",
        )
    body = _yaml(marked[0], words)
    document = read_yaml(body, path, lines_before=marked[0].line - 1)
    return mapping(document, f"the {MARK} comment")


def _body(word: Token) -> str:
    return word.text.lstrip("/*-").lstrip()


def _yaml(word: Token, words: list[Token]) -> str:
    """The comment's YAML with every line where it was; dashes of line comments become spaces."""
    if word.text.startswith("--"):
        lines = [word.text]
        following = (one for one in words if one.start > word.start)
        for at, one in enumerate(following, 1):
            if not one.text.startswith("--") or one.line != word.line + at:
                break
            lines.append("  " + one.text[2:])
        lines[0] = lines[0].partition(MARK)[2]
        return "\n".join(lines)
    before, _, rest = word.text.removesuffix("*/").partition(MARK)
    return "\n" * before.count("\n") + rest.lstrip(" ")
