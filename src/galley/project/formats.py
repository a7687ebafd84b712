"""Which format a file has, by the ending of its name."""

from __future__ import annotations

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
PACKED = (".gz", ".zst")


def format_of(path: str) -> str | None:
    """``csv``, ``json`` or ``parquet``; ``None`` for an ending that says nothing."""
    name = path.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)
