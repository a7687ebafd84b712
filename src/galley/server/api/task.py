"""What a server tells the process that serves its REST API."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Task:
    """What a server tells its process: the home, the socket, and where projects are.

    ``folders`` are the folders of projects by name; ``folder`` is the one that names the place of
    the home's tables. ``names`` are the hosts that the API is called by, ``slots`` the server's own
    worker processes. ``identity``: everybody says who they are; ``secure``: browsers reach it
    through TLS.
    """

    home: str
    socket: int
    folder: str | None = None
    folders: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    slots: int = 0
    identity: bool = False
    secure: bool = False
    certificate: str | None = None
    certificate_key: str | None = None
