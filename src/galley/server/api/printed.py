"""Everything that the steps of a run printed, file by file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from galley.environments import printed
from galley.environments.inspect import Facts
from galley.environments.inspect_runs import get_run
from galley.environments.printed import Printed
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import Routes
from galley.server.api.logs import MOST, USUAL
from galley.server.api.paging import Page

routes = Routes("runs")

FILE = s.named(
    "PrintedFile",
    s.record(
        "What an attempt, or the tests of its results (`tests`), printed to one stream.",
        file=s.TEXT,
        label=s.TEXT,
        step=s.TEXT,
        attempt=s.TEXT,
        stream=s.one_of("stdout", "stderr"),
        tests=s.YES_NO,
        bytes=s.WHOLE,
    ),
)
FILES = s.page("Printed", FILE, over=s.YES_NO)
TEXT = s.Shape({"type": "string", "description": "The bytes as text."}, "text/plain")


@routes.get("/runs/{run}/printed", FILES, kind="run")
def list_printed(call: Calling, run: str, page: Page) -> Facts:
    """The files of what the steps of a run printed. `over`: nothing will be added any more."""
    (after,) = page.after(int) or (0,)
    with call.home.database.read() as connection:
        over = get_run(connection, run).state.terminal
    numbered = list(enumerate(printed.files(call.home, run), 1))[after:]
    answer = page.page(
        numbered[: page.limit + 1],
        lambda pair: (pair[0],),
        lambda some: [_facts(one) for _, one in some],
    )
    return {**answer, "over": over}


@routes.get("/runs/{run}/printed/{file}", TEXT, kind="run")
def read_printed(
    call: Calling,
    run: str,
    file: str,
    offset: Annotated[int, Query(ge=0, le=1 << 40, description="Bytes.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Bytes at most.")] = USUAL,
) -> Response:
    """A part of a file. The header `X-Log-Next` says where it ends."""
    with call.home.database.read() as connection:
        get_run(connection, run)
    part = printed.read_file(call.home, run, file, offset, limit)
    headers = {"x-log-offset": str(part.offset), "x-log-next": str(part.next)}
    headers["x-log-size"] = str(part.size)
    return Response(part.data, 200, headers, "text/plain; charset=utf-8")


def _facts(one: Printed) -> Facts:
    found = asdict(one)
    return {"file": found.pop("name"), "label": one.label, **found, "stream": one.stream.value}
