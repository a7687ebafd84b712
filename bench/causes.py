"""Why a line is over its budget, as measured by profile; told in the documentation."""

from __future__ import annotations

CAUSES: dict[str, str] = {}
"""By the name of the record; read only for those over budget."""
