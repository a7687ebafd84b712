"""Making tables at home in another folder than the one that they were written to.

Iceberg's metadata, manifest lists and manifests hold absolute paths. Each file is written again
with the new ones, under its own name; the lists are told how long the manifests are now. What a
version is (its content id) hangs on relative paths only and stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from galley.lake import avro
from galley.lake.avro_reading import Container, read_container
from galley.lake.footprints import METADATA
from galley.lake.metadata import decoding

_LISTS = "manifest_file"
"""What a record of a manifest list is called (Iceberg specification, "Manifest lists")."""


def relocate(folder: Path, paths: Iterable[str], old: str, new: str) -> None:
    """Turn paths below ``old`` into such below ``new``, in those files of ``folder`` that hold any.

    The files may not be there yet where ``new`` says, but must be in ``folder``; they are not
    durable afterwards.

    Raises:
        StorageError: one cannot be read.
    """
    change = _Change(old, new)
    named = [folder / path for path in paths]
    lists: list[tuple[Path, Container]] = []
    lengths: dict[str, int] = {}
    for path in (one for one in named if one.suffix == ".avro"):
        with decoding(str(path)):
            found = read_container(path.read_bytes())
        if isinstance(found.schema, dict) and found.schema["name"] == _LISTS:
            lists.append((path, found))
        else:
            place = f"{new}/{path.relative_to(folder).as_posix()}"
            lengths[place] = _write(path, change.manifest(found))
    for path, found in lists:
        _write(path, change.list(found, lengths))
    for path in (one for one in named if one.name.endswith(METADATA)):
        with decoding(str(path)):
            whole = change.anything(json.loads(path.read_bytes()))
        path.write_bytes(json.dumps(whole, separators=(",", ":")).encode())


class _Change:
    """From one folder to another."""

    def __init__(self, old: str, new: str) -> None:
        self._starts = (f"file://{old}/", f"{old}/")
        self._new = f"{new}/"

    def path(self, path: str) -> str:
        """One path; any other text stays as it is."""
        for start in self._starts:
            if path.startswith(start):
                return self._new + path[len(start) :]
        return path

    def anything(self, value: Any) -> Any:
        """Every path in a JSON value."""
        if isinstance(value, str):
            return self.path(value)
        if isinstance(value, list):
            return [self.anything(one) for one in value]
        if isinstance(value, dict):
            return {key: self.anything(one) for key, one in value.items()}
        return value

    def manifest(self, found: Container) -> Container:
        """The files that a manifest names."""
        records = [
            {**one, "data_file": self._moved(one["data_file"], "file_path")}
            for one in found.records
        ]
        return replace(found, records=records)

    def list(self, found: Container, lengths: dict[str, int]) -> Container:
        """The manifests of a list; those that were written again may be longer or shorter."""
        records = [self._moved(one, "manifest_path") for one in found.records]
        for one in records:
            one["manifest_length"] = lengths.get(one["manifest_path"], one["manifest_length"])
        return replace(found, records=records)

    def _moved(self, record: dict[str, Any], key: str) -> dict[str, Any]:
        return {**record, key: self.path(record[key])}


def _write(path: Path, found: Container) -> int:
    encode = avro.encoder(found.schema)
    whole = avro.container(found.schema, encode, found.metadata, found.records, found.mark)
    path.write_bytes(whole)
    return len(whole)
