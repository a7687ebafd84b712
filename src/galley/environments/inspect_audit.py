"""The audit trail as plain values for every edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from galley.clock import iso
from galley.environments.inspect import Facts


def entry_facts(row: Mapping[str, Any]) -> Facts:
    """An entry as ``galley audit --json`` prints it."""
    return {
        "at": iso(row["at"]),
        "actor": row["actor"],
        "on_behalf_of": row["on_behalf_of"],
        "action": row["action"],
        "object_kind": row["object_kind"],
        "object": row["object"],
        "rule": row["rule"],
        "reason": row["reason"],
        "before": row["before"],
        "after": row["after"],
        "detail": row["detail"] or {},
    }
