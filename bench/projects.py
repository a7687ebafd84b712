"""Projects to measure, written into a folder."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write a project's files; returns its folder."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return folder


def trivial(folder: Path, count: int) -> Path:
    """Steps that make no table and do nothing, fifty to a file."""
    files = {"galley.yaml": "name: trivial\n"}
    for start in range(0, count, 50):
        functions = "".join(
            f'\n\n@step(materialize="none")\ndef s{number:04}():\n    pass\n'
            for number in range(start, min(start + 50, count))
        )
        files[f"pipelines/trivial/part{start:04}.py"] = f"from galley import step\n{functions}"
    return write(folder, files)


def small_tables(folder: Path, count: int, *, chain: bool) -> Path:
    """SQL steps that each make a table of ten rows: a chain, or all from the first."""
    files = {
        "galley.yaml": "name: small\n",
        "pipelines/small/t0000.sql": "SELECT i AS x, i % 3 AS y FROM range(10) AS r(i)\n",
    }
    for number in range(1, count):
        source = number - 1 if chain else 0
        files[f"pipelines/small/t{number:04}.sql"] = (
            f"SELECT x + {number} AS x, y FROM t{source:04}\n"
        )
    return write(folder, files)
