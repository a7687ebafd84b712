"""YAML with places: what is read, how, and what is refused."""

import ast
import time
from typing import Any

import pytest

from galley.errors import DefinitionError
from galley.project.document import read_literal, read_yaml


def value(text: str) -> Any:
    return read_yaml(text, "a.yaml").value


def test_words_are_words_and_dates_are_texts() -> None:
    text = "{on: yes, a: 2024-01-01, b: 007, c: 1_000, d: 1.5, e: true, f: ~, g: '5', h: !!str 5}"
    assert value(text) == {
        "on": "yes",
        "a": "2024-01-01",
        "b": "007",
        "c": 1000,
        "d": 1.5,
        "e": True,
        "f": None,
        "g": "5",
        "h": "5",
    }
    assert value("12:30") == "12:30"


def test_every_part_knows_its_place() -> None:
    document = read_yaml("a:\n  - b: 1\n  - c\n", "a.yaml", lines_before=10)
    assert str(document.where("a", 0, "b")) == "a.yaml:12:5"
    assert str(document.where("a", 1)) == "a.yaml:13:5"
    assert str(document.where("a", 0, "b", "missing")) == "a.yaml:12:5"
    assert str(document.part("a", 0).where("b")) == "a.yaml:12:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"a.yaml:3:1: the key 'a' stands here and on line 1"),
        ("a: !thing 1", r"a.yaml:1:4: the tag !thing is not supported"),
        ("a: .inf", r"no usable number"),
        ("a: 1e999", r"too large a number"),
        ("base: &x {a: 1}\nb:\n  <<: *x", r"a.yaml:3:3: merge keys"),
        ("a: &x [*x]", r"too large once its aliases are followed"),
        ("? [a]\n: 1", r"a key must be a plain word"),
        ("a: b: c", r"a.yaml:1:5: invalid YAML: mapping values are not allowed"),
        ("a: @b", r"a.yaml:1:4: invalid YAML"),
        ("\tb: 1", r"a.yaml:1:1: invalid YAML"),
        ("a: 1\n---\nb: 2", r"a.yaml:2:1: invalid YAML"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        value(text)


def test_aliases_cannot_blow_a_document_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.monotonic()
    with pytest.raises(DefinitionError, match="too large"):
        value("\n".join(lines))
    assert time.monotonic() - started < 5


def test_a_python_literal_is_a_document_too() -> None:
    node = ast.parse("[{'a': -1, 'b': (1, 2)},\n 24 * 3600]", mode="eval").body
    document = read_literal(node, "a.py")
    assert document.value == [{"a": -1, "b": [1, 2]}, 86400]
    assert str(document.where(0, "b")) == "a.py:1:12"
    assert str(document.where(1)) == "a.py:2:2"


@pytest.mark.parametrize(
    "text", ["f()", "f'{x}'", "[x]", "{**a}", "{'a': 1, 'a': 2}", "b'x'", "2 ** 99"]
)
def test_what_is_no_literal_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        read_literal(ast.parse(text, mode="eval").body, "a.py")
