"""The words of a SQL text, with their places: enough to find comments, parameters and the end.

What a statement means is left to a parser; this reads what every parser agrees on, and so its
results (a step's code hash among them) do not change with a parser's version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from galley.ids import digest

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<text>[eE]?'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<parameter>\$\w+)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_ESCAPED = re.compile(r"[eE]'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_DOLLAR = re.compile(r"\$([A-Za-z_]\w*)?\$")


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (``comment``, ``text``, ``parameter``, ``word``, ``number``, ``sign``)."""

    kind: str
    text: str
    start: int
    line: int
    column: int

    @property
    def end(self) -> int:
        """The offset just after it."""
        return self.start + len(self.text)

    @property
    def name(self) -> str:
        """A word or a quoted name as a lower-case key."""
        if self.kind == "text" and self.text.startswith('"'):
            return self.text[1:-1].replace('""', '"').lower()
        return self.text.lower() if self.kind == "word" else ""


def tokens(sql: str, first_line: int = 1) -> Iterator[Token]:
    """The words and comments of ``sql``; an unclosed text or comment runs to the end."""
    at, line, line_start = 0, first_line, 0
    while at < len(sql):
        kind, end = _next(sql, at)
        text = sql[at:end]
        if kind != "space":
            yield Token(kind, text, at, line, at - line_start + 1)
        if breaks := text.count("\n"):
            line += breaks
            line_start = at + text.rindex("\n") + 1
        at = end


def _next(sql: str, at: int) -> tuple[str, int]:
    if sql[at] in "eE" and (escaped := _ESCAPED.match(sql, at)):
        return "text", escaped.end()
    if sql[at] == "$" and (dollar := _DOLLAR.match(sql, at)):
        close = sql.find(dollar[0], dollar.end())
        return "text", len(sql) if close < 0 else close + len(dollar[0])
    match = _TOKEN.match(sql, at)
    if match is None:
        return "sign", at + 1
    kind = match.lastgroup or "sign"
    if kind == "block":
        return "comment", _block_end(sql, match.end())
    return ("comment" if kind == "line" else kind), match.end()


def _block_end(sql: str, at: int) -> int:
    """Where a block comment ends; block comments nest, as in PostgreSQL and DuckDB."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(sql, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


def statements(words: list[Token]) -> list[list[Token]]:
    """The words of each statement, without comments and semicolons."""
    found: list[list[Token]] = [[]]
    for word in words:
        if word.kind == "sign" and word.text == ";":
            found.append([])
        elif word.kind != "comment":
            found[-1].append(word)
    return [one for one in found if one]


def code_digest(words: list[Token]) -> str:
    """The identity of a statement: comments and layout do not count."""
    return digest(*(word.text for word in words))
