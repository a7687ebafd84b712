"""The columns of a SELECT's result, where its select list names every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_SPREADING = frozenset({"columns", "unnest"})
"""Functions whose result may be several columns, whatever alias they are given."""


def output_columns(root: exp.Expr) -> list[str] | None:
    """The names in order; ``None`` where a star, a pivot or an unnamed expression hides them."""
    from sqlglot import exp

    if isinstance(root, exp.Subquery):
        return None if root.args.get("pivots") else output_columns(root.this)
    if isinstance(root, exp.SetOperation):
        return None if root.args.get("by_name") else output_columns(root.left)
    if not isinstance(root, exp.Select):
        return None
    names = [_name(one) for one in root.selects]
    return [name for name in names if name is not None] if names and None not in names else None


def _name(item: exp.Expr) -> str | None:
    """The name of one item; DuckDB makes a name up for what has none."""
    from sqlglot import exp

    if not isinstance(item, exp.Alias | exp.Column):
        return None
    # What stands in a query inside of it is that query's own.
    parts = item.walk(prune=lambda node: isinstance(node, exp.Query))
    if any(map(_spreads, parts)):
        return None
    return item.alias_or_name or None


def _spreads(node: exp.Expr) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.Star):
        return not isinstance(node.parent, exp.Count)
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _SPREADING
    return isinstance(node, exp.Columns | exp.Explode | exp.Unnest)
