"""Which files a version needs: its metadata file and everything that this names.

Other engines may read any snapshot that a metadata file lists, so the files of all of them count,
also where the version itself no longer shows their rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from galley.errors import StorageError
from galley.lake.iceberg_io import file_io
from galley.lake.metadata import decoding, read_metadata
from galley.lake.warehouse import Warehouse, storage_errors

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile

METADATA = ".metadata.json"


def footprint(warehouse: Warehouse, location: str) -> frozenset[str]:
    """The relative paths of all files of the version at ``location``.

    Raises StorageError where one that has to be read is gone or damaged.
    """
    if not location.endswith(METADATA):
        return frozenset((location,))
    with storage_errors(f"reading {location}", kept=""):
        raw = read_metadata(warehouse, location).raw
        with decoding(location):
            lists = [snapshot["manifest-list"] for snapshot in raw["snapshots"]]
        named = frozenset(lists).union(*(_listed(warehouse, path) for path in lists))
    outside = next((path for path in named if warehouse.relative(path) == path), None)
    if outside is not None:
        raise StorageError(
            f"{location} needs {outside}, outside of this warehouse: the home was moved or copied",
            hint="bring it back to the folder that it was made in",
        )
    return frozenset((location, *map(warehouse.relative, named)))


@lru_cache(maxsize=4096)
def _listed(warehouse: Warehouse, path: str) -> frozenset[str]:
    """The manifests of a manifest list, and the files that these name."""
    from pyiceberg.manifest import read_manifest_list

    with decoding(path):
        every = list(read_manifest_list(file_io(warehouse).new_input(path)))
    paths = frozenset(manifest.manifest_path for manifest in every)
    return paths.union(*(_named(warehouse, manifest) for manifest in every))


@lru_cache(maxsize=16384)
def _named(warehouse: Warehouse, manifest: ManifestFile) -> frozenset[str]:
    """The files that a manifest names; manifests never change and are equal by path."""
    with decoding(manifest.manifest_path):
        entries = manifest.fetch_manifest_entry(file_io(warehouse))
        return frozenset(entry.data_file.file_path for entry in entries)
