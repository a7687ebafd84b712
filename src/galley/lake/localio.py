"""pyiceberg's file interface over a warehouse's files, without its Arrow or fsspec back ends."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from galley.lake.objects import ObjectFiles
from galley.lake.warehouse import Warehouse

if TYPE_CHECKING:
    from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream


def file_io(warehouse: Warehouse) -> FileIO:
    """What opens the warehouse's files for pyiceberg."""
    return _object_io(warehouse.objects) if warehouse.objects else local_io()


@cache
def local_io() -> FileIO:
    """Opens files by absolute path or ``file://`` address; loads pyiceberg when first called."""
    from pyiceberg.io import FileIO, InputFile, OutputFile

    class LocalInput(InputFile):
        def __len__(self) -> int:
            return _path(self.location).stat().st_size

        def exists(self) -> bool:
            return _path(self.location).exists()

        def open(self, seekable: bool = True) -> InputStream:
            return cast("InputStream", _path(self.location).open("rb"))

    class LocalOutput(OutputFile):
        def __len__(self) -> int:
            return _path(self.location).stat().st_size

        def exists(self) -> bool:
            return _path(self.location).exists()

        def to_input_file(self) -> InputFile:
            return LocalInput(self.location)

        def create(self, overwrite: bool = False) -> OutputStream:
            mode = "wb" if overwrite else "xb"
            return cast("OutputStream", _path(self.location).open(mode))

    class LocalIO(FileIO):
        def new_input(self, location: str) -> InputFile:
            return LocalInput(location)

        def new_output(self, location: str) -> OutputFile:
            return LocalOutput(location)

        def delete(self, location: str | InputFile | OutputFile) -> None:
            _path(location if isinstance(location, str) else location.location).unlink()

    return LocalIO()


@cache
def _object_io(files: ObjectFiles) -> FileIO:
    from pyiceberg.io import FileIO, InputFile, OutputFile

    class Writing(io.BytesIO):
        def __init__(self, location: str) -> None:
            super().__init__()
            self.location = location

        def close(self) -> None:
            if not self.closed:
                files.write(self.location, self.getvalue())
            super().close()

    class ObjectInput(InputFile):
        def __len__(self) -> int:
            return files.size(self.location)

        def exists(self) -> bool:
            raise NotImplementedError

        def open(self, seekable: bool = True) -> InputStream:
            return cast("InputStream", io.BytesIO(files.read(self.location)))

    class ObjectOutput(OutputFile):
        def __len__(self) -> int:
            return files.size(self.location)

        def exists(self) -> bool:
            raise NotImplementedError

        def to_input_file(self) -> InputFile:
            return ObjectInput(self.location)

        def create(self, overwrite: bool = False) -> OutputStream:
            return cast("OutputStream", Writing(self.location))

    class ObjectIO(FileIO):
        def new_input(self, location: str) -> InputFile:
            return ObjectInput(location)

        def new_output(self, location: str) -> OutputFile:
            return ObjectOutput(location)

        def delete(self, location: str | InputFile | OutputFile) -> None:
            files.remove([location if isinstance(location, str) else location.location])

    return ObjectIO()


def _path(location: str) -> Path:
    return Path(location.removeprefix("file://"))
