"""Whether the files that a version is made of are in the warehouse, as whole as when written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from galley.errors import StorageError
from galley.lake import metadata
from galley.lake.model import Format, Version
from galley.lake.warehouse import Warehouse

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile


Size = Callable[[str], int]
"""The bytes of a file; raises ``FileNotFoundError``."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of a version that is gone, cut off or unreadable; ``path`` is in the warehouse."""

    version: Version
    what: str
    path: str
    problem: str

    def __str__(self) -> str:
        version = f"version {self.version.content_id[:8]}"
        return f"table {self.version.table} ({version}): the {self.what} {self.path} {self.problem}"


def damage_of(
    warehouse: Warehouse, version: Version, looked_at: set[str], size: Size | None = None
) -> Iterator[Damage]:
    """What is wrong with a version's files: metadata, manifests and data, by existence and size.

    ``looked_at`` are the absolute paths that were looked at before, and grows: versions share
    files, and each is looked at once. No data file is opened. ``size`` tells the bytes of a path.
    """
    if not version.location:
        return
    look = _Look(warehouse, version, looked_at, size or warehouse.files.size)
    place = warehouse.absolute(version.location)
    if version.format is Format.FILE:
        yield from look.at("file", place, version.bytes)
    elif version.format is Format.ICEBERG:
        yield from look.at_all(place)


def moved_from(warehouse: Warehouse, version: Version) -> str | None:
    """The folder that a table was written to, where it is not the one in which it stands now.

    Iceberg's metadata holds absolute paths: those of a home that was moved or copied lead back.
    """
    if version.format is not Format.ICEBERG:
        return None
    try:
        found = metadata.read_metadata(warehouse, version.location)
    except (OSError, StorageError):
        return None
    return _moved_from(found, warehouse, version)


def _moved_from(found: metadata.Metadata, warehouse: Warehouse, version: Version) -> str | None:
    written = str(found.raw.get("location", "")).removeprefix("file://")
    folder = warehouse.absolute(version.location.rpartition("/metadata/")[0])
    return written if written and written != folder else None


@dataclass(frozen=True, slots=True)
class _Look:
    warehouse: Warehouse
    version: Version
    looked_at: set[str]
    size: Size

    def at_all(self, place: str) -> Iterator[Damage]:
        """Follow the metadata down to the data; what hangs on a broken link is not looked at."""
        if place in self.looked_at:
            return
        missing = list(self.at("metadata file", place))
        yield from missing
        if missing:
            return
        try:
            found = metadata.read_metadata(self.warehouse, self.version.location)
        except (OSError, StorageError) as error:
            yield self._unreadable("metadata file", place, error)
            return
        if _moved_from(found, self.warehouse, self.version):
            yield from self._by_name()
        elif (snapshot := found.snapshot) is not None:
            yield from self._manifests(found, snapshot["manifest-list"])

    def at(self, what: str, path: str, size: int | None = None) -> Iterator[Damage]:
        """One file, unless it was looked at before."""
        if path in self.looked_at:
            return
        self.looked_at.add(path)
        try:
            found = self.size(path.removeprefix("file://"))
        except FileNotFoundError:
            yield self._damage(what, path, "is gone")
        except OSError as error:
            yield self._unreadable(what, path, error)
        else:
            if size is not None and found != size:
                yield self._damage(what, path, f"has {found:,} bytes instead of {size:,}")

    def _by_name(self) -> Iterator[Damage]:
        """Only the data files that the version itself names: its manifests point elsewhere."""
        files = self.version.intent.files
        size = self.version.bytes if len(files) == 1 else None
        for path in files:
            yield from self.at("data file", self.warehouse.absolute(path), size)

    def _manifests(self, found: metadata.Metadata, place: str) -> Iterator[Damage]:
        missing = list(self.at("manifest list", place))
        yield from missing
        if missing:
            return
        try:
            manifests = metadata.manifests(found)
        except (OSError, StorageError) as error:
            yield self._unreadable("manifest list", place, error)
            return
        for manifest in manifests:
            if manifest.manifest_path not in self.looked_at:
                yield from self._manifest(manifest)

    def _manifest(self, manifest: ManifestFile) -> Iterator[Damage]:
        path = manifest.manifest_path
        missing = list(self.at("manifest", path, manifest.manifest_length))
        yield from missing
        if missing:
            return
        try:
            files = metadata.files_of(self.warehouse, manifest)
        except (OSError, StorageError) as error:
            yield self._unreadable("manifest", path, error)
            return
        for file in files:
            yield from self.at("data file", file.path, file.size)

    def _unreadable(self, what: str, path: str, error: OSError | StorageError) -> Damage:
        if isinstance(error, StorageError):
            return self._damage(what, path, error.message.removeprefix(f"{path} "))
        return self._damage(what, path, f"cannot be read: {error}")

    def _damage(self, what: str, path: str, problem: str) -> Damage:
        return Damage(self.version, what, self.warehouse.relative(path), problem)
