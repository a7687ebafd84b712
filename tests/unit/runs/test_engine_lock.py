"""One engine works on a home."""

from pathlib import Path

import pytest

from galley.errors import StorageError, UnavailableError
from galley.runs.lockfile import EngineLock


def test_one_has_it_until_it_is_given_back(tmp_path: Path) -> None:
    with EngineLock(tmp_path) as first, EngineLock(tmp_path) as second:
        assert (first.acquire(), first.acquire(), second.acquire()) == (True, True, False)
        first.release()
        assert second.acquire()


def test_a_home_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="was deleted or moved"):
        EngineLock(tmp_path / "gone").acquire()


def test_a_lock_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "engine.lock").mkdir()
    with pytest.raises(StorageError, match="cannot be written: Is a directory"):
        EngineLock(tmp_path).acquire()
