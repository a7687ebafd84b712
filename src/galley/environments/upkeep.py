"""The daily round of a server, which no command would do for it."""

from __future__ import annotations

from galley.environments.collection import Outcome, collect_daily
from galley.environments.definitions import known_projects
from galley.environments.home import Home
from galley.environments.launch import kept_code
from galley.errors import GalleyError
from galley.runs import listing


def daily_round(home: Home) -> dict[str, Outcome]:
    """Remove what is over in each project of the home whose round is due.

    What is kept is what the version that ran last says; where nothing ran nothing goes.

    Raises:
        GalleyError: a project's round failed; those of the others were done.
    """
    found: dict[str, Outcome] = {}
    with home.database.read() as connection:
        versions = {
            project: listing.last_definition(connection, project)
            for project in known_projects(connection, ())
        }
        kept = {
            project: kept_code(connection, version)[0].retention
            for project, version in versions.items()
            if version is not None
        }
    troubles: list[GalleyError] = []
    for project, retention in kept.items():
        try:
            outcome = collect_daily(home, project, retention)
        except GalleyError as error:  # the others' rounds go on
            troubles.append(error)
        else:
            found |= {project: outcome} if outcome else {}
    if troubles:
        raise troubles[0]
    return found
