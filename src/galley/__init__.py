"""Galley: every pipeline run is a tested transaction on versioned data.

``step`` and ``File`` are for the files of a pipeline; ``connect`` opens a project from Python.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from galley.version import VERSION

if TYPE_CHECKING:
    from galley.sdk.authoring import File, step

__version__ = VERSION

__all__ = ["File", "__version__", "connect", "step"]

_PLACES = {
    "File": "galley.sdk.authoring",
    "step": "galley.sdk.authoring",
    "connect": "galley.sdk.client",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that ``import galley`` costs nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module 'galley' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
