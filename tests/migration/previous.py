"""What a release does with a home whose schema a newer one has made ready already.

    python -m tests.migration.previous FOLDER URL

Run with the older release's ``src`` first on ``PYTHONPATH``. An engine of it that was at work
during the migration does the same: it does not look at the schema again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from galley import bootstrap
from galley.db import schema
from galley.db.engine import Database


def main() -> int:
    """Run a project to the end; the exit status says whether it was published."""
    folder, url = Path(sys.argv[1]), sys.argv[2]
    # It has opened the database before the migration.
    schema.prepare = _opened
    step = folder / "pipelines" / "p" / "one.sql"
    step.parent.mkdir(parents=True, exist_ok=True)
    (folder / "galley.yaml").write_text("name: works\n")
    step.write_text("/* @galley\ntests: [{unique: a}]\n*/\nSELECT range AS a FROM range(10)\n")
    from galley.cli.main import execute

    status = execute(["run", "--project", str(folder)])
    print(bootstrap.__file__, url)  # noqa: T201 - says whose code it was
    return status


def _opened(database: Database) -> None:
    """The schema is not looked at."""


if __name__ == "__main__":
    raise SystemExit(main())
