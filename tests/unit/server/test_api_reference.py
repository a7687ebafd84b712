"""The page of all calls says what the API is."""

from pathlib import Path

from galley.server.api.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api-calls.md"


def test_the_page_is_fresh() -> None:
    again = "python -m galley.server.api.reference > docs/reference/api-calls.md"
    assert PAGE.read_text("utf-8") == reference(), again
