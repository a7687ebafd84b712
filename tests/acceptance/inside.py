"""The command inside the test's own process, where one of its own would prove nothing more."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from galley.cli.main import execute
from tests.cli_cast import Ran


@dataclass(frozen=True)
class Inside:
    """Ana at a project's folder, without a process for each command."""

    folder: Path

    def galley(self, *arguments: str, **environ: str) -> Ran:
        """Run a command; what it must never say is checked at once."""
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name, value in {"GALLEY_USER": "ana", "COLUMNS": "200", **environ}.items():
                patch.setenv(name, value)
            with redirect_stdout(out), redirect_stderr(err):
                status = execute(list(arguments))
        ran = Ran(status, out.getvalue(), err.getvalue())
        for never in ("Traceback", "a defect of Galley"):
            assert never not in ran.out + ran.err, ran.err
        return ran

    def heads(self) -> dict[str, str]:
        """Every ref with the commit it shows."""
        refs: list[dict[str, Any]] = json.loads(self.galley("kitchen", "--json").out)["refs"]
        return {ref["ref"]: ref["head"] for ref in refs}


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write a project's files; names without a folder are steps of the pipeline ``loans``."""
    for path, content in {"galley.yaml": "name: library\n", **files}.items():
        inside = path if "/" in path or path == "galley.yaml" else f"pipelines/loans/{path}"
        target = folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
