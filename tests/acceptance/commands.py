"""The command line as a user of a fresh machine has it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed."""

    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder with its own home, where ana works."""

    folder: Path

    def galley(self, *arguments: str, status: int = 0) -> Said:
        """Run a command and check how it ended."""
        command = [str(Path(sys.executable).with_name("galley")), *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "GALLEY_USER": "ana"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == status, (
            f"{arguments}: {done.returncode}\n{done.stderr}{done.stdout}"
        )
        return Said(done.stdout, done.stderr)
