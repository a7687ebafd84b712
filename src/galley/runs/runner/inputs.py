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
from galley.runs.runner.sink import Sink

if TYPE_CHECKING:
    import duckdb


class Inputs:
    """The inputs of one attempt, all on one connection that is closed at the end."""

    def __init__(self, task: StepTask, sink: Sink) -> None:
        self._task = task
        self._sink = sink
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Inputs:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def table(self, name: str) -> Table | Path | None:
        """The handle of an input, or the path of one that is a file.

        A step that reads its own table gets ``None`` before there is one; it sees the windows
        that it has made by now.
        """
        version = self._task.inputs.get(name)
        if name in self._task.step.outputs:
            if self._task.spans and self._sink.show(name, self._open()):
                return Table(self._open(), name)
            if version is None:
                return None
        if version is None:
            raise InternalError(f"the input {name} was not given to the step")
        if version.format is Format.FILE:
            store = self._task.store
            with storage_errors(f"reading the file {name}"):
                folder = str(Path(self._task.scratch, "files"))
                return Path(store.files.fetch(store.absolute(version.location), folder))
        return Table(self._open(), name)

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = open_session(self._task)
        return self._connection
