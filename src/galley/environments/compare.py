"""What differs between two runs: code, libraries, variables, inputs, steps, tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from galley.environments.home import Home
from galley.environments.inspect import Facts
from galley.environments.inspect_runs import list_facts, run_details
from galley.environments.launch import kept_code
from galley.project.model import Manifest
from galley.runs.model import Run


def compare_facts(connection: Connection, home: Home, a: Run, b: Run) -> Facts:
    """Two runs side by side; lists hold what differs, ``steps`` all."""
    now = home.clock()
    first, second = (run_details(connection, home, run) for run in (a, b))
    codes = tuple(kept_code(connection, run.definition)[0] for run in (a, b))
    rows = list_facts(connection, [a, b], now)
    return {
        "a": rows[0],
        "b": rows[1],
        "same_code": a.definition == b.definition,
        "code": _differing(*map(_code, codes)),
        "packages": _differing(*(manifest.packages for manifest in codes)),
        "variables": _differing(_variables(first), _variables(second)),
        "inputs": _differing(_inputs(first), _inputs(second)),
        "windows": _differing({"windows": first["windows"]}, {"windows": second["windows"]}),
        "steps": _paired(first["steps"], second["steps"], lambda one: one["name"], _step),
        "tests": _paired(
            first["tests"], second["tests"], lambda one: f"{one['table']}.{one['name']}", _test
        ),
    }


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Facts]:
    return [
        {"name": name, "a": a.get(name), "b": b.get(name)}
        for name in sorted(a.keys() | b.keys())
        if a.get(name) != b.get(name)
    ]


def _paired(
    a: list[Facts], b: list[Facts], key: Callable[[Facts], str], shown: Callable[[Facts], Facts]
) -> list[Facts]:
    left, right = ({key(one): shown(one) for one in some} for some in (a, b))
    names = dict.fromkeys([*left, *right])
    return [{"name": name, "a": left.get(name), "b": right.get(name)} for name in names]


def _code(manifest: Manifest) -> dict[str, str]:
    return {name: step.code_hash for name, step in manifest.steps.items()}


def _variables(run: Facts) -> dict[str, Any]:
    return {f"{one['pipeline']}.{one['name']}": one["value"] for one in run["variables"]}


def _inputs(run: Facts) -> dict[str, Any]:
    """The contents that tables were made from."""
    return {table: id for one in run["tables"] for table, id in one["inputs"].items()}


def _step(one: Facts) -> Facts:
    return {name: one[name] for name in ("state", "reason", "rows", "bytes", "seconds", "why")}


def _test(one: Facts) -> Facts:
    return {name: one[name] for name in ("verdict", "blocks", "value", "message")}
