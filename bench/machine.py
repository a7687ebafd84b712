"""Facts about the machine, and waiting until nobody else works on it."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

PACKAGES = ("galley-dataops", "duckdb", "pyarrow", "pyiceberg", "sqlalchemy", "sqlglot", "pydantic")
QUIET = 0.15
"""Busy cores, over a second, below which a machine counts as quiet."""


def facts() -> dict[str, Any]:
    """Cores, memory, system and versions; nothing that names the machine or a path on it."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def load() -> float:
    """Runnable processes, averaged over a minute."""
    return round(os.getloadavg()[0], 2)


def busy_cores() -> float:
    """How many cores are at work, over a second."""
    return float(psutil.cpu_percent(interval=1.0)) / 100 * (os.cpu_count() or 1)


def wait_until_quiet(seconds: float) -> bool:
    """Wait, so long at most, until others leave the machine alone; whether they did.

    The minute's load would count our own last measurement, so the present use is looked at.
    """
    end = time.monotonic() + seconds
    while busy_cores() > QUIET:
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
