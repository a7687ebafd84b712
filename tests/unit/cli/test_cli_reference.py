"""The reference page is what the commands say of themselves, and every schema is one."""

import json
from pathlib import Path

import jsonschema
import pytest

from galley.cli.reference import reference

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = sorted((ROOT / "src/galley/cli/schemas").glob("*.json"))


def test_the_reference_is_fresh() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    assert page == reference(), "python -m galley.cli.reference > docs/reference/cli.md"


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_schemas_are_schemas(path: Path) -> None:
    schema = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"galley:cli/{path.stem}"
    assert schema["required"], "an answer without a required key promises nothing"
