"""The bench that steps are run on."""

from pathlib import Path

import pytest

from tests.runner_cast import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A project without steps, and an empty warehouse."""
    made = Bench(tmp_path)
    made.project.mkdir()
    made.warehouse.mkdir()
    return made


@pytest.fixture
def numbers(bench: Bench) -> Bench:
    """The same with a table ``numbers``: id 0-9, half of it, and a day of January 2020."""
    select = "SELECT i AS id, i / 2 AS half, DATE '2020-01-01' + i::INT AS day FROM range(10) r(i)"
    bench.run(bench.sql("numbers", select))
    return bench
