"""Manifests and steps as JSON. Fields that hold their default are left out."""

from __future__ import annotations

import json

from galley.codec import from_plain, to_plain
from galley.project.model import Manifest


def manifest_to_json(manifest: Manifest) -> str:
    """The manifest as compact JSON; equal manifests give equal texts."""
    return json.dumps(to_plain(manifest), separators=(",", ":"), ensure_ascii=False)


def manifest_from_json(text: str) -> Manifest:
    """The manifest that ``manifest_to_json`` wrote."""
    return from_plain(Manifest, json.loads(text))
