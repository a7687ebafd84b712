"""A stored write, committed again on a newer version."""

import pytest

from galley.errors import MergeConflictError, SchemaChangeError
from galley.lake.replay import replay


def again(kitchen, target, source, base):
    return replay(
        kitchen.warehouse,
        project="flights",
        target=target,
        source=source,
        source_base=base,
        windows=(),
        attempt="again",
        field_ids=kitchen.counter,
    )


def test_appends_on_both_sides_join(kitchen, version_of):
    base = version_of(kitchen.write("SELECT 1 AS a"))
    target = version_of(kitchen.write("SELECT 2::BIGINT AS a", base, "append"))
    middle = version_of(kitchen.write("SELECT 3 AS a", base, "append"))
    source = version_of(kitchen.write("SELECT 4 AS a, 'n' AS new", middle, "append"))
    change = again(kitchen, target, source, base)
    version = version_of(change)
    assert (change.expected, change.guarded) == (target.content_id, True)
    assert kitchen.read(version) == [(1, None), (2, None), (3, None), (4, "n")]
    assert len(kitchen.iceberg(version)) == version.rows == 4
    assert [column["type"] for column in version.schema] == ["long", "string"]
    following = version_of(kitchen.write("SELECT 5 AS a", version, "append"))
    assert len(kitchen.read(following)) == 5


def test_a_replaced_source_is_a_conflict(kitchen, version_of):
    base = version_of(kitchen.write("SELECT 1 AS a"))
    target = version_of(kitchen.write("SELECT 2 AS a", base, "append"))
    source = version_of(kitchen.write("SELECT 3 AS a", base))
    with pytest.raises(MergeConflictError, match="written as a replace"):
        again(kitchen, target, source, base)
    later = version_of(kitchen.write("SELECT 4 AS a", source, "append"))
    with pytest.raises(MergeConflictError, match="was rewritten"):
        again(kitchen, target, later, base)


def test_columns_made_apart_are_a_conflict(kitchen, version_of):
    base = version_of(kitchen.write("SELECT 1 AS a"))
    target = version_of(kitchen.write("SELECT 2 AS a, 'x' AS b", base, "append"))
    source = version_of(kitchen.write("SELECT 3 AS a, 1 AS b", base, "append"))
    with pytest.raises(SchemaChangeError, match="made anew on both sides"):
        again(kitchen, target, source, base)
