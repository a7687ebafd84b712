"""Which value a variable has, and who set it."""

from dataclasses import replace

import pytest

from galley.errors import VariableError
from galley.project.model import Environment, Json, Manifest, Pipeline
from galley.project.variables import bind, convert

MANIFEST = Manifest(
    project="shop",
    hash="",
    steps={},
    pipelines={"daily": Pipeline("daily", (), variables={"b": 2, "c": 2})},
    spanning=(),
    variables={"a": 1, "b": 1, "c": 1, "d": 1, "e": 1},
    environments={"staging": Environment("staging", {"c": 3, "d": 3, "e": 3})},
    connections={},
    secrets={},
    reads=(),
    files={},
    toolchain="",
)


def test_the_nearest_layer_wins() -> None:
    bound = bind(MANIFEST, "daily", "staging", {"e": "5"}, {"d": 4, "e": 4})
    assert {name: (one.value, one.origin) for name, one in bound.items()} == {
        "a": (1, "project"),
        "b": (2, "pipeline daily"),
        "c": (3, "environment staging"),
        "d": (4, "kitchen"),
        "e": (5, "flag"),
    }


@pytest.mark.parametrize(
    ("text", "before", "value"),
    [
        ("5", 1, 5),
        ("5.5", 1, 5.5),
        ("5", 1.0, 5.0),
        ("yes", False, True),
        ("0", True, False),
        ("5", "x", "5"),
        ("[1, 2]", [3], [1, 2]),
        ("1, 2", [3], [1, 2]),
        ("a,b", ["x"], ["a", "b"]),
        ("7", [3], [7]),
        ("x", None, "x"),
    ],
)
def test_a_flag_becomes_the_type_of_the_value(text: str, before: Json, value: Json) -> None:
    found = convert("v", text, before)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("text", "before"), [("x", 1), ("2", False), ("x", 1.5), (True, 1)])
def test_a_value_of_another_type_is_refused(text: Json, before: Json) -> None:
    with pytest.raises(VariableError, match="the variable 'v' is"):
        convert("v", text, before)


def test_an_unknown_name_is_refused() -> None:
    manifest = replace(MANIFEST, variables={"threshold": 1})
    with pytest.raises(VariableError, match="did you mean 'threshold'"):
        bind(manifest, "daily", None, {"treshold": "5"})
    with pytest.raises(VariableError, match="no pipeline 'dayly'"):
        bind(manifest, "dayly", None, {})
