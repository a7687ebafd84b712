"""The whole OpenAPI document, played with values of every kind: what it says is what happens."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import checks

from galley.server.api.app import described
from tests.integration.api.conftest import Served

schemathesis.openapi.media_type("application/gzip", strategies.binary())
FEW, MANY = 2, 100
STREAMS = {"/api/v1/events"}
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@schemathesis.serializer("application/gzip")
def as_it_is(ctx: Any, value: Any) -> Any:
    """An upload of any bytes."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def test_the_document_is_complete(served: Served) -> None:
    document = served.client.get(f"{served.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document == described(served.app)
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            for status, answer in call["responses"].items():
                for media, content in answer.get("content", {}).items():
                    told = (path, method, status, media)
                    assert "schema" in content, told
                    assert media.startswith("text/") or "example" in content, told


@pytest.mark.timeout(600)
@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_no_value_breaks_it(served: Served, examples: int) -> None:
    document = schemathesis.openapi.from_dict(described(served.app))
    found: list[Any] = [one.ok() for one in document.get_all_operations()]  # type: ignore[union-attr]
    for operation in found:
        if operation.path not in STREAMS:
            _play(operation, served.url, examples)
    assert len(found) >= 35


def _play(operation: Any, url: str, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy())
    def play(case: Any) -> None:
        if isinstance(case.query, dict):
            case.query.pop("follow", None)
        case.call_and_validate(base_url=url, checks=CHECKS)

    play()
