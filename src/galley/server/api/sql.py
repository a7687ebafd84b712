"""Questions to the tables of a ref."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from galley.environments.inspect import Facts
from galley.environments.reading import Reader, parse_question, rows_facts
from galley.errors import StepError, UnavailableError
from galley.governance.model import Action
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import Routes
from galley.server.api.runs import Body, Name
from galley.server.api.tables import ROWS

routes = Routes("sql")

FILE = s.Shape({"type": "string", "format": "binary"}, "application/octet-stream")
AT_ONCE = 2
"""Questions that are worked on at once; more have to come again."""

SECONDS = 60.0
"""How long a question may take."""

_seats = threading.BoundedSemaphore(AT_ONCE)


class Question(Body):
    """One SELECT."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"query": "SELECT count(*) AS n FROM orders", "ref": "production"}]
        },
    )

    query: str = Field(min_length=1, max_length=200_000)
    ref: Name | None = Field(None, description="Default: the caller's kitchen.")
    limit: int = Field(100, ge=1, le=10_000, description="Rows at most.")
    parameters: dict[str, Any] = Field({}, description="Values of $NAMES in the query.")


@routes.post("/projects/{project}/sql", ROWS, action=Action.READ, errors=(410, 413))
def ask_sql(call: Calling, project: str, body: Question) -> Facts:
    """Ask the tables of a ref a question. Nothing can be written, and no file be read.

    It may take a minute and a gigabyte. `more`: there are more rows than were asked for.
    """
    question = parse_question(body.query)
    target = call.target(project, body.ref)
    reading = Reader(call.home, call.small_site(), project, target)
    with _seat(), reading as reader, _in_time(reader):
        return rows_facts(reader, reader.ask(question, body.parameters), body.limit)


class Export(Question):
    """One SELECT whose rows are written as a file; `limit` does not count."""

    format: Literal["csv", "json", "parquet"] = "csv"


@routes.post("/projects/{project}/sql/file", FILE, action=Action.READ, errors=(410, 413))
def export_sql(call: Calling, project: str, body: Export) -> Response:
    """All rows of an answer as a file. The header `X-Rows` says how many there are."""
    question = parse_question(body.query)
    target = call.target(project, body.ref)
    folder = Path(tempfile.mkdtemp(prefix="galley-sql-"))
    try:
        reading = Reader(call.home, call.small_site(), project, target, also_write=(folder,))
        made = folder / f"rows.{body.format}"
        with _seat(), reading as reader, _in_time(reader):
            count = reader.write(reader.ask(question, body.parameters), made, body.format)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    headers = {"x-rows": str(count), "x-ref": target.ref, "x-commit": target.commit}
    after = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    media = "application/octet-stream"
    return FileResponse(made, media_type=media, headers=headers, background=after)


@contextmanager
def _seat() -> Iterator[None]:
    if not _seats.acquire(timeout=2.0):
        raise UnavailableError(
            f"{AT_ONCE} questions are being worked on already", hint="ask again in a moment"
        )
    try:
        yield
    finally:
        _seats.release()


@contextmanager
def _in_time(reader: Reader) -> Iterator[None]:
    """End a question that takes too long."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        reader.connection.interrupt()

    timer = threading.Timer(SECONDS, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if late.is_set():
            raise StepError(
                f"the question took more than {SECONDS:.0f} seconds and was ended",
                hint="ask for less, or run it as a step",
            ) from error
        raise
    finally:
        timer.cancel()
