"""Types, schema evolution and bounds, without a file."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.errors import SchemaChangeError, StepError
from galley.lake import schema, types
from galley.lake.datafiles import _next_text, _upper, decode_bound
from galley.lake.model import Span
from galley.lake.types import UNASSIGNED, Field, ListOf, MapOf, Struct
from galley.lake.windowing import WindowColumn, apply_transform

PRIMITIVES = st.sampled_from(["int", "long", "float", "double", "string", "decimal(9, 2)", "date"])


def _nested(inner: st.SearchStrategy[types.Type]) -> st.SearchStrategy[types.Type]:
    part = st.builds(Field, st.integers(1, 99), st.just("element"), inner)
    key = st.builds(Field, st.integers(1, 99), st.just("key"), PRIMITIVES)
    value = st.builds(Field, st.integers(1, 99), st.just("value"), inner)
    named = st.builds(Field, st.integers(1, 99), st.sampled_from("abc"), inner)
    struct = st.lists(named, min_size=1, max_size=3, unique_by=lambda one: one.name)
    return st.one_of(
        st.builds(ListOf, part), st.builds(MapOf, key, value), struct.map(tuple).map(Struct)
    )


TYPES = st.recursive(PRIMITIVES, _nested, max_leaves=5)


@given(TYPES)
def test_types_survive_json(type_):
    assert types.from_json(types.to_json(type_)) == type_


@given(TYPES)
def test_a_type_as_duckdb_names_it_is_read_back(type_):
    import duckdb

    back = types.from_duckdb(duckdb.type(types.to_duckdb(type_)), "c")
    assert types.text(back) == types.text(type_)


@pytest.mark.parametrize(
    ("old", "new", "wider"),
    [
        ("int", "long", "long"),
        ("long", "int", "long"),
        ("float", "double", "double"),
        ("decimal(5, 2)", "decimal(9, 2)", "decimal(9, 2)"),
        ("decimal(5, 2)", "decimal(9, 3)", None),
        ("long", "double", None),
        ("date", "timestamp", None),
    ],
)
def test_only_icebergs_promotions_widen(old, new, wider):
    assert types.widest(old, new) == wider


def new(name, type_="int"):
    return Field(UNASSIGNED, name, type_)


def test_a_replaced_table_takes_what_arrives():
    known = (Field(1, "a", "int"), Field(2, "b", "long"), Field(3, "c", "string"))
    merged = schema.merge(known, (new("B", "int"), new("A", "long")), incremental=False)
    assert merged == (new("B", "int"), Field(1, "A", "long"))


def test_an_incremental_table_keeps_its_columns():
    known = (Field(1, "a", "int"), Field(2, "b", "string"))
    merged = schema.merge(known, (new("c"), new("A", "long")), incremental=True)
    assert merged == (Field(1, "a", "long"), Field(2, "b", "string"), new("c"))
    with pytest.raises(SchemaChangeError):
        schema.merge(known, (new("b", "int"),), incremental=True)


def test_a_dropped_column_is_counted_and_its_return_asked_anew():
    before = (Field(1, "a", "int"), Field(2, "B", "int"))
    dropped = schema.dropped_after(before, before[:1], {})
    assert dropped == {"-1/b": 1}
    asked = []

    def ids(table, keys, least):
        asked.extend(keys)
        return tuple(range(least + 1, least + 1 + len(keys)))

    schema.assign((*before[:1], new("b")), "t", ids, dropped=dropped, at_least=2)
    assert [(key.name, key.incarnation) for key in asked] == [("b", 1)]


def test_two_evolutions_join_by_id():
    target = (Field(1, "a", "int"), Field(2, "b", "string"))
    source = (Field(1, "a", "long"), Field(3, "c", "date"))
    joined = schema.union(target, source, "t")
    assert joined == (Field(1, "a", "long"), Field(2, "b", "string"), Field(3, "c", "date"))
    with pytest.raises(SchemaChangeError, match="both sides"):
        schema.union(target, (Field(4, "B", "int"),), "t")


def test_names_of_struct_parts_are_checked_too():
    inside = Struct((new("x"), new("X")))
    with pytest.raises(StepError, match=r"'s\.x' and 's\.X'"):
        schema.check_names((new("s", inside),))


@given(st.text(min_size=17))
def test_the_upper_bound_of_a_text_is_above_it(text):
    raw = text.encode("utf-8", "ignore")
    upper = _upper("string", raw)
    if upper is not None:
        assert upper.decode() >= raw.decode()


def test_the_text_after_the_last_code_point():
    assert _next_text("a\U0010ffff") == b"b"
    assert _next_text("\U0010ffff") is None
    assert _next_text("\ud7ff") == "\ue000".encode()


def test_bounds_of_wide_decimals_are_exact():
    value = Decimal("12345678901234567890123456789012345.678")
    raw = int(value.scaleb(3, types_context())).to_bytes(16, "big", signed=True)
    assert decode_bound("decimal(38, 3)", raw) == value


def types_context():
    from decimal import Context

    return Context(prec=60)


@pytest.mark.parametrize(
    ("transform", "value", "expected"),
    [
        ("day", dt.date(1970, 1, 2), 1),
        ("day", dt.datetime(1969, 12, 31, 23, tzinfo=dt.UTC), -1),
        ("hour", dt.datetime(1970, 1, 2, 3, tzinfo=dt.UTC), 27),
        ("month", dt.date(1969, 12, 1), -1),
    ],
)
def test_icebergs_transforms(transform, value, expected):
    assert apply_transform(transform, value) == expected


def test_a_day_in_berlin_is_not_a_day_of_icebergs():
    field = Field(1, "t", "timestamptz")
    assert WindowColumn(field, "day", "Europe/Berlin").transform is None
    assert WindowColumn(field, "day").transform == "day"
    start, end = WindowColumn(field, "day", "Europe/Berlin").bounds(
        Span("2020-03-29", "2020-03-30")
    )
    assert (end - start) == dt.timedelta(hours=23)
