"""A project's files as somebody sends them: put aside as they come, compiled apart, removed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from galley.environments import intake
from galley.errors import InvalidRequestError, StorageError, UsageError
from galley.project import uploads
from galley.project.model import Manifest
from galley.runs import scratch
from galley.server.api.call import Call
from galley.server.api.guard import Upload

ARCHIVE = Upload(
    "application/gzip",
    "The project's files, as a tar archive compressed with gzip, `galley.yaml` at its top.",
    uploads.LARGEST,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """An archive, and its digest."""

    packed: Path
    sha: str

    @contextmanager
    def compiled(self, project: str) -> Iterator[tuple[Manifest, Path]]:
        """The manifest, and the folder that holds the files for as long as this lasts.

        Raises:
            DefinitionErrors: the definitions are wrong.
            InvalidRequestError: it is no project, or another one.
            TooLargeError: it is too large, or takes too long.
        """
        folder = self.packed.with_name("project")
        try:
            manifest = intake.take_in(self.packed, folder)
            if manifest.project != project:
                raise InvalidRequestError(
                    f"the archive is of the project {manifest.project}, not of {project}",
                    hint=f"calls below /api/v1/projects/{manifest.project} take it",
                )
            yield manifest, folder
        finally:
            # Thousands of files are not removed between the answers to others.
            scratch.remove(folder)


@asynccontextmanager
async def received(request: Request, call: Call) -> AsyncIterator[Sent]:
    """What a request brings, when it has its turn to be compiled.

    Raises:
        StorageError: it cannot be kept.
        UsageError: it broke off.
    """
    packed = intake.quarantine(call.home) / "upload"
    try:
        sha = await _kept(request.stream(), packed)
        async with request.app.state.intakes:
            yield Sent(packed, sha)
    finally:
        scratch.remove(packed.parent)


async def _kept(chunks: AsyncIterator[bytes], packed: Path) -> str:
    """Put an upload into a file as it comes; its digest."""
    found = hashlib.sha256()
    with packed.open("xb") as file:
        try:
            async for chunk in chunks:
                found.update(chunk)
                file.write(chunk)
        except ClientDisconnect:
            raise UsageError("the upload ended before it was whole; nothing was kept") from None
        except OSError as error:
            raise StorageError(f"the upload cannot be kept: {error.strerror}") from error
    return found.hexdigest()
