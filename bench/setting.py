"""What every measurement gets: a folder of its own, how many rounds, and the large data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.data import data_folder, flights_parquet
from bench.stand import Stand


@dataclass(frozen=True)
class Setting:
    """Where and how thoroughly to measure. ``quick`` means fewer rounds, never smaller data."""

    root: Path
    quick: bool = False

    def rounds(self, count: int) -> int:
        """How often to measure: ``count`` times, or once in a hurry."""
        return 1 if self.quick else count

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder on the disk that holds the data, removed afterwards."""
        with tempfile.TemporaryDirectory(dir=self.root, prefix="bench-") as name:
            yield Path(name)

    @cached_property
    def flights(self) -> Path:
        """The Parquet file with ten million flights, made at first use."""
        return flights_parquet()

    @cached_property
    def stand(self) -> Stand:
        """A warehouse with the ten million flights as a table, made at first use."""
        return Stand.with_flights(self.root / "stand", self.flights)


@contextmanager
def setting(*, quick: bool) -> Iterator[Setting]:
    """A setting whose folder is removed at the end."""
    base = data_folder()
    with tempfile.TemporaryDirectory(dir=base, prefix="work-") as name:
        yield Setting(Path(name), quick)
