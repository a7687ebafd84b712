"""A Python step's tables: opened when the first is asked for, read when the step reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from galley.errors import InternalError
from galley.lake.handle import Table
from galley.lake.model import Format
from galley.lake.warehouse import storage_errors
from galley.runs.protocol import StepTask
from galley.runs.runner.session import open_session

if TYPE_CHECKING:
    import duckdb


class Inputs:
    """The inputs of one attempt, all on one connection that is closed at the end."""

    def __init__(self, task: StepTask) -> None:
        self._task = task
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Inputs:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def table(self, name: str) -> Table | Path | None:
        """The handle of an input, or the path of one that is a file.

        A step that reads its own table gets ``None`` before there is one.
        """
        version = self._task.inputs.get(name)
        if version is None and name in self._task.step.outputs:
            return None
        if version is None:
            raise InternalError(f"the input {name} was not given to the step")
        if version.format is Format.FILE:
            store = self._task.store
            with storage_errors(f"reading the file {name}"):
                folder = str(Path(self._task.scratch, "files"))
                return Path(store.files.fetch(store.absolute(version.location), folder))
        if self._connection is None:
            self._connection = open_session(self._task)
        return Table(self._connection, name)
