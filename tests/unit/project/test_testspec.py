"""Tests as they are written become one normal form."""

import pytest

from galley.errors import DefinitionError, Where
from galley.project.document import read_yaml
from galley.project.model import Json, Severity, TestSpec
from galley.project.problems import Problems
from galley.project.testspec import Home, read_tests
from galley.project.testtypes import CATALOGUE


class Parser:
    """Reads nothing: what SQL names is not what is asked here."""

    def query(self, sql: str, where: Where) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (("other",), ()) if "other" in sql else ((), ())

    def function(self, reference: str, where: Where) -> tuple[tuple[str, ...], str]:
        return ("table", "other"), "hash"


def read(text: str, windowed: bool = False) -> tuple[TestSpec, ...]:
    problems = Problems()
    home = Home("orders", ("orders",), windowed=windowed)
    found = read_tests(read_yaml(text, "a.yaml"), home, Parser(), problems)
    problems.stop()
    return found


def only(text: str) -> TestSpec:
    (found,) = read(text)
    return found


FORMS: list[tuple[str, str, str, dict[str, Json]]] = [
    ("not_null: id", "not_null", "not_null_id", {"columns": ["id"]}),
    ("unique: {column: id}", "unique", "unique_id", {"columns": ["id"]}),
    (
        "unique_combination: [a, b]",
        "unique_combination",
        "unique_combination_a_b",
        {"columns": ["a", "b"]},
    ),
    (
        "null_share: {column: a, max: 0.1}",
        "null_share",
        "null_share_a",
        {"column": "a", "max": 0.1},
    ),
    (
        "allowed_values: {column: a, values: [x, 1]}",
        "allowed",
        "allowed_a",
        {"column": "a", "values": ["x", 1]},
    ),
    (
        "range: {column: a, min: 1, warn: {max: 2}}",
        "range",
        "range_a",
        {"column": "a", "min": 1, "inclusive": "both", "warn": {"max": 2}},
    ),
    ("regex: {column: a, pattern: x+}", "regex", "regex_a", {"column": "a", "pattern": "x+"}),
    ("length: {column: a, max: 3}", "length", "length_a", {"column": "a", "max": 3}),
    ("row_count: 5", "row_count", "row_count", {"min": 5}),
    (
        "foreign_key: {column: a, to: other}",
        "foreign_key",
        "foreign_key_a",
        {"columns": ["a"], "to": {"table": "other", "columns": ["a"]}},
    ),
    (
        "freshness: {column: at, max_age: 2d}",
        "freshness",
        "freshness_at",
        {"column": "at", "max_age": 172800.0},
    ),
    ("expression: a > b", "expression", "expression", {"sql": "a > b"}),
    (
        "compare: {column: a, op: ==, other: b}",
        "compare",
        "compare_a",
        {"column": "a", "op": "=", "other": "b"},
    ),
    (
        "columns: [a, b]",
        "columns",
        "columns",
        {"names": ["a", "b"], "order": False, "extras": False},
    ),
    (
        "reconcile: {column: a, to: {table: Other}, tolerance: 1%}",
        "reconcile",
        "reconcile_a",
        {
            "expression": 'sum("a")',
            "to": {"table": "other", "expression": 'sum("a")'},
            "tolerance": 0.01,
            "relative": True,
        },
    ),
    ("sql: SELECT * FROM other", "sql", "sql", {"query": "SELECT * FROM other"}),
    (
        "python: tests/checks.py:check",
        "python",
        "python",
        {"function": "tests/checks.py:check"},
    ),
]


@pytest.mark.parametrize(("text", "kind", "name", "params"), FORMS)
def test_every_type_has_a_normal_form(
    text: str, kind: str, name: str, params: dict[str, Json]
) -> None:
    found = only(f"- {text}")
    assert (found.type, found.params) == (kind, params)
    assert found.name.startswith(name)
    assert found.hash
    assert found.dimension
    assert found.blocking


def test_every_type_was_tried() -> None:
    assert {kind for _, kind, _, _ in FORMS} == set(CATALOGUE)


def test_options_stand_inside() -> None:
    found = only(
        "- range: {column: a, max: 1, severity: warn, where: b > 1, owner: ana, tags: x, name: cap}"
    )
    assert (found.name, found.severity, found.blocking) == ("cap", Severity.WARN, False)
    assert (found.where, found.owner, found.tags) == ("b > 1", "ana", ("x",))


def test_the_hash_is_of_what_decides() -> None:
    base = only("- range: {column: a, max: 1}")
    assert only("- range: {column: a, max: 1, severity: warn, owner: x}").hash == base.hash
    assert only("- range: {column: a, max: 2}").hash != base.hash
    assert only("- range: {column: a, max: 1, where: b}").hash != base.hash


def test_names_within_a_table_differ() -> None:
    found = read("- range: {column: a, max: 1}\n- range: {column: a, max: 2, severity: warn}")
    assert [one.name for one in found] == ["range_a", "range_a_2"]
    found = read("- unique: {columns: [a, b], name: key}")
    assert [one.name for one in found] == ["key_a", "key_b"]


def test_a_windowed_table_is_tested_by_window() -> None:
    (by_window, whole) = read("- unique: a\n- unique: {column: a, scope: table}", windowed=True)
    assert (by_window.scope, whole.scope) == ("window", "table")
    assert by_window.hash != whole.hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- unique", "a test is a mapping"),
        ("- unique: a\n  severity: warn", "'severity' stands beside the test 'unique'"),
        ("- range: {column: a}", "needs 'min', 'max' or both"),
        ("- range: {column: a, min: 2, max: 1}", "no value can pass"),
        ("- range: {column: a, min: true}", "a bound is a number"),
        ("- range: 5", "the test 'range' needs parameters"),
        ("- unique: []", "at least 1"),
        ("- unique: {column: a, severity: fatal}", "'fatal' is not one of fail, warn"),
        ("- unique: {column: a, severity: warn, blocking: true}", "a warning never blocks"),
        ("- unique: {column: a, scope: run}", "'run' is no scope"),
        ("- freshness: {column: a, max_age: soon}", "is no duration"),
        ("- null_share: {column: a, max: 5}", "less than or equal to 1"),
        ("- foreign_key: {columns: [a, b], to: {table: t, column: a}}", "cannot point to"),
        ("- reconcile: {to: {table: t}}", "either 'column'"),
        ("- python: checks.check", "match pattern"),
        ("- unique: {column: a, name: no name}", "'no name' cannot be the name of a test"),
        ("unique: a", "tests are a list"),
        ("- {}", "a test is a mapping"),
        ("- unique: ", "needs parameters"),
    ],
)
def test_what_is_refused_has_a_place(text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        read(text)
    assert "a.yaml:1:" in str(caught.value) or "a.yaml:2:" in str(caught.value)
