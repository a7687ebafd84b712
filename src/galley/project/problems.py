"""Collecting every problem of a project instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from galley.errors import DefinitionError, DefinitionErrors, Where


@dataclass(slots=True)
class Problems:
    """Errors and warnings of one pass over the files."""

    errors: list[DefinitionError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, message: str, where: Where | None, hint: str | None = None) -> None:
        """Note an error and go on."""
        self.errors.append(DefinitionError(message, where=where, hint=hint))

    def warn(self, message: str, where: Where | None = None) -> None:
        """Note something that does not stop a run."""
        self.warnings.append(f"{where}: {message}" if where else message)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note a definition error that is raised inside, and go on after the block."""
        try:
            yield
        except DefinitionErrors as errors:
            self.errors.extend(errors.problems)
        except DefinitionError as error:
            self.errors.append(error)

    def stop(self) -> None:
        """Raise DefinitionErrors if there were errors, in the order of files and lines."""
        if self.errors:
            raise DefinitionErrors(tuple(sorted(self.errors, key=_place)))


def _place(error: DefinitionError) -> tuple[str, int, int]:
    where = error.where
    return (where.path, where.line or 0, where.column or 0) if where else ("", 0, 0)
