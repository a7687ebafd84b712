"""The API's own description, without a server: what clients are generated from."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from galley import bootstrap
from galley.server.api.app import api_app, described
from galley.server.api.call import Place


def components() -> dict[str, Any]:
    """The named shapes of ``/openapi.json``."""
    with tempfile.TemporaryDirectory() as folder:
        home = bootstrap.open_home(Path(folder))
        try:
            app = api_app(Place(home, bootstrap.make_site(home, 1), {}))
            shapes: dict[str, Any] = described(app)["components"]["schemas"]
            return shapes
        finally:
            home.database.close()


def digest_of(shapes: dict[str, Any]) -> str:
    """What changes when a shape does, and else stays."""
    text = json.dumps(shapes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
