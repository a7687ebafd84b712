"""``galley logs`` through a server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from galley.cli.commands import logs as local
from galley.cli.lazy import app_of
from galley.cli.remote.client import Client, Request, path_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally
from galley.environments.printed import Printed, Stream

POLL = 0.5


@dataclass
class _There:
    """What a server has of what a run printed."""

    client: Client
    run: str
    last: bool = False

    def over(self) -> bool:
        """As of the list before: what it holds now will not grow."""
        return self.last

    def files(self) -> Iterable[Printed]:
        """The files that there are."""
        for page in self.client.pages(path_of("runs", self.run, "printed")):
            self.last = page["over"]
            for one in page["items"]:
                yield Printed(
                    one["file"],
                    one["step"],
                    one["attempt"],
                    Stream(one["stream"]),
                    one["tests"],
                    one["bytes"],
                )

    def read(self, file: Printed, offset: int) -> bytes:
        """A part of one."""
        path = path_of("runs", self.run, "printed", file.name)
        query = {"offset": offset, "limit": local.MOST}
        return self.client.ask(Request("GET", path, query=query)).content


@as_locally(local.logs)
def logs(
    run: str, step: str | None, follow: bool, stream: local.Stream, project: Path | None
) -> None:
    """Ask for what a run printed."""
    remote = open_remote(project)
    found = remote.find_run(run)["run"]
    steps = [one["name"] for one in remote.client.items(path_of("runs", found, "steps"))]
    wanted = local.Wanted(step, stream, follow)
    local.show(_There(remote.client, found), found, steps, wanted, POLL)


app = app_of(logs)
