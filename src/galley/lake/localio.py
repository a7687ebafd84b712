"""pyiceberg's file interface over plain local files, without its Arrow or fsspec back ends."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream


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


def _path(location: str) -> Path:
    return Path(location.removeprefix("file://"))
