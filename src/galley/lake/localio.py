"""pyiceberg's file interface over plain local files, without its Arrow or fsspec back ends."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream


class LocalInput(InputFile):
    """A file to read."""

    def __len__(self) -> int:
        """Size in bytes."""
        return Path(_path(self.location)).stat().st_size

    def exists(self) -> bool:
        """Whether the file is there."""
        return Path(_path(self.location)).exists()

    def open(self, seekable: bool = True) -> InputStream:
        """Open for reading."""
        return cast(InputStream, open(_path(self.location), "rb"))  # noqa: PTH123


class LocalOutput(OutputFile):
    """A file to write, once."""

    def __len__(self) -> int:
        """Size in bytes."""
        return Path(_path(self.location)).stat().st_size

    def exists(self) -> bool:
        """Whether the file is there."""
        return Path(_path(self.location)).exists()

    def to_input_file(self) -> InputFile:
        """The same file, to read."""
        return LocalInput(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        """Open for writing."""
        mode = "wb" if overwrite else "xb"
        return cast(OutputStream, open(_path(self.location), mode))  # noqa: PTH123


class LocalIO(FileIO):
    """Opens files by absolute path or ``file://`` address."""

    def new_input(self, location: str) -> InputFile:
        """A file to read."""
        return LocalInput(location)

    def new_output(self, location: str) -> OutputFile:
        """A file to write."""
        return LocalOutput(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove a file."""
        Path(_path(location if isinstance(location, str) else location.location)).unlink()


def _path(location: str) -> str:
    return location.removeprefix("file://")
