"""The command as a user runs it: another process, its status, what it printed, and its schema."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from tests.warm.interpreter import interpreter, startup

HIDDEN = ("GALLEY_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
OURS = startup(os.environ)


@dataclass(frozen=True)
class Ran:
    """One command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer."""
        return json.loads(self.out)

    def follows(self, schema: str) -> Any:
        """The answer, which must follow a published schema."""
        validate(self.json, schema)
        return self.json


@dataclass(frozen=True)
class Shell:
    """Somebody at a project's folder. ``cold``: each command starts a Python of its own."""

    folder: Path
    user: str = "ana"
    cold: bool = False

    def galley(self, *arguments: str, expect: int | None = 0, **environ: str) -> Ran:
        """Run a command; ``expect`` is the status it must end with."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(HIDDEN)}
        kept |= {"GALLEY_USER": self.user, "GALLEY_CONTEXT": "local"} | environ
        run = cold if self.cold or startup(kept) != OURS else interpreter(OURS).run
        done = run(["-m", "galley", *arguments], self.folder, kept, 90)
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert expect is None or ran.status == expect, f"{ran.status}\n{ran.out}\n{ran.err}"
        return ran

    def git(self, *arguments: str) -> None:
        """Run git as a named author."""
        who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
        command = ["git", *who, "-c", "init.defaultBranch=main", *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def cold(
    arguments: Sequence[str], folder: Path, environ: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """``python ARGUMENTS`` in a folder, with nothing to read."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def validate(answer: Any, schema: str) -> None:
    """Raise unless an answer follows a published schema."""
    text = files("galley.cli").joinpath(f"schemas/{schema}.json").read_text("utf-8")
    kind = jsonschema.Draft202012Validator
    kind(json.loads(text), format_checker=kind.FORMAT_CHECKER).validate(answer)


def shop(folder: Path) -> Shell:
    """A new project called ``shop``."""
    Shell(folder).galley("init", "shop")
    return Shell(folder / "shop")


DUPLICATED = """\
/* @galley
tests:
  - unique: {column: order_id, name: one_row_each}
*/
SELECT * FROM raw_orders UNION ALL SELECT * FROM raw_orders WHERE order_id <= 3
"""
"""A version of the step ``orders`` whose blocking test fails."""
