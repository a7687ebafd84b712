"""Manifests and their lists, as pyiceberg's reader and its own writer see them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.manifest import (
    MANIFEST_LIST_FILE_SCHEMAS,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    construct_partition_summaries,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
    read_manifest_list,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

from galley.lake import avro, manifests
from galley.lake.datafiles import DataFile
from galley.lake.files import LocalFiles
from galley.lake.iceberg_io import file_io
from galley.lake.manifests import Snapshot
from galley.lake.warehouse import Warehouse

INT = st.integers(-(2**31), 2**31 - 1)
LONG = st.integers(-(2**63), 2**63 - 1)
COUNT = st.integers(0, 2**63 - 1)
IDS = st.integers(1, 2**31 - 1)
COLUMNS = {"int": INT, "long": LONG, "string": st.text(), "boolean": st.booleans(), "date": INT}
PARTITIONS = {
    **{("identity", type_): values for type_, values in COLUMNS.items()},
    ("hour", "timestamp"): INT,
    ("day", "timestamptz"): INT,
    ("day", "date"): INT,
    ("month", "date"): INT,
}
NAMES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8)
FILES = LocalFiles()
SNAPSHOT = Snapshot(id=2**59 + 7, parent=None, sequence=3)


def of(column: str, type_: str, transform: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON of a schema with one column, and of a spec that cuts by it."""
    field = {"id": 1, "name": column, "required": False, "type": type_}
    part = {"source-id": 1, "field-id": 1000, "transform": transform, "name": column}
    schema = {"type": "struct", "schema-id": 0, "fields": [field]}
    return schema, {"spec-id": 4, "fields": [part] if transform else []}


def files(values: st.SearchStrategy[Any] | None) -> st.SearchStrategy[list[DataFile]]:
    """Data files with all that footers say."""
    counts = st.dictionaries(IDS, COUNT, max_size=4)
    bounds = st.dictionaries(IDS, st.binary(max_size=20), max_size=4)
    file = st.builds(
        DataFile,
        path=st.text(min_size=1),
        rows=st.integers(0, 2**40),
        size=COUNT,
        sizes=counts,
        counts=counts,
        nulls=counts,
        nans=counts,
        lower=bounds,
        upper=bounds,
        splits=st.lists(COUNT, max_size=3).map(tuple),
        partition=st.tuples(st.none() | values) if values is not None else st.just(()),
    )
    return st.lists(file, min_size=1, max_size=3)


def read(row: dict[str, Any], folder: Path) -> tuple[ManifestFile, list[ManifestEntry]]:
    """The manifest and its entries by way of a list."""
    manifests.write_list(FILES, str(folder / "list.avro"), SNAPSHOT, [row])
    io = file_io(Warehouse(str(folder)))
    (found,) = read_manifest_list(io.new_input(str(folder / "list.avro")))
    return found, found.fetch_manifest_entry(io, discard_deleted=False)


def shown(entry: ManifestEntry) -> tuple[Any, ...]:
    """What a read entry says of a new file, in the order of ``DataFile``."""
    one = entry.data_file
    return (
        one.file_path,
        one.record_count,
        one.file_size_in_bytes,
        one.column_sizes,
        one.value_counts,
        one.null_value_counts,
        one.nan_value_counts,
        one.lower_bounds,
        one.upper_bounds,
        tuple(one.split_offsets or ()),
        tuple(one.partition[index] for index in range(len(one.partition))),
    )


def said(file: DataFile) -> tuple[Any, ...]:
    return tuple(getattr(file, name) for name in file.__slots__)


@pytest.mark.parametrize("cut", [None, *PARTITIONS], ids=str)
@settings(max_examples=30)
@given(data=st.data())
def test_pyiceberg_reads_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, cut: tuple[str, str] | None, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("m")
    schema, spec = of(data.draw(NAMES), cut[1] if cut else "long", cut[0] if cut else None)
    some = data.draw(files(PARTITIONS[cut] if cut else None))
    entries = [manifests.added(file, SNAPSHOT.id) for file in some]
    row = manifests.write_manifest(FILES, str(folder / "m.avro"), SNAPSHOT, schema, spec, entries)
    manifest, found = read(row, folder)
    assert [shown(one) for one in found] == [said(file) for file in some]
    assert {one.status for one in found} == {ManifestEntryStatus.ADDED}
    assert {(one.snapshot_id, one.sequence_number) for one in found} == {(SNAPSHOT.id, 3)}
    assert manifest.manifest_length == (folder / "m.avro").stat().st_size
    assert (manifest.added_files_count, manifest.partition_spec_id) == (len(some), 4)
    assert manifest.added_rows_count == sum(file.rows for file in some)
    records = [Record(*file.partition) for file in some]
    iceberg = PartitionSpec.model_validate(spec), Schema.model_validate(schema)
    assert manifest.partitions == construct_partition_summaries(*iceberg, records)
    assert manifests.listed(manifest) == {**row, "key_metadata": None}


@given(data=st.data(), gone=st.booleans())
def test_entries_are_carried_on_unchanged(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, gone: bool
) -> None:
    folder = tmp_path_factory.mktemp("m")
    schema, spec = of("day", "date", "day")
    first = [manifests.added(file, 11) for file in data.draw(files(INT))]
    before = Snapshot(id=11, parent=None, sequence=2)
    path = str(folder / "m.avro")
    _, old = read(manifests.write_manifest(FILES, path, before, schema, spec, first), folder)
    kept = [manifests.deleted(e, 12) if gone else manifests.existing(e) for e in old]
    row = manifests.write_manifest(FILES, str(folder / "n.avro"), SNAPSHOT, schema, spec, kept)
    manifest, new = read(row, folder)
    assert [shown(one) for one in new] == [shown(one) for one in old]
    status = ManifestEntryStatus.DELETED if gone else ManifestEntryStatus.EXISTING
    assert {(one.status, one.snapshot_id) for one in new} == {(status, 12 if gone else 11)}
    assert {(one.sequence_number, one.file_sequence_number) for one in new} == {(2, 2)}
    assert manifest.min_sequence_number == (3 if gone else 2)


def without_docs(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: without_docs(value) for key, value in schema.items() if key != "doc"}
    return [without_docs(one) for one in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("name", ["day", "1st", "my column", "größe", "a-b"])
@pytest.mark.parametrize("cut", PARTITIONS, ids=str)
def test_the_avro_schemas_are_those_of_pyiceberg(cut: tuple[str, str], name: str) -> None:
    schema, spec = of(name, cut[1], cut[0])
    type_ = PartitionSpec.model_validate(spec).partition_type(Schema.model_validate(schema))
    theirs = manifest_entry_schema_with_data_file(
        format_version=2, data_file=data_file_with_partition(format_version=2, partition_type=type_)
    )
    entry = AvroSchemaConversion().iceberg_to_avro(theirs, "manifest_entry")
    mine = manifests._partition(json.dumps(schema), json.dumps(spec["fields"])).schema
    assert mine == without_docs(entry)
    listed = AvroSchemaConversion().iceberg_to_avro(MANIFEST_LIST_FILE_SCHEMAS[2], "manifest_file")
    assert without_docs(listed) == manifests._LIST


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("long", 0, "00"),
        ("long", -1, "01"),
        ("long", 64, "8001"),
        ("long", -(2**63), "ffffffffffffffffff01"),
        ("string", "foo", "06666f6f"),
        (["null", "boolean"], True, "0201"),
        (["null", "boolean"], None, "00"),
        ("double", 1.0, "000000000000f03f"),
        ({"type": "array", "items": "long"}, [3, 27], "04063600"),
    ],
)
def test_values_stand_as_the_specification_says(
    type_: avro.Schema, value: Any, expected: str
) -> None:
    out = bytearray()
    avro.encoder(type_)(out, value)
    assert out.hex() == expected
