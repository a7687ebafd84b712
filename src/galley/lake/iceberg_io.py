"""What pyiceberg's readers see of a warehouse's files, without its Arrow or fsspec back ends.

Only reading: manifests are written by ``manifests``, and removed by whoever collects.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, cast

from galley.lake.files import Files, LocalFiles
from galley.lake.objects import ObjectFiles
from galley.lake.warehouse import Warehouse

if TYPE_CHECKING:
    from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile


def file_io(warehouse: Warehouse) -> FileIO:
    """What opens the warehouse's files, by absolute path or ``file://`` address."""
    return _reading(warehouse.objects)


@cache
def _reading(objects: ObjectFiles | None) -> FileIO:
    """Loads pyiceberg when first called."""
    from pyiceberg.io import FileIO, InputFile

    files: Files = objects or LocalFiles()

    class Input(InputFile):
        def __len__(self) -> int:
            return files.size(_path(self.location))

        def exists(self) -> bool:
            try:
                files.size(_path(self.location))
            except FileNotFoundError:
                return False
            return True

        def open(self, seekable: bool = True) -> InputStream:
            return cast("InputStream", io.BytesIO(files.read(_path(self.location))))

    class Reading(FileIO):
        def new_input(self, location: str) -> InputFile:
            return Input(location)

        def new_output(self, location: str) -> OutputFile:
            raise io.UnsupportedOperation(f"{location} can only be read")

        def delete(self, location: str | InputFile | OutputFile) -> None:
            raise io.UnsupportedOperation(f"{location} can only be read")

    return Reading()


def _path(location: str) -> str:
    return location.removeprefix("file://")
