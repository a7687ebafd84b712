"""A process that looks once and ends: which files there are, or what a query answers.

``python -m galley.runs.runner.sensor`` is told on standard input and answers on standard output.
"""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from galley.errors import GalleyError
from galley.ids import digest
from galley.lake.bucket import SCHEME, Bucket
from galley.lake.files import Access

MOST_FILES = 10_000
"""So many files may match a pattern; what is remembered of each is a few bytes."""

MOST_ROWS = 1000
STATEMENT_SECONDS = 20


def main() -> None:
    """Look, and answer."""
    told = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"seen": files(told) if "pattern" in told else value(told)}
    except GalleyError as error:
        answer = {"error": error.message}
    except Exception as error:  # noqa: BLE001 - told to who asked
        answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:1000]}
    json.dump(answer, sys.stdout, default=str)


def files(told: dict[str, Any]) -> list[str]:
    """A digest of each file that matches: of its name, its size and when it was changed."""
    pattern = told["pattern"]
    found = _objects(pattern, told) if pattern.startswith(SCHEME) else _local(pattern, told)
    seen: list[str] = []
    for path, size, modified in found:
        if len(seen) == MOST_FILES:
            raise GalleyError(f"more than {MOST_FILES:,} files match {pattern}: narrow it")
        seen.append(digest(path, str(size), str(modified), size=6))
    return sorted(seen)


def _local(pattern: str, told: dict[str, Any]) -> Iterator[tuple[str, int, float]]:
    whole = Path(told["folder"], Path(pattern).expanduser())
    if whole.is_dir():
        whole = whole / "*"
    # Path.glob would also find hidden files.
    for path in glob.iglob(str(whole), recursive=True):  # noqa: PTH207
        try:
            status = os.stat(path)  # noqa: PTH116
        except FileNotFoundError:
            continue
        if Path(path).is_file():
            yield path, status.st_size, status.st_mtime_ns


def _objects(pattern: str, told: dict[str, Any]) -> Iterator[tuple[str, int, float]]:
    name, _, key = pattern.removeprefix(SCHEME).partition("/")
    given = told.get("connection") or {}
    options = {one: given.get(one) for one in ("region", "key", "secret", "token")}
    bucket = Bucket(name, Access(given.get("url") or None, **options))
    key = f"{key}*" if not key or key.endswith("/") else key
    prefix = re.split(r"[*?\[]", key)[0]
    wanted = re.compile(_expression(key))
    for found in bucket.listing(prefix):
        path = found.path.removeprefix(f"{SCHEME}{name}/")
        if wanted.fullmatch(path):
            yield path, found.bytes, found.modified


def _expression(pattern: str) -> str:
    """A pattern as a regular expression: ``**`` crosses folders, ``*`` and ``?`` do not."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(words.get(part, re.escape(part)) for part in parts)


def value(told: dict[str, Any]) -> list[Any]:
    """The rows that a query of a PostgreSQL database answers."""
    import psycopg

    limit = f"-c statement_timeout={STATEMENT_SECONDS}s"
    url = told["connection"]["url"]
    with psycopg.connect(url, connect_timeout=10, options=limit) as connection:
        connection.read_only = True
        rows = connection.execute(told["query"]).fetchmany(MOST_ROWS)
    return [[str(cell) for cell in row] for row in rows]


if __name__ == "__main__":
    main()
