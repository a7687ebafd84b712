"""A database on PostgreSQL that the tests of one folder share, one after the other."""

from collections.abc import Iterator

import pytest

from tests.pg_cast import Server


@pytest.fixture(scope="session")
def lasting() -> dict[str, str]:
    """The name of each folder's database, once it was wanted."""
    return {}


@pytest.fixture
def emptied_url(
    request: pytest.FixtureRequest, pg_server: Server, lasting: dict[str, str]
) -> Iterator[str]:
    """Its URL. Tables that a test before has made are there, and empty.

    To make a database with its tables takes longer than most tests.
    """
    folder = request.path.parent.name
    if folder not in lasting:
        lasting[folder] = pg_server.create()
    yield pg_server.url(lasting[folder])
    pg_server.empty(lasting[folder])
